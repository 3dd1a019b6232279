"""The kernel's own account of which bytes of a file are in memory, by mincore(2).

It copies nothing, unlike a read with RWF_NOWAIT, and says no of pages that are still being read,
unlike cachestat(2). The kernel tells it of files of one's own alone, and of any other that all of
it is in memory.
"""

import ctypes
import mmap
import os

# Short calls that never wait: keeping the interpreter's lock is cheaper than giving it away.
_LIBC = ctypes.PyDLL(None)
_LIBC.mmap.restype = ctypes.c_void_p
_LIBC.mmap.argtypes = (
    *(ctypes.c_void_p, ctypes.c_size_t),
    *(ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long),
)
_LIBC.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
_LIBC.mincore.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p)
_THERE = b"\1"
_FAILED = ctypes.c_void_p(-1).value


def is_in_memory(descriptor: int, start: int, size_bytes: int) -> bool:
    """True if all these bytes are; `start` is that of a page. False as well where the kernel does
    not tell. Does not block."""
    if not size_bytes or os.fstat(descriptor).st_uid != os.geteuid():
        return False
    address = _LIBC.mmap(None, size_bytes, mmap.PROT_READ, mmap.MAP_SHARED, descriptor, start)
    if address == _FAILED:
        return False
    pages = ctypes.create_string_buffer(-(-size_bytes // mmap.PAGESIZE))
    try:
        is_told = _LIBC.mincore(address, size_bytes, pages) == 0
    finally:
        _LIBC.munmap(address, size_bytes)
    # Other bits of each byte are undefined; none is set today.
    return is_told and pages.raw.count(_THERE) == len(pages)
