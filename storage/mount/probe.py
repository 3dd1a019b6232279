"""A program of its own that tries in a directory what the storage relies on, in two processes.

`python mount_probe.py DIRECTORY` prints each feature that is missing there, in a line of its own.
It imports nothing of the service, so that it starts in milliseconds; whoever started it can end it
when the mount hangs, and removes the directory.
"""

from __future__ import annotations

import fcntl
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

CONTENT = b"a lecture"
MODE = 0o640


SHARED_LOCK = "shared locks (flock)"
EXCLUSIVE_LOCK = "exclusive locks (flock)"
DIRECTORY_LOCK = "locks on directories (flock)"
LOCKS_SEEN = "locks that other processes respect"
HARD_LINKS = "hard links"
RENAME = "renaming over a file"
FSYNC = "fsync of files"
DIRECTORY_FSYNC = "fsync of directories"
OPEN_UNLINK = "removing a file that is open"
VISIBILITY = "files that other processes see at once"


def missing_features(directory: str) -> list[str]:
    """Raises: OSError when the directory cannot be written to at all."""
    os.chdir(directory)
    _write("held", CONTENT)
    held = os.open(".", os.O_RDONLY)
    missing = [
        feature
        for feature, attempt in (
            (DIRECTORY_LOCK, lambda: fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)),
            (SHARED_LOCK, lambda: _lock("shared", fcntl.LOCK_SH)),
            (EXCLUSIVE_LOCK, lambda: _lock("exclusive", fcntl.LOCK_EX)),
            (HARD_LINKS, _link),
            (RENAME, _rename),
            (FSYNC, lambda: _sync("held", os.O_RDWR)),
            (DIRECTORY_FSYNC, lambda: _sync(".", os.O_RDONLY | os.O_DIRECTORY)),
            (OPEN_UNLINK, _unlink_open),
        )
        if not _works(attempt)
    ]
    return missing + _missing_in_second()


def _works(attempt: Callable[[], object]) -> bool:
    try:
        return attempt() is not False
    except OSError:
        return False


def _lock(name: str, kind: int) -> None:
    """Lock a new file; its descriptor stays open, for the second process."""
    descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, MODE)
    fcntl.flock(descriptor, kind | fcntl.LOCK_NB)


def _link() -> bool:
    os.link("held", "linked", follow_symlinks=False)
    first, second = os.stat("held"), os.stat("linked")
    return (first.st_ino, second.st_nlink) == (second.st_ino, 2)


def _rename() -> bool:
    _write("new", CONTENT)
    _write("old", b"")
    os.replace("new", "old")
    return _read("old") == CONTENT and not os.path.exists("new")


def _sync(name: str, flags: int) -> None:
    descriptor = os.open(name, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unlink_open() -> bool:
    _write("open", CONTENT)
    descriptor = os.open("open", os.O_RDWR)
    try:
        os.unlink("open")
        os.pwrite(descriptor, b"A", 0)
        return os.pread(descriptor, 2, 0) == b"A " and not os.path.exists("open")
    finally:
        os.close(descriptor)


def _missing_in_second() -> list[str]:
    """Features missing to another process, while this one holds its locks."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        missing = [
            feature
            for feature, attempt in (
                (VISIBILITY, lambda: _read("held") == CONTENT),
                (LOCKS_SEEN, _respects_locks),
            )
            if not _works(attempt)
        ]
        _works(lambda: _write("second", CONTENT))
        os.write(writing, "\n".join(missing).encode())
        os._exit(0)
    os.close(writing)
    with open(reading, encoding="ascii") as file:
        missing = file.read().splitlines()
    os.waitpid(pid, 0)
    if not _works(lambda: _read("second") == CONTENT and "second" in os.listdir(".")):
        missing.append(VISIBILITY)
    return missing


def _respects_locks() -> bool:
    return (
        _is_refused("exclusive", fcntl.LOCK_EX)
        and _is_refused("exclusive", fcntl.LOCK_SH)
        and _is_refused("shared", fcntl.LOCK_EX)
        and not _is_refused("shared", fcntl.LOCK_SH)
        and _is_refused(".", fcntl.LOCK_EX, os.O_RDONLY)
        and not _is_refused(".", fcntl.LOCK_SH, os.O_RDONLY)
    )


def _is_refused(name: str, kind: int, flags: int = os.O_RDWR) -> bool:
    descriptor = os.open(name, flags)
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _write(name: str, content: bytes) -> None:
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
    try:
        os.write(descriptor, content)
    finally:
        os.close(descriptor)


def _read(name: str) -> bytes:
    descriptor = os.open(name, os.O_RDONLY)
    try:
        return os.read(descriptor, 2 * len(CONTENT))
    finally:
        os.close(descriptor)


def main() -> None:
    print("\n".join(dict.fromkeys(missing_features(sys.argv[1]))), flush=True)


if __name__ == "__main__":
    main()
