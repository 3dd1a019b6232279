"""Copying of the bytes that a resumable upload has in earlier files to its newest one.

A file has its bytes at their final place, so that one which begins later has a hole before them.
Everything blocks.
"""

import errno
import os
from pathlib import Path

from storage.errors import PartialLost

STEP_BYTES = 64 * 1024 * 1024  # one call, which a thread cannot end earlier
_READ_BYTES = 1024 * 1024
_NO_COPYING = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})


def copy_piece(source: Path, target: int, begin: int, end: int) -> None:
    """Copy bytes of a file to the same place of an open one. Raises: PartialLost, OSError."""
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError as exc:
        raise PartialLost from exc
    try:
        while begin < end:
            copied_bytes = _copy_some(descriptor, target, begin, end - begin)
            if copied_bytes == 0:
                raise PartialLost
            begin += copied_bytes
    finally:
        os.close(descriptor)


def _copy_some(source: int, target: int, at: int, most_bytes: int) -> int:
    try:
        return os.copy_file_range(source, target, most_bytes, at, at)
    except OSError as exc:
        if exc.errno not in _NO_COPYING:
            raise
    return os.pwrite(target, os.pread(source, min(most_bytes, _READ_BYTES), at), at)
