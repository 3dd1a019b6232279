"""Copies ranges of one file into another, by the kernel where it can. Blocks."""

import os
from typing import BinaryIO

# So many bytes are held in memory where the kernel does not copy.
_PIECE_BYTES = 1 << 20
_MOST_AT_ONCE = 1 << 30


def copy_range(source: BinaryIO, target: BinaryIO, start: int, stop: int) -> None:
    """Appends `source[start:stop]`. Raises: OSError, also when the source is shorter."""
    target.flush()
    start += _copy_in_kernel(source.fileno(), target.fileno(), start, stop)
    source.seek(start)
    while start < stop:
        piece = source.read(min(_PIECE_BYTES, stop - start))
        if not piece:
            raise OSError(f"{source.name} ends before {stop}")
        target.write(piece)
        start += len(piece)


def _copy_in_kernel(source: int, target: int, start: int, stop: int) -> int:
    """Copied bytes: fewer than wanted where the kernel or the file system does not do it."""
    copied = 0
    while start + copied < stop:
        wanted = min(_MOST_AT_ONCE, stop - start - copied)
        try:
            step = os.copy_file_range(source, target, wanted, offset_src=start + copied)
        except OSError:
            break
        if step == 0:
            break
        copied += step
    return copied
