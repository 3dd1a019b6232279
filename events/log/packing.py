"""Packing of past progress: by one process at a turn, hour by hour, in short transactions.

Retention may drop an hour at each moment, but hardly ever meets one that is packed: what it will
drop soon is left as it is, which takes less than packing it.
"""

import logging
import math
from datetime import datetime, timedelta

from db.errors import DatabaseError, DatabaseTimeout
from db.log import packing, partitions
from db.pool import Database
from db.processes import clock
from events.turns import in_turns
from storage.concurrency.tasks import Periodic

logger = logging.getLogger(__name__)

INTERVAL_S = 600.0
# No transaction lives as long: what was recorded within the hour is there.
LAG = timedelta(hours=1)
SOON_S = 2 * 3600.0  # packing an hour takes minutes, and retention looks once an hour
EVENTS_AT_ONCE = 5_000  # 0.1 to 0.3 s
FEWEST_AT_ONCE = 50  # on a disk that is slow to read them: those of a viewer lie far apart
IDS_AT_ONCE = 200_000  # most of them found packed
ATTEMPTS = 5  # each waits for a lock for 200 ms at most


class Packing:
    """Packs hours of progress that ended before `LAG`, and are kept for `retention_s`."""

    def __init__(
        self,
        database: Database,
        events_at_once: int = EVENTS_AT_ONCE,
        ids_at_once: int = IDS_AT_ONCE,
        *,
        retention_s: float = math.inf,
    ) -> None:
        self._database = database
        self._events_at_once = events_at_once
        self._ids_at_once = ids_at_once
        self._retention_s = retention_s

    async def pack(self, now: datetime) -> None:
        """Raises: DatabaseError; what is not packed then is by the next run."""
        for hour in await packing.list_ended(self._database, now - LAG):
            age_s = (now - hour - partitions.HOUR).total_seconds()
            if age_s + SOON_S < self._retention_s:
                await self._pack_unless_dropped(hour)

    async def look(self) -> None:
        try:
            await self.pack(await clock.now(self._database))
        except DatabaseTimeout:
            logger.warning("the event log was too busy to pack its past progress")

    async def _pack_unless_dropped(self, hour: datetime) -> None:
        try:
            await self._pack_hour(hour)
        except DatabaseError:
            if hour in await partitions.list_leaf_hours(self._database):
                raise
            logger.info("an hour of progress was dropped while it was packed")

    async def _pack_hour(self, hour: datetime) -> None:
        async with self._database.transaction() as transaction:
            ids = await packing.begin(transaction, hour)
        if ids is None:
            return
        await self._pack_users(hour)
        await self._pack_rest(hour, ids)
        await self._drop_leaf(hour, ids.last_id)

    async def _drop_leaf(self, hour: datetime, last_id: int) -> None:
        for attempt in range(ATTEMPTS):
            try:
                async with self._database.transaction() as transaction:
                    is_dropped = await packing.drop_leaf(transaction, hour, last_id)
            except DatabaseTimeout:
                if attempt == ATTEMPTS - 1:
                    raise
            else:
                if not is_dropped:
                    logger.warning("progress was recorded long after its hour; packed later")
                return

    async def _pack_users(self, hour: datetime) -> None:
        last: str | None = ""
        at_once = self._events_at_once
        while last is not None:
            try:
                async with self._database.transaction() as transaction:
                    last = await packing.pack_users(transaction, hour, last, at_once)
            except DatabaseTimeout:
                if at_once <= FEWEST_AT_ONCE:
                    raise
                at_once //= 4

    async def _pack_rest(self, hour: datetime, ids: packing.Ids) -> None:
        for after_id in range(ids.first_id - 1, ids.last_id, self._ids_at_once):
            last_id = min(after_id + self._ids_at_once, ids.last_id)
            async with self._database.transaction() as transaction:
                await packing.pack_ids(transaction, hour, after_id, last_id)


def progress_packing(database: Database, retention_s: float) -> Periodic:
    packs = Packing(database, retention_s=retention_s)
    return in_turns(database, "progress-packing", packs.look, INTERVAL_S)
