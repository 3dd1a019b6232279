"""Confinement of a process by the kernel: namespaces, files, system calls."""
