import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from server.stop_signals import StopRequested, for_each, raising_on_stop, stop_signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_first_signal_asks_and_the_second_hurries(number: signal.Signals) -> None:
    with raising_on_stop(), stop_signals() as signals:
        os.kill(os.getpid(), number)
        await asyncio.wait_for(signals.requested.wait(), 5)
        assert not signals.hurried.is_set()
        os.kill(os.getpid(), number)
        await asyncio.wait_for(signals.hurried.wait(), 5)


async def test_work_is_cancelled_when_stop_is_requested() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with raising_on_stop(), stop_signals() as signals:
        signals.receive()
        await signals.until_requested(work())
    assert ended.is_set()


async def test_work_that_needs_its_time_to_end_is_cancelled_once() -> None:
    cancelled = []

    async def work() -> None:
        for _ in range(2):
            try:
                await asyncio.sleep(0.2 if cancelled else 60)
            except asyncio.CancelledError:
                cancelled.append(True)

    with raising_on_stop(), stop_signals() as signals:
        signals.receive()
        await signals.until_requested(work(), patience_s=30)
    assert len(cancelled) == 1


async def test_work_that_ends_by_itself_is_not_waited_past() -> None:
    async def work() -> None:
        return

    with raising_on_stop(), stop_signals() as signals:
        await signals.until_requested(work())
        await signals.unless_hurried(work())


async def test_what_the_work_raises_is_raised() -> None:
    async def work() -> None:
        raise LookupError

    with raising_on_stop(), stop_signals() as signals, pytest.raises(LookupError):
        await signals.until_requested(work())


async def test_the_first_signal_does_not_hurry_work() -> None:
    with raising_on_stop(), stop_signals() as signals:
        signals.receive()
        await signals.unless_hurried(asyncio.sleep(0))
        signals.receive()
        await signals.unless_hurried(asyncio.Event().wait())  # type: ignore[arg-type]


def test_outside_a_loop_a_signal_closes_what_was_opened() -> None:
    with ExitStack() as opened:
        closed = opened.enter_context(noting_its_end())
        with pytest.raises(StopRequested):
            receive_a_signal_inside(opened)
    assert closed == ["closed"]


@contextmanager
def noting_its_end() -> Iterator[list[str]]:
    log: list[str] = []
    try:
        yield log
    finally:
        log.append("closed")


def receive_a_signal_inside(opened: ExitStack) -> None:
    with raising_on_stop(), opened.pop_all():
        os.kill(os.getpid(), signal.SIGTERM)


def test_handlers_are_as_before_afterwards() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with raising_on_stop():
        pass
    assert signal.getsignal(signal.SIGTERM) is before


async def test_items_are_worked_on_so_many_at_a_time() -> None:
    running, most, done = 0, 0, []

    async def work(item: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        done.append(item)

    with raising_on_stop(), stop_signals() as signals:
        await for_each(range(7), work, 3, signals)
        await for_each([], work, 3, signals)
    assert (most, sorted(done)) == (3, list(range(7)))


async def test_after_the_first_signal_no_item_is_begun() -> None:
    begun = []

    with raising_on_stop(), stop_signals() as signals:

        async def work(item: int) -> None:
            begun.append(item)
            signals.receive()

        await for_each(range(7), work, 1, signals)
    assert begun == [0]


async def test_at_the_second_signal_what_does_not_end_is_left_behind() -> None:
    with raising_on_stop(), stop_signals() as signals:
        release, ended = asyncio.Event(), asyncio.Event()

        async def work(item: int) -> None:
            signals.hurry()
            await asyncio.shield(release.wait())
            ended.set()

        async with asyncio.timeout(10):
            await for_each([0], work, 1, signals)
        assert not ended.is_set()
        release.set()
        async with asyncio.timeout(10):
            await ended.wait()


async def test_an_item_that_fails_ends_the_others() -> None:
    ended = asyncio.Event()

    async def work(item: int) -> None:
        try:
            if item == 0:
                raise KeyError(item)
            await asyncio.Event().wait()
        finally:
            ended.set()

    with raising_on_stop(), stop_signals() as signals, pytest.raises(KeyError):
        await for_each([1, 0], work, 2, signals)
    assert ended.is_set()
