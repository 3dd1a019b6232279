"""A private root directory that contains only given files: pivot_root(2), mount_namespaces(7).

For a process in a mount namespace of its own that may mount there. Unlike Landlock it also hides
names, owners and times, and it works with kernels before 5.13.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from storage.confinement.files import Files
from storage.confinement.kernel import call

_READ_ONLY, _NO_SETUID, _NO_DEVICES, _NO_PROGRAMS = 1, 2, 4, 8
_REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 1 << 5, 1 << 12, 1 << 14, 1 << 18
# Flags that existing mounts keep: only the owner of that namespace may clear them.
_KEPT = _READ_ONLY | _NO_SETUID | _NO_DEVICES | _NO_PROGRAMS | os.ST_NOATIME | os.ST_NODIRATIME
_RELATIVE_TIMES = 1 << 21
_DETACH = 2
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
# Covered while the new root is made: it exists everywhere, and none of its content is needed.
_NEW_ROOT = Path("/proc")


def enter(libraries: Iterable[Path], files: Files) -> bool:
    """Enter the new root; True if nothing else is visible from now on."""
    try:
        _build(libraries, files)
        os.chdir(_NEW_ROOT)
        call("syscall", _PIVOT_ROOT[os.uname().machine], b".", b".")
        call("umount2", b".", _DETACH)
        os.chdir("/")
    except (OSError, KeyError):
        return False
    return True


def _build(libraries: Iterable[Path], files: Files) -> None:
    call("mount", None, b"/", None, _RECURSIVE | _PRIVATE, None)
    flags = _NO_SETUID | _NO_DEVICES | _NO_PROGRAMS
    call("mount", b"tmpfs", bytes(_NEW_ROOT), b"tmpfs", flags, b"size=1m,mode=755")
    for path in libraries:
        _show(path, _READ_ONLY | _NO_SETUID)
    for path in files.written:
        _show(path, _NO_SETUID | _NO_DEVICES | _NO_PROGRAMS)
    for path in set(files.read) - set(files.written):
        _show(path, _READ_ONLY | _NO_SETUID | _NO_PROGRAMS)
    _remount(_NEW_ROOT, _READ_ONLY | flags)


def _show(path: Path, flags: int) -> None:
    """Bind the file or directory under its own path; a missing one is skipped."""
    if not path.exists():
        return
    place = _NEW_ROOT / path.relative_to("/")
    if path.is_dir():
        place.mkdir(parents=True, exist_ok=True)
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    call("mount", bytes(path), bytes(place), None, _BIND | _RECURSIVE, None)
    _remount(place, flags)


def _remount(place: Path, flags: int) -> None:
    found = os.statvfs(place).f_flag
    flags |= found & _KEPT | (_RELATIVE_TIMES if found & os.ST_RELATIME else 0)
    call("mount", None, bytes(place), None, _REMOUNT | _BIND | flags, None)
