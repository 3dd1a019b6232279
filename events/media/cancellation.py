"""Ends work that takes long and that nobody wants any more."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from db.errors import DatabaseTimeout, DatabaseUnavailable
from events.errors import NoLongerWanted
from storage.tasks import end

_T = TypeVar("_T")

LOOK_EVERY_S = 2.0  # who deleted a video is told "within a few seconds"


async def while_wanted(
    work: Coroutine[Any, Any, _T], is_wanted: Callable[[], Awaitable[bool]]
) -> _T:
    """What the work results in. Raises: NoLongerWanted, once the work has ended."""
    task = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait([task], timeout=LOOK_EVERY_S))[0]:
            # Hours of work are not worth a database that is away for a moment.
            with suppress(DatabaseUnavailable, DatabaseTimeout):
                if not await is_wanted():
                    raise NoLongerWanted
        return task.result()
    finally:
        await end(task)
