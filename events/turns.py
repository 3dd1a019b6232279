"""Periodic tasks of which one process takes each turn for all, on all machines."""

from collections.abc import Awaitable, Callable

from db.pool import Database
from db.processes import periodic_turns
from events.errors import OUTAGES
from storage.concurrency.tasks import Periodic

MOST_OF_IT = 0.75  # of an interval after its own last turn, a process is on time for the next


def in_turns(
    database: Database, task: str, step: Callable[[], Awaitable[object]], interval_s: float
) -> Periodic:
    """Returns the periodic task; `task` names it for all processes."""

    async def take_turn() -> None:
        async with database.transaction() as transaction:
            is_ours = await periodic_turns.take(transaction, task, interval_s * MOST_OF_IT)
        if is_ours:
            await step()

    return Periodic(task.replace("-", " "), take_turn, interval_s, OUTAGES)
