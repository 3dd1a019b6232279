"""Confinement of a child, in layers, each of which holds where others are missing.

1. namespaces: no other process, no network, no IPC; all that it starts ends with it
2. a root directory with the files of its task only
3. another user, or the same without any capability
4. Landlock: files, network and signals again, by another mechanism
5. seccomp: only the system calls that decoding needs

A layer that the kernel refuses is left out and reported. docs/sandbox.md explains each.
"""

import os
import resource
from collections.abc import Callable

import msgspec

from storage.confinement import file_root, landlock, system_calls, user
from storage.confinement.files import Files, library_paths

# Threads; of all children together where they share a user of their own.
_MOST_PROCESSES = 256
# Since Linux 5.14 processes in a user namespace are counted apart from their user's others.
_COUNTS_APART = (5, 14)


class Confinement(msgspec.Struct, frozen=True):
    """The layers in effect."""

    namespaces: bool
    file_root: bool
    own_user: bool
    landlock: int
    """Version of its ABI, 0 for none."""
    seccomp: bool

    def __str__(self) -> str:
        facts = {
            "seccomp": _yes_or_no(self.seccomp, "system or machine"),
            "landlock": f"yes ({self.landlock})" if self.landlock else "no (kernel)",
            "namespaces": _yes_or_no(self.namespaces, "system"),
            "root directory of its own": _yes_or_no(self.file_root, "system"),
            "user of its own": _yes_or_no(self.own_user, "not started as root"),
        }
        return "sandbox: " + ", ".join(f"{name} {fact}" for name, fact in facts.items())


def confine(files: Files, *, has_namespaces: bool, renew: Callable[[], None]) -> Confinement:
    """Apply the layers that come after loading the libraries; irreversible.

    `renew` restores the settings that a change of user resets. Raises: OSError where a layer failed
    half-way.
    """
    libraries = library_paths()
    has_root = has_namespaces and file_root.enter(libraries, files)
    has_changed = user.drop_rights()
    renew()
    if has_changed or (has_namespaces and _kernel() >= _COUNTS_APART):
        resource.setrlimit(resource.RLIMIT_NPROC, (_MOST_PROCESSES, _MOST_PROCESSES))
    version = landlock.confine(libraries, files)
    return Confinement(
        has_namespaces, has_root, has_changed, version, system_calls.install_filter()
    )


def _kernel() -> tuple[int, int]:
    major, minor = os.uname().release.split(".")[:2]
    return int(major), int("".join(c for c in minor if c.isdigit()) or 0)


def _yes_or_no(stands: bool, reason: str) -> str:
    return "yes" if stands else f"no ({reason})"
