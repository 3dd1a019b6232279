"""Files out of the kernel's page cache, as those are that nobody has watched for weeks."""

import ctypes
import mmap
import os
from pathlib import Path

import pytest

ATTEMPTS = 100
LIBC = ctypes.CDLL(None, use_errno=True)


def evict(path: Path) -> None:
    """Puts a file out of the page cache; where the file system keeps it, the test is skipped."""
    with path.open("rb") as file:
        for _ in range(ATTEMPTS):
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            if not resident_pages(file.fileno()):
                return
    pytest.skip("this file system keeps its pages")


def resident_pages(descriptor: int) -> int:
    """Returns how many pages of a file are cached; unlike reading, does not fetch any (mincore)."""
    with mmap.mmap(descriptor, 0, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE) as mapped:
        pages = (ctypes.c_ubyte * -(-len(mapped) // mmap.PAGESIZE))()
        start = ctypes.c_char.from_buffer(mapped)
        failed = LIBC.mincore(ctypes.byref(start), ctypes.c_size_t(len(mapped)), pages)
        del start  # the map cannot be closed before
    assert not failed, os.strerror(ctypes.get_errno())
    return sum(page & 1 for page in pages)
