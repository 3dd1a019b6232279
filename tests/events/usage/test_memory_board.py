"""The board in shared memory, met by its readers at every moment of a writing, and after a kill."""

import asyncio
import mmap
import os
import signal
from typing import Any

import pytest

from events.errors import BoardUnavailable
from events.usage import memory_board
from events.usage.memory_board import HALF_BYTES, MemoryBoard, share_memory
from tests.harness.waiting import wait_until

A, B = "a" * 32, "b" * 32


class Interrupted(Exception):
    """The writer was killed."""


class Memory:
    """Shared memory whose writer is killed after so many bytes of a writing."""

    def __init__(self, memory: mmap.mmap, left: int) -> None:
        self._memory, self._left = memory, left

    def __setitem__(self, place: slice, text: bytes) -> None:
        written = text[: self._left]
        self._memory[place.start : place.start + len(written)] = written
        if len(written) < len(text):
            raise Interrupted

    def __getattr__(self, name: str) -> Any:
        return getattr(self._memory, name)

    def __getitem__(self, place: slice) -> bytes:
        return self._memory[place]

    def __len__(self) -> int:
        return len(self._memory)


@pytest.fixture
def memory() -> mmap.mmap:
    return share_memory(3)


async def test_what_one_posts_the_others_read(memory: mmap.mmap) -> None:
    one, other = MemoryBoard(memory, 0), MemoryBoard(memory, 2)
    assert await one.exchange(A, b"first") == {}
    assert await other.exchange(B, b"") == {A: b"first"}

    await one.exchange(A, b"second")

    assert await other.exchange(B, b"") == {A: b"second"}
    assert await one.exchange(A, b"third") == {B: b""}


@pytest.mark.parametrize("left", [0, 1, 3, 4, 11, 30, 56, 57, 58, 66])
async def test_a_writer_that_is_killed_leaves_what_it_posted_before(
    memory: mmap.mmap, left: int
) -> None:
    writer, reader = MemoryBoard(memory, 0), MemoryBoard(memory, 1)
    for posting in (b"before", b"last before"):
        await writer.exchange(A, posting)
    broken: Any = Memory(memory, left)
    writer._memory = broken

    with pytest.raises(Interrupted):
        await writer.exchange(A, b"never whole")

    assert await reader.exchange(B, b"") == {A: b"last before"}


async def test_a_posting_ends_with_its_lease(
    memory: mmap.mmap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_board, "LEASE_S", 0.2)
    await MemoryBoard(memory, 0).exchange(A, b"posted")
    reader = MemoryBoard(memory, 1)
    assert await reader.exchange(B, b"") == {A: b"posted"}

    await wait_until(lambda: reader.exchange(B, b""), lambda found: found == {})


async def test_who_gets_the_slot_of_another_replaces_it_at_once(memory: mmap.mmap) -> None:
    killed, reader = MemoryBoard(memory, 0), MemoryBoard(memory, 1)
    for posting in (b"1", b"2", b"3"):
        await killed.exchange(A, posting)

    await MemoryBoard(memory, 0).exchange("c" * 32, b"new")

    assert await reader.exchange(B, b"") == {"c" * 32: b"new"}


async def test_who_stops_is_gone_at_once(memory: mmap.mmap) -> None:
    stopping, reader = MemoryBoard(memory, 0), MemoryBoard(memory, 1)
    for posting in (b"1", b"2"):
        await stopping.exchange(A, posting)

    await stopping.remove(A)
    await stopping.close()

    assert await reader.exchange(B, b"") == {}


async def test_a_posting_has_room_or_is_refused(memory: mmap.mmap) -> None:
    writer, reader = MemoryBoard(memory, 0), MemoryBoard(memory, 1)
    most = HALF_BYTES - memory_board._POSTING_AT
    await writer.exchange(A, b"x" * most)
    assert len((await reader.exchange(B, b""))[A]) == most

    with pytest.raises(BoardUnavailable):
        await writer.exchange(A, b"x" * (most + 1))

    assert len((await reader.exchange(B, b""))[A]) == most, "what was there before"


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
async def test_processes_that_were_forked_see_each_other(memory: mmap.mmap) -> None:
    """As gunicorn forks the web processes; this one is killed while it posts without end."""
    child = os.fork()
    if child == 0:  # no event loop: its parent's runs only there
        board = MemoryBoard(memory, 0)
        while True:
            board._write(A, os.urandom(1) * 100_000)
    reader = MemoryBoard(memory, 1)
    try:
        await wait_until(lambda: reader.exchange(B, b""), bool)
        for _ in range(200):
            posting = (await reader.exchange(B, b"")).get(A)
            assert posting is None or posting == posting[:1] * 100_000
    finally:
        os.kill(child, signal.SIGKILL)
        await asyncio.to_thread(os.waitpid, child, 0)

    assert A in await reader.exchange(B, b"")
