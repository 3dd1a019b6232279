"""Daily partitions of the event log: made ahead, dropped when old."""

from datetime import date, datetime

from db.advisory_locks import AdvisoryLock, try_lock_until_commit
from db.delivery import deliveries
from db.pool import Queries, Transaction

TRY_OWNERSHIP = try_lock_until_commit(AdvisoryLock.EVENT_LOG_PARTITIONS)

# Making and dropping a partition locks the whole log: better to give up and retry than to let every
# reader queue up behind a waiting lock.
YIELD_QUICKLY = "SET LOCAL lock_timeout = '200ms'"

ADD_DAY = "SELECT event_log_add_days(%s, 1)"

DAYS = """
SELECT to_date(right(c.relname, 8), 'YYYYMMDD') AS day
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'event_log'::regclass AND c.relname ~ '^event_log_[0-9]{8}$'
ORDER BY 1
"""

REMEMBER_DROPPED = """
UPDATE event_log_retention
SET dropped_id = greatest(dropped_id, (SELECT max(id) FROM {table}))
"""

CLEAR_DEFAULT = """
WITH gone AS (DELETE FROM event_log_default WHERE recorded_at < %s RETURNING id)
UPDATE event_log_retention SET dropped_id = greatest(dropped_id, (SELECT max(id) FROM gone))
"""

COUNT_DEFAULT = "SELECT count(*) AS strays FROM event_log_default"


def partition_of(day: date) -> str:
    return f"event_log_{day:%Y%m%d}"


async def try_ownership(transaction: Transaction) -> bool:
    """True for one transaction at a time; also sets a short lock time-out for it."""
    await transaction.fetch_all(YIELD_QUICKLY)
    row = await transaction.fetch_one(TRY_OWNERSHIP)
    return bool(row and row.is_owner)


async def list_days(queries: Queries) -> list[date]:
    """The UTC days that have a partition, oldest first."""
    return [row.day for row in await queries.fetch_all(DAYS)]


async def add_day(transaction: Transaction, day: date) -> None:
    await transaction.fetch_all(ADD_DAY, (day,))


async def drop_day(transaction: Transaction, day: date) -> None:
    """Drop the day's events, and record the highest id among them."""
    table = partition_of(day)
    await deliveries.rescue(transaction, table, datetime.max)
    await transaction.fetch_all(REMEMBER_DROPPED.format(table=table))
    await transaction.fetch_all(f"DROP TABLE {table}")


async def clear_default(transaction: Transaction, before: datetime) -> None:
    """Delete events recorded before then that are in no day's partition."""
    await deliveries.rescue(transaction, "event_log_default", before)
    await transaction.fetch_all(CLEAR_DEFAULT, (before,))


async def count_strays(queries: Queries) -> int:
    """Count events in no day's partition: none, as long as partitions are made in time."""
    row = await queries.fetch_one(COUNT_DEFAULT)
    return int(row.strays) if row else 0
