"""The board in memory that processes of one machine share: made by their parent before it forks.

Each process writes into a slot of its own, and nobody locks: a slot has two halves, written in
turn, and what a reader meets half written does not match its checksum, so that it takes the other
half. A process may be killed at any instruction: what it posted ends with its lease. The memory is
gone with the last process; untouched parts of it cost nothing.
"""

import mmap
import struct
import time
from collections.abc import Mapping
from zlib import crc32

from events.errors import BoardUnavailable
from events.usage.board import LEASE_S

HALF_BYTES = 2 * 2**20  # a user takes about 30 bytes for each limit
SLOT_BYTES = 2 * HALF_BYTES
# Number of the posting, nanoseconds of the monotonic clock, which all processes of a machine share,
# process id, length of the posting; the checksum is of these and of the posting, and comes first.
_HEAD = struct.Struct("<QQ32sI")
_CHECKSUM = struct.Struct("<I")
_POSTING_AT = _CHECKSUM.size + _HEAD.size


def share_memory(slots: int) -> mmap.mmap:
    """Memory for so many processes, to be inherited by them."""
    return mmap.mmap(-1, slots * SLOT_BYTES)


class MemoryBoard:
    """The board as the process in `slot` sees it; no two living ones may have the same."""

    def __init__(self, memory: mmap.mmap, slot: int) -> None:
        self._memory = memory
        self._slot = slot
        self._number = 0

    async def exchange(self, process_id: str, posting: bytes) -> Mapping[str, bytes]:
        if _POSTING_AT + len(posting) > HALF_BYTES:
            raise BoardUnavailable(f"a posting of {len(posting)} bytes does not fit")
        self._write(process_id, posting)
        others = {}
        for slot in range(len(self._memory) // SLOT_BYTES):
            if slot != self._slot and (found := self._newest(slot)) is not None:
                others[found[0]] = found[1]
        return others

    async def remove(self, process_id: str) -> None:
        for half in (0, 1):
            start = self._start(self._slot, half)
            self._memory[start : start + _POSTING_AT] = bytes(_POSTING_AT)

    async def close(self) -> None:
        """The memory is everybody's."""

    def _write(self, process_id: str, posting: bytes) -> None:
        self._number += 1
        start = self._start(self._slot, self._number % 2)
        name = process_id.encode()
        head = _HEAD.pack(self._number, time.monotonic_ns(), name, len(posting))
        checksum = _CHECKSUM.pack(crc32(posting, crc32(head)))
        end = start + _POSTING_AT + len(posting)
        self._memory[start:end] = checksum + head + posting

    def _newest(self, slot: int) -> tuple[str, bytes] | None:
        """Process id and posting; None for a slot that nobody uses, or no longer."""
        oldest_ns = time.monotonic_ns() - int(LEASE_S * 1e9)
        found = [self._read(self._start(slot, half)) for half in (0, 1)]
        valid = [one for one in found if one is not None and one[1] >= oldest_ns]
        if not valid:
            return None
        _, _, process_id, posting = max(valid, key=lambda one: one[1])
        return process_id, posting

    def _read(self, start: int) -> tuple[int, int, str, bytes] | None:
        """Number, time, process id and posting; None for one that is not whole."""
        (checksum,) = _CHECKSUM.unpack_from(self._memory, start)
        head = self._memory[start + _CHECKSUM.size : start + _POSTING_AT]
        number, at_ns, name, length = _HEAD.unpack(head)
        if number == 0 or _POSTING_AT + length > HALF_BYTES:
            return None
        posting = self._memory[start + _POSTING_AT : start + _POSTING_AT + length]
        if crc32(posting, crc32(head)) != checksum:
            return None
        return number, at_ns, name.decode(), posting

    @staticmethod
    def _start(slot: int, half: int) -> int:
        return slot * SLOT_BYTES + half * HALF_BYTES
