"""Blocks of a file in memory before they are sent, and who read them."""

import contextlib
import os
import threading

import pytest

from handlers.delivery.open_files import OpenFile
from handlers.delivery.output import read_ahead as module
from handlers.delivery.output.read_ahead import BLOCK_BYTES, ReadAhead
from handlers.delivery.ranges import ByteSpan
from storage.disk import Disk
from storage.residency import is_in_memory
from tests.harness.waiting import wait_until


@pytest.fixture
def file(video, content):
    file = OpenFile(os.open(video, os.O_RDONLY), len(content))
    yield file
    file.release()


@pytest.fixture
def untold(monkeypatch):
    """A file of another user, of which the kernel does not tell what is in memory."""
    monkeypatch.setattr(module, "is_in_memory", lambda *_: False)


@pytest.fixture
def no_nowait(monkeypatch, untold):
    """A file system that cannot say either, by what it copies."""
    real = os.preadv

    def preadv(descriptor, buffers, offset, flags=0):
        if flags:
            raise OSError(95, "Operation not supported")
        return real(descriptor, buffers, offset)

    monkeypatch.setattr(os, "preadv", preadv)


async def test_what_is_in_memory_is_not_read(serving, video, file):
    async with serving(video) as delivery:
        await ReadAhead(Disk(delivery.pool)).make_resident(file, ByteSpan(0, file.size_bytes))

        assert delivery.pool.jobs == []


async def test_what_the_kernel_does_not_tell_is_seen_by_what_it_copies(
    serving, video, file, untold
):
    async with serving(video) as delivery:
        await ReadAhead(Disk(delivery.pool)).make_resident(file, ByteSpan(0, file.size_bytes))

        assert delivery.pool.jobs == []


async def test_what_the_kernel_tells_is_not_copied(serving, video, file, no_nowait, monkeypatch):
    monkeypatch.setattr(module, "is_in_memory", is_in_memory)
    async with serving(video) as delivery:
        await ReadAhead(Disk(delivery.pool)).make_resident(file, ByteSpan(0, file.size_bytes))

        assert delivery.pool.jobs == []


async def test_the_kernel_is_asked_once_for_all_blocks_of_a_window(file, monkeypatch):
    asked = []

    def ask(descriptor, start, size_bytes):
        asked.append((start, size_bytes))
        return True

    monkeypatch.setattr(module, "is_in_memory", ask)
    read_ahead, blocks = ReadAhead(Disk()), -(-file.size_bytes // BLOCK_BYTES)
    assert blocks > 2

    assert read_ahead.is_resident(file, BLOCK_BYTES - 1, BLOCK_BYTES)
    assert read_ahead.is_resident(file, BLOCK_BYTES, file.size_bytes)
    assert read_ahead.is_resident(file, 0, file.size_bytes)
    assert asked == [(0, BLOCK_BYTES), (BLOCK_BYTES, file.size_bytes - BLOCK_BYTES)]


async def test_a_window_with_a_block_that_is_not_in_memory_is_not_resident(
    file, no_nowait, monkeypatch
):
    monkeypatch.setattr(module, "is_in_memory", lambda _, start, size_bytes: start == 0)
    read_ahead = ReadAhead(Disk())

    assert read_ahead.is_resident(file, 0, 1)
    assert not read_ahead.is_resident(file, 0, 2 * BLOCK_BYTES)
    assert not read_ahead.is_resident(file, BLOCK_BYTES, BLOCK_BYTES + 1)


async def test_every_block_of_the_span_is_read_once(serving, video, file, no_nowait):
    async with serving(video) as delivery:
        read_ahead = ReadAhead(Disk(delivery.pool))
        await read_ahead.make_resident(file, ByteSpan(BLOCK_BYTES - 1, BLOCK_BYTES + 1))
        assert delivery.pool.jobs == ["_read_block"] * 2

        await read_ahead.make_resident(file, ByteSpan(0, BLOCK_BYTES))
        assert delivery.pool.jobs == ["_read_block"] * 2


def is_open(descriptor):
    with contextlib.suppress(OSError):
        return bool(os.fstat(descriptor))
    return False


async def test_a_disk_that_hangs_is_given_up_and_the_file_kept_open(
    serving, video, file, no_nowait
):
    async with serving(video) as delivery:
        disk, own = threading.Event(), OpenFile(os.dup(file.descriptor), file.size_bytes)
        for _ in range(2):
            delivery.pool.submit(disk.wait)
        try:
            with pytest.raises(TimeoutError):
                await ReadAhead(Disk(delivery.pool), timeout_s=0.05).make_resident(
                    own, ByteSpan(0, 1)
                )
            own.release()
            os.fstat(own.descriptor)
        finally:
            disk.set()
        await wait_until(lambda: not is_open(own.descriptor), within_s=8)
