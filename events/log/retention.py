"""Retention of the event log: creates its partitions ahead and drops old ones.

Progress, nearly all of the log, has partitions of single hours and is kept for a shorter time than
the rest, which has partitions of days. One process at a time does this. When another process is
doing it, or a lock is not available at once, the work waits for the next run: partitions are
created hours before they are needed.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from functools import partial

from db.delivery import deliveries
from db.errors import DatabaseError, DatabaseTimeout
from db.insight import cmcd, moments
from db.log import partitions
from db.pool import Database, Transaction
from db.privacy import personal_rows
from db.processes import clock
from db.progress import session_names, sessions
from db.upkeep import bytes_served
from events.errors import OUTAGES
from storage.concurrency.tasks import Periodic

logger = logging.getLogger(__name__)

INTERVAL_S = 3600.0
DAYS_AHEAD = 1
HOURS_AHEAD = 4
HOUR = timedelta(hours=1)
ATTEMPTS = 5  # each waits for a lock for 200 ms at most
ROWS_AT_ONCE = 1000
DEAD_LETTERS = timedelta(days=30)
ERASED_ENROLLMENTS_S = 31 * 86400.0  # no grant and no licence lives longer


class Retention:
    """Hourly retention of the log, of dead letters, of playback sessions and of bytes served."""

    def __init__(
        self,
        database: Database,
        event_retention_s: float,
        progress_event_retention_s: float,
        session_retention_s: float,
    ) -> None:
        self._database = database
        self._event_retention = timedelta(seconds=event_retention_s)
        self._progress_event_retention = timedelta(seconds=progress_event_retention_s)
        self._session_retention = timedelta(seconds=session_retention_s)
        self._periodic = Periodic("retention", self._look, INTERVAL_S, OUTAGES)

    async def start(self) -> None:
        """Returns once the partitions of the coming days and hours exist.

        Raises: DatabaseUnavailable.
        """
        await self.add_partitions(await clock.now(self._database))
        self._periodic.start()

    async def stop(self) -> None:
        await self._periodic.stop()

    async def add_partitions(self, now: datetime) -> None:
        days = await partitions.list_days(self._database)
        for ahead in range(DAYS_AHEAD + 1):
            day = now.date() + timedelta(days=ahead)
            if day not in days:
                await self._own(partial(partitions.add_day, day=day))
        hours = await partitions.list_hours(self._database)
        for ahead in range(HOURS_AHEAD + 1):
            hour = now.replace(minute=0, second=0, microsecond=0) + ahead * HOUR
            if hour not in hours:
                await self._own(partial(partitions.add_hour, hour=hour))

    async def drop_hours(self, now: datetime) -> None:
        """Drops progress of the hours that ended before its retention period."""
        since = now - self._progress_event_retention
        for hour in await partitions.list_hours(self._database):
            if hour + HOUR <= since:
                await self._own(partial(partitions.drop_hour, hour=hour))

    async def drop_days(self, now: datetime) -> list[date]:
        """Drops the days that ended before the retention period; returns them."""
        since = now - self._event_retention
        old = [day for day in await partitions.list_days(self._database) if day < since.date()]
        for day in old:
            await self._own(partial(partitions.drop_day, day=day))
        await self._own(partial(partitions.clear_defaults, before=since))
        return old

    async def delete_sessions(self, now: datetime) -> None:
        before = now - self._session_retention
        for delete_old in (
            sessions.delete_old,
            session_names.delete_old,
            cmcd.delete_old,
            moments.delete_old,
        ):
            await self._delete_in_rounds(partial(delete_old, before=before))

    async def delete_bytes_served(self, now: datetime) -> None:
        """Deletes the days that ended before the retention period."""
        day = (now - self._session_retention).date()
        await self._delete_in_rounds(partial(bytes_served.delete_before, day=day))

    async def delete_dead_letters(self, now: datetime) -> None:
        """Deletes events that could not be delivered, and that nobody sent again in time."""
        await self._delete_in_rounds(partial(deliveries.delete_dead, before=now - DEAD_LETTERS))

    async def delete_erased_enrollments(self) -> None:
        """Deletes what stayed of erased people while a grant of theirs could have been used."""
        async with self._database.transaction() as transaction:
            await personal_rows.forget_erased_enrollments(transaction, ERASED_ENROLLMENTS_S)

    async def _look(self) -> None:
        now = await clock.now(self._database)
        await self.add_partitions(now)
        await self.drop_hours(now)
        await self.drop_days(now)
        await self.delete_sessions(now)
        await self.delete_bytes_served(now)
        await self.delete_dead_letters(now)
        await self.delete_erased_enrollments()
        strays = await partitions.count_strays(self._database)
        if strays:
            logger.error("%d events are in no partition of their day or hour", strays)

    async def _delete_in_rounds(self, delete: Callable[..., Awaitable[int]]) -> None:
        """Calls `delete` with a transaction and a `limit` of rows until it finds fewer."""
        deleted = ROWS_AT_ONCE
        while deleted == ROWS_AT_ONCE:
            async with self._database.transaction() as transaction:
                deleted = await delete(transaction, limit=ROWS_AT_ONCE)

    async def _own(self, work: Callable[[Transaction], Awaitable[None]]) -> None:
        """Runs `work` under the ownership lock, or leaves it to the next run."""
        for attempt in range(ATTEMPTS):
            try:
                async with self._database.transaction() as transaction:
                    if await partitions.try_ownership(transaction):
                        await work(transaction)
                return
            except DatabaseTimeout:
                if attempt == ATTEMPTS - 1:
                    logger.warning("the event log was too busy to look after its partitions")
            except DatabaseError as exc:
                logger.error("the event log's partitions: %s", exc.__cause__ or exc)
                return
