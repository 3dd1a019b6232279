"""Thinning of past days of the event log: one type of event goes, by a copy of the others.

To delete most rows of a day would leave their space to vacuum. All in one transaction, in which
the day can be read but not changed.
"""

from datetime import date, timedelta

from db.errors import DatabaseTimeout
from db.log.partitions import YIELD_QUICKLY, partition_of
from db.pool import Queries, Transaction

LAST_DAY = "SELECT thinned_day FROM event_log_retention"

IS_AWAITED = """
SELECT EXISTS (
    SELECT FROM webhooks WHERE %s = ANY(types) AND position < (SELECT max(id) FROM {day})
) AS is_awaited
"""

# With the indexes of the log's partitions. The check spares a scan when it takes the day's place.
BEGIN = """
LOCK TABLE {day} IN EXCLUSIVE MODE;
CREATE TABLE {day}_kept (LIKE event_log INCLUDING DEFAULTS INCLUDING INDEXES);
ALTER TABLE {day}_kept ADD CONSTRAINT of_the_day
    CHECK (recorded_at >= '{first} 00:00:00+00' AND recorded_at < '{next} 00:00:00+00')
"""

COPY = """
WITH seen AS MATERIALIZED (
    SELECT * FROM {day} WHERE id > %(after_id)s ORDER BY id LIMIT %(limit)s
), kept AS (
    INSERT INTO {day}_kept SELECT * FROM seen WHERE type <> %(dropped_type)s
)
SELECT max(id) AS reached_id FROM seen
"""

# The lock of the whole log comes last, and is held for no longer than the names change.
REPLACE = """
SAVEPOINT whole;
DROP TABLE {day};
ALTER TABLE {day}_kept RENAME TO {day};
ALTER TABLE event_log ATTACH PARTITION {day}
    FOR VALUES FROM ('{first} 00:00:00+00') TO ('{next} 00:00:00+00');
ALTER TABLE {day} DROP CONSTRAINT of_the_day
"""

REMEMBER = """
UPDATE event_log_retention
SET thinned_day = %(day)s, thinned_id = greatest(thinned_id, %(newest_id)s)
"""


async def last_day(queries: Queries) -> date | None:
    """The newest day that was thinned, with all before it."""
    row = await queries.fetch_one(LAST_DAY)
    return row.thinned_day if row else None


async def is_awaited(queries: Queries, day: date, event_type: str) -> bool:
    """True while a webhook may still have to take events of the type from the day."""
    row = await queries.fetch_one(_of(day, IS_AWAITED), (event_type,))
    return bool(row and row.is_awaited)


async def begin(transaction: Transaction, day: date) -> None:
    """Raises: DatabaseTimeout where the day is being changed."""
    await transaction.fetch_all(YIELD_QUICKLY)
    await transaction.fetch_all(_of(day, BEGIN))


async def copy(
    transaction: Transaction, day: date, dropped_type: str, after_id: int, limit: int
) -> int | None:
    """Copies what is kept of the next events; returns the last of them, None after the newest."""
    parameters = {"after_id": after_id, "limit": limit, "dropped_type": dropped_type}
    row = await transaction.fetch_one(_of(day, COPY), parameters)
    return row.reached_id if row else None


async def try_replacement(transaction: Transaction, day: date, newest_id: int) -> bool:
    """Puts the copy in the day's place; False, and nothing is changed, where the log is busy."""
    try:
        await transaction.fetch_all(_of(day, REPLACE))
    except DatabaseTimeout:
        await transaction.fetch_all("ROLLBACK TO SAVEPOINT whole")
        return False
    await transaction.execute(REMEMBER, {"day": day, "newest_id": newest_id})
    return True


def _of(day: date, sql: str) -> str:
    return sql.format(day=partition_of(day), first=day, next=day + timedelta(days=1))
