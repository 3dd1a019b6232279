"""Files brought into the kernel's page cache ahead of those who will ask for them.

Reads have the idle priority of the disk (ioprio_set(2)). The processor's stays as it is: a thread
that holds the interpreter's lock must not wait behind other programs, or all its process does.
"""

import os
from pathlib import Path

from storage.confinement.priority import let_others_read_first
from storage.errors import wrap_os_errors

PIECE_BYTES = 8 * 2**20
_BLOCK_BYTES = 2**20
_LOOK_BYTES = 64 * 1024


def bring_in(path: Path, start: int) -> int:
    """Brings in a piece of a file; returns how much of it was not there. Blocks.

    Looks at both ends of each block only, so that a file that is there costs next to nothing; what
    the kernel read ahead ends inside a block. Raises: StorageError.
    """
    let_others_read_first()
    scratch, brought = bytearray(_LOOK_BYTES), 0
    with wrap_os_errors(), path.open("rb", buffering=0) as file:
        stop = min(start + PIECE_BYTES, os.fstat(file.fileno()).st_size)
        for block in range(start, stop, _BLOCK_BYTES):
            last = max(block, min(block + _BLOCK_BYTES, stop) - _LOOK_BYTES)
            if not all(_is_there(file.fileno(), scratch, look) for look in (block, last)):
                brought += _read(file.fileno(), scratch, block)
    return brought


def _is_there(descriptor: int, scratch: bytearray, start: int) -> bool:
    try:
        return os.preadv(descriptor, [scratch], start, os.RWF_NOWAIT) > 0
    except OSError:  # not there, or a file system that cannot tell
        return False


def _read(descriptor: int, scratch: bytearray, start: int) -> int:
    """The bytes are discarded: sendfile sends from the page cache."""
    return os.preadv(descriptor, [scratch] * (_BLOCK_BYTES // _LOOK_BYTES), start)
