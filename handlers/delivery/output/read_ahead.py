"""Read-ahead into the page cache of bytes that are about to be sent, off the event loop.

mincore detects warm blocks; where it says no, preadv2(RWF_NOWAIT) decides, which copies resident
pages and refuses disk access. A thread of a separate pool reads cold ones. A block that was warm
counts as warm for seconds, so a popular file costs next to nothing to check. The bytes are
discarded: sendfile sends from the page cache.
"""

import asyncio
import errno
import os
import time

from handlers.delivery.open_files import OpenFile
from handlers.delivery.ranges import ByteSpan
from storage.disk import Disk
from storage.residency import is_in_memory

# The unit of checks, reads and the cache of warm blocks: the kernel's own read-ahead.
BLOCK_BYTES = 1 << 20
# The target of all copies, so that checking a block stays within the CPU's cache.
_SCRATCH_BYTES = 64 * 1024
_SLICES_A_BLOCK = BLOCK_BYTES // _SCRATCH_BYTES

# Memory pressure that evicts a page within this time makes one sendfile wait for the disk.
_BELIEVED_WARM_S = 30.0
# File systems without RWF_NOWAIT: every block counts as cold, and is read by a thread.
_NOT_KNOWN = frozenset({errno.EAGAIN, errno.EOPNOTSUPP, errno.EINVAL})


class ReadAhead:
    """Makes blocks of open files resident; a read that takes over `timeout_s` is given up.

    The disk's queue is bounded by its askers: each transfer waits for one block at a time.
    """

    def __init__(self, disk: Disk, *, timeout_s: float = 30.0) -> None:
        self._disk = disk
        self._timeout_s = timeout_s
        self._scratch = bytearray(_SCRATCH_BYTES)

    def is_resident(self, file: OpenFile, start: int, stop: int) -> bool:
        """True if these bytes are resident, or were seconds ago. Never waits for the disk.

        Called for each window of each response, most of which lie in one known block.
        """
        warm_until_s, now_s = file.warm_until_s, time.monotonic()
        for block in range(start - start % BLOCK_BYTES, stop, BLOCK_BYTES):
            if warm_until_s.get(block, 0.0) <= now_s:
                return self._are_warm(file, block, stop)
        return True

    async def make_resident(self, file: OpenFile, span: ByteSpan) -> None:
        """Return when every block that `span` touches is in memory.

        Raises: TimeoutError; OSError when the disk fails.
        """
        for start in range(span.start - span.start % BLOCK_BYTES, span.stop, BLOCK_BYTES):
            if not self._is_warm(file, start):
                await self._read_in(file, start)
                self._believe_warm(file, start)

    def _are_warm(self, file: OpenFile, start: int, stop: int) -> bool:
        """True if all blocks from `start` on are; the kernel is asked for all of them at once."""
        blocks = range(start, stop, BLOCK_BYTES)
        size_bytes = min(start + len(blocks) * BLOCK_BYTES, file.size_bytes) - start
        if is_in_memory(file.descriptor, start, size_bytes):
            for block in blocks:
                self._believe_warm(file, block)
            return True
        return all(self._is_warm(file, block) for block in blocks)

    def _is_warm(self, file: OpenFile, start: int) -> bool:
        if file.warm_until_s.get(start, 0.0) > time.monotonic():
            return True
        if not self._is_resident(file, start):
            return False
        self._believe_warm(file, start)
        return True

    def _believe_warm(self, file: OpenFile, start: int) -> None:
        file.warm_until_s[start] = time.monotonic() + _BELIEVED_WARM_S

    def _is_resident(self, file: OpenFile, start: int) -> bool:
        expected = min(BLOCK_BYTES, file.size_bytes - start)
        return is_in_memory(file.descriptor, start, expected) or self._is_read(
            file, start, expected
        )

    def _is_read(self, file: OpenFile, start: int, expected: int) -> bool:
        """True if the kernel copies it without the disk."""
        buffers = [self._scratch] * _SLICES_A_BLOCK
        try:
            return os.preadv(file.descriptor, buffers, start, os.RWF_NOWAIT) >= expected
        except OSError as exc:
            if exc.errno in _NOT_KNOWN:
                return False
            raise

    async def _read_in(self, file: OpenFile, start: int) -> None:
        reading = self._disk.start(_read_block, file.descriptor, start)
        # The thread cannot be stopped. Until it is done the descriptor must not be closed, or its
        # number could by then be that of another client's file.
        file.hold()
        reading.add_done_callback(lambda done: _let_go(file, done))
        async with asyncio.timeout(self._timeout_s):
            await asyncio.shield(reading)


def _read_block(descriptor: int, start: int) -> None:
    """Blocks: runs in the pool."""
    os.posix_fadvise(descriptor, start, BLOCK_BYTES, os.POSIX_FADV_WILLNEED)
    scratch = bytearray(_SCRATCH_BYTES)
    os.preadv(descriptor, [scratch] * _SLICES_A_BLOCK, start)


def _let_go(file: OpenFile, reading: "asyncio.Future[None]") -> None:
    file.release()
    if not reading.cancelled():
        reading.exception()  # Marks it as seen when its transfer has gone.
