"""A pool of threads that tells who waits for it."""

import asyncio
import threading

import pytest

from storage.concurrency.threads import Threads
from storage.disk import open_disk, open_threads
from tests.harness.waiting import wait_until


def state(threads: Threads) -> tuple[int, int]:
    return threads.busy_count, len(threads.waits)


async def test_calls_past_the_last_thread_wait() -> None:
    gate = threading.Event()
    async with open_disk(2, "test") as disk:
        threads = disk.threads
        assert isinstance(threads, Threads)
        assert threads.size == 2
        assert (state(threads), threads.waits.oldest_s()) == ((0, 0), 0.0)

        calls = [disk.start(gate.wait) for _ in range(5)]
        await wait_until(lambda: state(threads) == (2, 3))
        first_s = threads.waits.oldest_s()
        await wait_until(lambda: threads.waits.oldest_s() > first_s > 0.0)

        gate.set()
        assert await asyncio.gather(*calls) == [True] * 5
        await wait_until(lambda: state(threads) == (0, 0))


async def test_call_that_is_cancelled_or_fails_is_no_longer_counted() -> None:
    gate = threading.Event()

    def fail() -> None:
        raise ValueError("no file")

    async with open_threads(1, "test") as threads:
        first, second = threads.submit(gate.wait), threads.submit(fail)
        third = threads.submit(fail)
        assert third.cancel()
        await wait_until(lambda: state(threads) == (1, 1))
        gate.set()
        with pytest.raises(ValueError, match="no file"):
            await asyncio.wrap_future(second)
        assert first.result() is True
        await wait_until(lambda: state(threads) == (0, 0))
