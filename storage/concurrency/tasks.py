"""Asyncio tasks: reliable cancellation, awaiting to completion, periodic steps."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

logger = logging.getLogger(__name__)

PATIENCE_S = 1.0  # for a task to roll back and to close what it holds

_T = TypeVar("_T")


async def end(task: asyncio.Task[Any], patience_s: float = PATIENCE_S) -> None:
    """Cancel the task until it has ended; its exception is not raised here.

    Cancels more than once: `asyncio.wait_for` of Python 3.11, in which aiopg waits for the server,
    drops a cancellation that arrives in the same iteration of the loop as the answer.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=patience_s)
    if not task.cancelled():
        task.exception()  # retrieve it, or asyncio logs "never retrieved"


async def to_its_end(work: Awaitable[_T]) -> _T:
    """Await `work` to its end even when cancelled, and raise the cancellation after it.

    A thread cannot be interrupted: closing a file under a running write could send the write to
    whatever file gets the same descriptor next.
    """
    future = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait([future])
        raise


class Periodic:
    """Runs `step` at once and then `interval_s` after each end, whatever it raised.

    Failures of the kinds in `expected` are logged as a line, all others with a traceback. With
    `while_set` it runs only while that event is set: at once when it is, or at the end of the
    interval.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], Awaitable[object]],
        interval_s: float,
        expected: tuple[type[Exception], ...] = (),
        *,
        while_set: asyncio.Event | None = None,
    ) -> None:
        self._name = name
        self._step = step
        self._interval_s = interval_s
        self._expected = expected
        self._while_set = while_set
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._repeat(), name=self._name)

    async def stop(self) -> None:
        if self._task:
            await end(self._task)
            self._task = None

    async def _repeat(self) -> None:
        while True:
            if self._while_set is not None:
                await self._while_set.wait()
            try:
                await self._step()
            except self._expected as exc:
                logger.warning("%s: %s", self._name, exc)
            except Exception:
                logger.exception("%s failed", self._name)
            await asyncio.sleep(self._interval_s)
