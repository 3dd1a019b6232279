"""Awaitable stop signals: the first SIGTERM or Ctrl-C requests a stop, the second hurries it."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn, TypeVar

from storage.concurrency.tasks import PATIENCE_S, end

_Item = TypeVar("_Item")

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopRequested(BaseException):
    """A stop signal arrived while no event loop was running."""


class StopSignals:
    """`requested` is set by the first signal, `hurried` by the second."""

    def __init__(self) -> None:
        self.requested = asyncio.Event()
        self.hurried = asyncio.Event()

    def receive(self) -> None:
        (self.hurried if self.requested.is_set() else self.requested).set()

    def request(self) -> None:
        self.requested.set()

    def hurry(self) -> None:
        self.requested.set()
        self.hurried.set()

    async def until_requested(
        self, work: Coroutine[Any, Any, None], patience_s: float = PATIENCE_S
    ) -> None:
        """Runs the work; cancels it when a stop is requested, and again if it has not ended after
        `patience_s`. Raises what the work raises."""
        await _first(work, self.requested, patience_s)

    async def unless_hurried(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs the work to its end, or cancels it at the second signal."""
        await _first(work, self.hurried, PATIENCE_S)


@contextmanager
def stop_signals() -> Iterator[StopSignals]:
    """Handles the signals inside a running event loop."""
    loop = asyncio.get_running_loop()
    signals = StopSignals()
    for number in SIGNALS:
        loop.add_signal_handler(number, signals.receive)
    try:
        yield signals
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
            signal.signal(number, _raise)  # the loop restores the defaults


@contextmanager
def raising_on_stop() -> Iterator[None]:
    """Outside an event loop: the signals raise StopRequested, so context managers exit."""
    before = {number: signal.signal(number, _raise) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise(number: int, frame: FrameType | None) -> NoReturn:
    raise StopRequested


async def for_each(
    items: Sequence[_Item],
    work: Callable[[_Item], Awaitable[None]],
    at_once: int,
    signals: StopSignals,
) -> None:
    """Works on `at_once` items at a time; the first signal starts no more.

    The second signal abandons the running work, whose threads may wait for minutes: the caller
    must then end the process. Raises the first exception of `work`.
    """
    waiting = iter(items)

    async def take_turns() -> None:
        for item in waiting:
            if signals.requested.is_set():
                return
            await work(item)

    async def take_all() -> None:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(min(at_once, len(items))):
                tasks.create_task(take_turns())

    working = asyncio.create_task(take_all())
    hurried = asyncio.create_task(signals.hurried.wait())
    try:
        await asyncio.wait({working, hurried}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    except ExceptionGroup as group:
        raise group.exceptions[0] from None
    finally:
        await end(hurried)
        if not signals.hurried.is_set():
            await end(working)


async def _first(work: Coroutine[Any, Any, None], event: asyncio.Event, patience_s: float) -> None:
    running = asyncio.create_task(work)
    waiting = asyncio.create_task(event.wait())
    try:
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
    finally:
        await end(waiting)
        await end(running, patience_s)
