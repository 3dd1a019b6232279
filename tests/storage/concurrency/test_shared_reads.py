"""Shared readings: one at a time of each key, whoever of the askers fails, leaves or comes late."""

import asyncio
from typing import Any

import pytest

from storage.concurrency import shared_reads
from storage.concurrency.shared_reads import SharedReads


class Source:
    """Answers with the number of the reading, once it is told to."""

    def __init__(self) -> None:
        self.begun = 0
        self.faults: list[Exception] = []
        self.go_on = asyncio.Event()

    async def read(self) -> int:
        self.begun += 1
        number = self.begun
        await self.go_on.wait()
        if self.faults:
            raise self.faults.pop()
        return number


async def asking(reads: SharedReads[str, int], source: Source, *keys: str) -> list[Any]:
    """Tasks that all wait."""
    tasks = [asyncio.create_task(reads.get(key, source.read)) for key in keys]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def test_a_thousand_askers_share_one_reading() -> None:
    reads, source = SharedReads[str, int](), Source()
    tasks = await asking(reads, source, *["a"] * 1000)

    source.go_on.set()

    assert await asyncio.gather(*tasks) == [1] * 1000
    assert source.begun == 1
    assert await reads.get("a", source.read) == 2, "nothing is kept"


async def test_other_keys_are_read_beside_it() -> None:
    reads, source = SharedReads[str, int](), Source()
    tasks = await asking(reads, source, "a", "b", "a")

    source.go_on.set()

    assert await asyncio.gather(*tasks) == [1, 2, 1]


@pytest.mark.parametrize("leaving", [0, 1, 2], ids=["who reads", "who waits", "who waits last"])
async def test_who_leaves_takes_nobody_along(leaving: int) -> None:
    reads, source = SharedReads[str, int](), Source()
    tasks = await asking(reads, source, "a", "a", "a")

    tasks[leaving].cancel()
    await asyncio.wait([tasks[leaving]])
    source.go_on.set()

    left = [task for number, task in enumerate(tasks) if number != leaving]
    assert await asyncio.gather(*left) == [1 if leaving else 2] * 2
    assert tasks[leaving].cancelled()
    assert source.begun == (1 if leaving else 2)


async def test_a_failure_is_that_of_all_who_wait_and_of_nobody_after() -> None:
    reads, source = SharedReads[str, int](), Source()
    source.faults = [LookupError()]
    tasks = await asking(reads, source, "a", "a")

    source.go_on.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(one) for one in found] == [LookupError] * 2
    assert await reads.get("a", source.read) == 2


@pytest.mark.parametrize("is_all", [False, True])
async def test_who_asks_after_a_change_gets_no_reading_from_before(is_all: bool) -> None:
    reads, source = SharedReads[str, int](), Source()
    [before] = await asking(reads, source, "a")
    reads.forget_all() if is_all else reads.forget("a")
    after, beside = await asking(reads, source, "a", "a")

    source.go_on.set()

    assert list(await asyncio.gather(before, after, beside)) == [1, 2, 2]
    assert await reads.get("a", source.read) == 3


async def test_what_was_begun_ahead_serves_who_asks_next() -> None:
    reads, source = SharedReads[str, int](), Source()
    for _ in range(3):
        reads.begin("a", source.read)
        await asyncio.sleep(0)
    [task] = await asking(reads, source, "a")

    source.go_on.set()

    assert await task == 1
    assert source.begun == 1


async def test_readings_ahead_are_bounded_and_end_with_their_owner(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shared_reads, "MOST_AHEAD", 2)
    reads, source = SharedReads[str, int](), Source()
    for key in ("a", "b", "c"):
        reads.begin(key, source.read)
    await asyncio.sleep(0)
    assert source.begun == 2

    await reads.stop()

    source.go_on.set()
    assert await reads.get("a", source.read) == 3, "none is under way"


async def test_the_failure_of_a_reading_ahead_is_nobodys(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reads, source = SharedReads[str, int](), Source()
    source.faults = [LookupError()]
    source.go_on.set()
    reads.begin("a", source.read)
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert await reads.get("a", source.read) == 2
    assert caplog.text == ""
