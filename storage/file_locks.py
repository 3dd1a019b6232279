"""Locks on unfinished files: a lock marks a writer and ends with its process.

Clean-up takes files that are not locked and leaves the others alone; a killed process holds no
lock. `flock` works across the machines of a shared mount, too. Nothing here waits.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Some network file systems have no locks: there nothing can be held, and nothing is cleaned up.
_NO_LOCKS = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS})
_NOT_WRITABLE = frozenset({errno.EISDIR, errno.EACCES, errno.EROFS})


def lock_descriptor(descriptor: int, *, is_exclusive: bool = False) -> None:
    """Lock an open file until its descriptor is closed.

    NFS has a shared lock for descriptors that can read, an exclusive one for those that can write.
    Raises: BlockingIOError when clean-up or another holder has it locked.
    """
    kind = fcntl.LOCK_EX if is_exclusive else fcntl.LOCK_SH
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as exc:
        if exc.errno not in _NO_LOCKS:
            raise


@contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Lock a file or directory for the block. Raises: OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        lock_descriptor(descriptor)
        require_linked(descriptor)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def hold_directory(directory: Path) -> Iterator[None]:
    """Mark a directory that is about to be made as held for the block, before it is there.

    NFS keeps locks on directories to the machine, so that a file beside it is locked, too.
    Raises: OSError.
    """
    lock = lock_beside(directory)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        lock_descriptor(descriptor)
        require_linked(descriptor)
        yield
    finally:
        with suppress(FileNotFoundError):
            lock.unlink()
        os.close(descriptor)


def lock_beside(directory: Path) -> Path:
    """The file that is locked for as long as the directory is held."""
    return directory.with_name(f"{directory.name}.lock")


def require_linked(descriptor: int) -> None:
    """Raises: FileNotFoundError for a file removed between being opened and being locked."""
    if os.fstat(descriptor).st_nlink == 0:
        raise FileNotFoundError(errno.ENOENT, "cleared before it was held")


@contextmanager
def try_exclusive_lock(path: Path) -> Iterator[bool]:
    """Yields True if no process holds the file; none can until the block ends.

    True also for a symbolic link, a socket or a missing file, which no upload writes to.
    """
    try:
        descriptor = _open_to_lock(path)
    except OSError as exc:
        yield exc.errno in (errno.ELOOP, errno.ENXIO, errno.ENOENT)
        return
    try:
        yield _try_exclusive(descriptor)
    finally:
        os.close(descriptor)


def _open_to_lock(path: Path) -> int:
    """Opens for writing, too, without which NFS has no exclusive lock; a directory cannot be."""
    flags = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        return os.open(path, os.O_RDWR | flags)
    except OSError as exc:
        if exc.errno not in _NOT_WRITABLE:
            raise
        return os.open(path, os.O_RDONLY | flags)


def _try_exclusive(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
