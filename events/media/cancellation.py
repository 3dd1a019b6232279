"""Cancellation of long jobs: they poll every 2 s whether their result is still wanted."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from db.errors import DatabaseTimeout, DatabaseUnavailable
from events.errors import NoLongerWanted
from storage.concurrency.tasks import end

_T = TypeVar("_T")

LOOK_EVERY_S = 2.0  # the API promises that a deletion ends processing "within a few seconds"


async def run_while_wanted(
    work: Coroutine[Any, Any, _T], is_wanted: Callable[[], Awaitable[bool]]
) -> _T:
    """Returns the work's result. Raises: NoLongerWanted, after cancelling the work."""
    task = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait([task], timeout=LOOK_EVERY_S))[0]:
            # A short database outage must not cost hours of work.
            with suppress(DatabaseUnavailable, DatabaseTimeout):
                if not await is_wanted():
                    raise NoLongerWanted
        return task.result()
    finally:
        await end(task)
