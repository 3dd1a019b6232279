"""Says who is still at work with an unfinished file: a lock that ends with its process.

Whoever cleans up takes what nobody has locked and leaves the rest alone; what a killed process was
at is held by nobody. `flock` works across the machines of a shared mount, too. None of it waits.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Some network file systems know no locks: there nothing can be held, and nothing is cleared.
_NO_LOCKS = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS})


def lock_descriptor(descriptor: int, *, is_exclusive: bool = False) -> None:
    """Hold an open file until its descriptor is closed; alone: beside nobody else.

    Raises: BlockingIOError when whoever cleans up has just got hold of it, or somebody holds it.
    """
    kind = fcntl.LOCK_EX if is_exclusive else fcntl.LOCK_SH
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as exc:
        if exc.errno not in _NO_LOCKS:
            raise


@contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Hold a file or directory for the block. Raises: OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        lock_descriptor(descriptor)
        require_linked(descriptor)
        yield
    finally:
        os.close(descriptor)


def require_linked(descriptor: int) -> None:
    """Raises: FileNotFoundError for what was cleared away between being opened and being held."""
    if os.fstat(descriptor).st_nlink == 0:
        raise FileNotFoundError(errno.ENOENT, "cleared before it was held")


@contextmanager
def try_exclusive_lock(path: Path) -> Iterator[bool]:
    """Whether nobody is at work with it; then nobody begins to before the block ends.

    What cannot be opened is no work of ours.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as exc:
        yield exc.errno in (errno.ELOOP, errno.ENXIO, errno.ENOENT)
        return
    try:
        yield _try_exclusive(descriptor)
    finally:
        os.close(descriptor)


def _try_exclusive(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
