"""The registry of running transfers, and ending them."""

import asyncio
from uuid import UUID

import pytest

from handlers.transfers.transfers import Outcome, Tally, Transfers

VIDEO, OTHER_VIDEO = UUID(int=1), UUID(int=2)


async def run(transfers, transfer_is_open, *who):
    """Be a transfer that takes for ever; says whether it was ended."""
    with transfers.open(*who) as transfer:
        transfer_is_open.release()
        try:
            async with transfer.until_ended():
                await asyncio.get_running_loop().create_future()
        except TimeoutError:
            return transfer.is_ended


async def started(transfers, *all_who):
    is_open = asyncio.Semaphore(0)
    tasks = [asyncio.create_task(run(transfers, is_open, *who)) for who in all_who]
    for _ in tasks:
        await is_open.acquire()
    return tasks


ANN = ("ann", "c1", VIDEO, "stream")
ANN_ELSEWHERE = ("ann", "c2", OTHER_VIDEO, "download")
BOB = ("bob", "c1", VIDEO, "stream")


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (lambda transfers: transfers.end_for("ann", "c1"), [True, False, False]),
        (lambda transfers: transfers.end_for("ann", "c9"), [False, False, False]),
        (lambda transfers: transfers.end_for_video(VIDEO), [True, False, True]),
    ],
    ids=["a user in a course", "a user elsewhere", "a video"],
)
async def test_ending_ends_those_and_no_others(end, expected):
    transfers = Transfers()
    tasks = await started(transfers, ANN, ANN_ELSEWHERE, BOB)

    assert end(transfers) == sum(expected)

    ended = [task for task, is_meant in zip(tasks, expected, strict=True) if is_meant]
    assert all(await asyncio.gather(*ended))
    assert len(transfers) == 3 - sum(expected)
    await transfers.drain(0)


async def test_counts_are_by_purpose_and_user():
    transfers = Transfers()
    await started(transfers, ANN, ANN_ELSEWHERE, BOB)

    assert len(transfers) == 3
    assert transfers.count("stream") == 2
    assert transfers.streams_of("ann") == 2
    assert transfers.count("thumbnail") == 0
    assert await transfers.drain(0) == 3


async def test_streams_elsewhere_count_and_surplus_ones_end():
    transfers = Transfers(elsewhere={"ann": 3}.get)
    tasks = await started(transfers, ANN, ANN_ELSEWHERE)
    with transfers.open(*ANN, is_limited=False) as of_a_service:
        assert transfers.streams_of("ann") == 2 + 3
        assert transfers.streams_by_user() == {"ann": 2}

        transfers.end_surplus("ann", 1)

        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        assert len(ended) == 1
        assert not of_a_service.is_ended
    await transfers.drain(0)


def test_who_runs_is_reported_one_by_one():
    transfers = Transfers()
    with transfers.open(*ANN), transfers.open(*BOB):
        who = [one.user_id for one in transfers]
        for one in transfers:
            one.finish(Outcome.COMPLETE)

    assert sorted(who) == ["ann", "bob"]
    assert list(transfers) == []


def test_each_is_reported_once_when_it_is_over():
    finished = []
    transfers = Transfers(lambda one: finished.append((one.user_id, one.sent_bytes, one.outcome)))
    with transfers.open(*ANN) as launched:
        launched.is_launched = True
        launched.sent_bytes = 7
    with transfers.open(*BOB):
        assert finished == []

    launched.finish(Outcome.STALLED)

    assert finished == [("bob", 0, None), ("ann", 7, Outcome.STALLED)]


def test_what_was_launched_runs_on():
    transfers = Transfers()
    with transfers.open(*ANN) as transfer:
        transfer.is_launched = True

    assert transfers.streams_of("ann") == 1
    transfer.finish(Outcome.COMPLETE)
    assert transfers.streams_of("ann") == 0
    assert transfers.count("stream") == 0


def test_sent_bytes_are_those_of_all_there_were():
    transfers = Transfers()
    with transfers.open(*ANN) as transfer:
        transfer.sent_bytes = 5
    with transfers.open(*BOB) as transfer, transfers.open(*ANN_ELSEWHERE):
        transfer.sent_bytes = 2

        assert transfers.sent_bytes("stream") == 7
        assert transfers.sent_bytes("download") == 0


def test_what_is_sent_at_once_is_reported_in_sums():
    told = []
    transfers = Transfers(lambda one: told.append((one.user_id, one.purpose, one.sent_bytes)))
    ann, bob = Tally(transfers, *ANN[:4]), Tally(transfers, *BOB[:4])
    for size_bytes in (5, 7):
        ann.add(size_bytes)
    bob.add(2)
    assert transfers.sent_bytes("stream") == 14
    assert (len(transfers), transfers.streams_of("ann"), told) == (0, 0, [])

    transfers.settle()
    transfers.settle()

    assert told == [("ann", "stream", 12), ("bob", "stream", 2)]
    ann.add(1)
    transfers.settle()
    assert told[2:] == [("ann", "stream", 1)]
    assert transfers.sent_bytes("stream") == 15


async def test_draining_waits_for_the_last_one():
    transfers = Transfers()
    with transfers.open(*ANN):
        draining = asyncio.create_task(transfers.drain(60))
        await asyncio.sleep(0)
        assert not draining.done()

    assert await draining == 0


async def test_draining_nothing_takes_no_time():
    assert await Transfers().drain(60) == 0


def test_ending_twice_or_too_early_is_allowed():
    with Transfers().open(*ANN) as transfer:
        transfer.end()
        transfer.end()

        assert transfer.is_ended


async def test_what_was_ended_does_not_begin():
    with Transfers().open(*ANN) as transfer:
        transfer.end()
        with pytest.raises(TimeoutError):
            async with transfer.until_ended():
                pytest.fail("began")


async def test_ending_after_the_end_is_nothing():
    with Transfers().open(*ANN) as transfer:
        async with transfer.until_ended():
            pass
        transfer.end()


async def test_cancelling_a_transfer_is_not_ending_it():
    transfers = Transfers()
    (task,) = await started(transfers, ANN)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(transfers) == 0
