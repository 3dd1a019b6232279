"""Metrics wiring: the parts of a process that its series follow."""
