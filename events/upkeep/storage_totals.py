"""Upkeep of the totals of storage by course: moves changes into them, finds and mends faults."""

from db.insight import storage_totals
from db.pool import Database
from events.insight.survey import FiguresFinding
from events.turns import in_turns
from storage.concurrency.tasks import Periodic

INTERVAL_S = 15.0
TASK = "storage-totals"
AT_ONCE = 5000


def storage_folding(database: Database, interval_s: float = INTERVAL_S) -> Periodic:
    """Returns the periodic task that keeps the changes few, which each upload's quota adds up."""

    async def look() -> None:
        await fold_all(database)

    return in_turns(database, TASK, look, interval_s)


async def fold_all(database: Database, at_once: int = AT_ONCE) -> int:
    """Moves the changes that are committed by now; returns their number. Raises: DatabaseError."""
    total, moved = 0, at_once
    while moved == at_once:
        async with database.transaction() as transaction:
            moved = await storage_totals.fold(transaction, at_once)
        total += moved
    return total


async def survey_storage(database: Database, *, is_repairing: bool) -> list[FiguresFinding]:
    """Compares the totals with the rows of all files. Raises: DatabaseError."""
    if is_repairing:
        async with database.transaction() as transaction:
            found = await storage_totals.correct(transaction)
    else:
        found = await storage_totals.list_differences(database)
    return [FiguresFinding(one.course_id, None, ("storage",), is_repairing) for one in found]
