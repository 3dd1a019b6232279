"""Thins past days of the event log: progress, nearly all of it, is kept for a shorter time.

A day that a webhook still has to take progress from stays whole until it was taken, or dropped.
"""

import asyncio
from datetime import date, datetime, timedelta

from db.errors import DatabaseTimeout
from db.log import partitions, thinning
from db.pool import Database, Transaction
from db.processes import clock
from events.log.types import PlaybackProgressed
from events.turns import in_turns
from storage.concurrency.tasks import Periodic

INTERVAL_S = 3600.0
TASK = "event-log-thinning"
THINNED_TYPE = PlaybackProgressed.name
ROWS_AT_ONCE = 10_000
ATTEMPTS = 20
PAUSE_S = 0.5


def periodic_thinning(database: Database, retention_s: float) -> Periodic:
    """Returns the hourly task that thins the days that ended `retention_s` ago."""

    async def look() -> None:
        await thin_days(database, await clock.now(database) - timedelta(seconds=retention_s))

    return in_turns(database, TASK, look, INTERVAL_S)


async def thin_days(database: Database, before: datetime) -> list[date]:
    """Thins the days that ended before then, the oldest first; returns them.

    Raises: DatabaseTimeout where the log is too busy; what is left is for the next time.
    """
    last = await thinning.last_day(database) or date.min
    days = [day for day in await partitions.list_days(database) if last < day < before.date()]
    thinned: list[date] = []
    for day in days:
        if not await _thin(database, day):
            break
        thinned.append(day)
    return thinned


async def _thin(database: Database, day: date) -> bool:
    """False for a day that has to stay whole for now, or that another process looks after."""
    if await thinning.is_awaited(database, day, THINNED_TYPE):
        return False
    async with database.transaction() as transaction:
        if not await partitions.try_ownership(transaction):
            return False
        await thinning.begin(transaction, day)
        await _replace(transaction, day, await _copy(transaction, day))
    return True


async def _copy(transaction: Transaction, day: date) -> int:
    """Returns the day's newest id, 0 without one."""
    newest_id, reached_id = 0, await thinning.copy(transaction, day, THINNED_TYPE, 0, ROWS_AT_ONCE)
    while reached_id is not None:
        newest_id = reached_id
        reached_id = await thinning.copy(transaction, day, THINNED_TYPE, newest_id, ROWS_AT_ONCE)
    return newest_id


async def _replace(transaction: Transaction, day: date, newest_id: int) -> None:
    """Raises: DatabaseTimeout where the log is always read."""
    for _ in range(ATTEMPTS):
        if await thinning.try_replacement(transaction, day, newest_id):
            return
        await asyncio.sleep(PAUSE_S)
    raise DatabaseTimeout
