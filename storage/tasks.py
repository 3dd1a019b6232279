"""Ends tasks that their owner no longer wants.

Asks more than once: `asyncio.wait_for` of Python 3.11, in which aiopg waits for the server, drops
a cancellation that comes in the same turn of the loop as the answer.
"""

import asyncio
from typing import Any

PATIENCE_S = 1.0  # for a task to roll back and to close what it holds


async def end(task: asyncio.Task[Any], patience_s: float = PATIENCE_S) -> None:
    """Cancel until the task has ended; what it raised is not raised here."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=patience_s)
    if not task.cancelled():
        task.exception()  # or the loop tells that nobody asked
