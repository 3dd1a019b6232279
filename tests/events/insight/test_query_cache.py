"""QueryCache readings: shared, kept the longer the more they cost, never waited for long."""

import asyncio

import pytest

from events.errors import FiguresNotReady
from events.insight import query_cache
from events.insight.query_cache import QueryCache
from storage.concurrency.tasks import end


class Reads:
    """Readings that take a while by the clock of the test."""

    def __init__(self) -> None:
        self.now_s, self.takes_s, self.keys = 0.0, 0.0, list[str]()
        self.is_free = asyncio.Event()
        self.is_free.set()

    def clock(self) -> float:
        return self.now_s

    async def __call__(self, key: str) -> int:
        self.keys.append(key)
        await self.is_free.wait()
        self.now_s += self.takes_s
        return len(self.keys)


@pytest.fixture
async def reads() -> Reads:
    return Reads()


@pytest.mark.parametrize(
    ("takes_s", "least_s", "kept_s"),
    [(0.0, 5.0, 5.0), (0.1, 5.0, 5.0), (2.0, 5.0, 40.0), (1, 0, 20)],
)
async def test_a_reading_is_kept_the_longer_the_more_it_took(
    reads: Reads, takes_s: float, least_s: float, kept_s: float
) -> None:
    kept = QueryCache(reads, least_s=least_s, clock=reads.clock)
    reads.takes_s = takes_s
    assert await kept.get("a") == 1

    reads.now_s = takes_s + kept_s - 0.01
    assert await kept.get("a") == 1
    reads.now_s = takes_s + kept_s
    assert await kept.get("a") == 2


async def test_what_costs_nothing_is_read_each_time(reads: Reads) -> None:
    kept = QueryCache(reads, clock=reads.clock)

    assert [await kept.get("a") for _ in range(3)] == [1, 2, 3]


async def test_many_who_ask_at_once_cause_one_reading(reads: Reads) -> None:
    kept = QueryCache(reads, least_s=5.0)

    assert await asyncio.gather(*(kept.get("a") for _ in range(9))) == [1] * 9


async def test_what_is_asked_for_no_more_is_forgotten(reads: Reads) -> None:
    kept = QueryCache(reads, capacity=2, least_s=5.0)
    for key in "abccba":
        await kept.get(key)

    assert reads.keys == ["a", "b", "c", "a"]


async def test_nobody_waits_for_ever_for_the_readings_of_others(
    reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_cache, "MOST_WAITING_S", 0.01)
    kept = QueryCache(reads, least_s=5.0)
    reads.is_free.clear()
    first = asyncio.create_task(kept.get("a"))
    await asyncio.sleep(0)

    with pytest.raises(FiguresNotReady):
        await kept.get("b")
    await end(first)
    reads.is_free.set()

    assert await kept.get("b") == 2
