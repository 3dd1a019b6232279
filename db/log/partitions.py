"""Partitions of the event log, made ahead, dropped when old: hours of progress, days of the rest.

Past hours of progress are packed (`packing`), and then have a partition of `event_log_packed`
instead. Days recorded before there were hours (children of `event_log` itself) hold both.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from db.advisory_locks import AdvisoryLock, try_lock_until_commit
from db.delivery import deliveries
from db.pool import Queries, Transaction

PROGRESS = "playback.progress"
HOUR = timedelta(hours=1)

TRY_OWNERSHIP = try_lock_until_commit(AdvisoryLock.EVENT_LOG_PARTITIONS)

# Making and dropping a partition locks the whole log: better to give up and retry than to let every
# reader queue up behind a waiting lock.
YIELD_QUICKLY = "SET LOCAL lock_timeout = '200ms'"

ADD_DAY = "SELECT event_log_add_days(%s, 1)"
ADD_HOUR = "SELECT event_log_add_hours(%s, 1)"

DAYS = """
SELECT to_date(right(c.relname, 8), 'YYYYMMDD') AS day
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent IN ('event_log'::regclass, 'event_log_others'::regclass)
  AND c.relname ~ '^event_log_[0-9]{8}$'
ORDER BY 1
"""

HOURS = """
SELECT DISTINCT to_timestamp(right(c.relname, 10) || '+00', 'YYYYMMDDHH24TZH') AS hour
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = ANY(%s::regclass[]) AND c.relname ~ '_[0-9]{10}$'
ORDER BY 1
"""

LEAVES, PACKED = "event_log_progress", "event_log_packed"

EXISTING = """
SELECT relname AS name FROM pg_class WHERE oid = ANY(ARRAY(SELECT to_regclass(unnest(%s))))
"""

REMEMBER_DROPPED = """
UPDATE event_log_retention SET dropped_id = greatest(
    dropped_id, (SELECT max(id) FROM event_log WHERE recorded_at < %s)
)
"""

IS_AWAITED = """
SELECT EXISTS (
    SELECT FROM webhooks WHERE %(type)s = ANY(types)
      AND greatest(position, (added_after ->> %(type)s)::bigint) < (SELECT max(id) FROM {table})
) AS is_awaited
"""

REMEMBER_DROPPED_PROGRESS = """
UPDATE event_log_retention
SET thinned_id = greatest(thinned_id, (SELECT max({column}) FROM {table}))
"""

CLEAR_DEFAULT = """
WITH gone AS (DELETE FROM {table} WHERE recorded_at < %s RETURNING id)
UPDATE event_log_retention SET dropped_id = greatest(dropped_id, (SELECT max(id) FROM gone))
"""

# The first of them: what was recorded before the days that had been made for both kinds.
DEFAULTS = ("event_log_default", "event_log_others_default", "event_log_progress_default")

COUNT_DEFAULTS = f"""
SELECT {" + ".join(f"(SELECT count(*) FROM {table})" for table in DEFAULTS)} AS strays
"""


def partition_of(day: date) -> str:
    return f"event_log_{day:%Y%m%d}"


def partition_of_hour(hour: datetime) -> str:
    return f"event_log_progress_{hour:%Y%m%d%H}"


def packed_of_hour(hour: datetime) -> str:
    return f"event_log_packed_{hour:%Y%m%d%H}"


async def try_ownership(transaction: Transaction) -> bool:
    """True for one transaction at a time; also sets a short lock time-out for it."""
    await transaction.fetch_all(YIELD_QUICKLY)
    row = await transaction.fetch_one(TRY_OWNERSHIP)
    return bool(row and row.is_owner)


async def list_days(queries: Queries) -> list[date]:
    """The UTC days that have a partition, oldest first."""
    return [row.day for row in await queries.fetch_all(DAYS)]


async def list_hours(queries: Queries) -> list[datetime]:
    """The beginnings of the hours that have a partition for progress, packed or not, oldest
    first, in UTC."""
    return await _hours_in(queries, LEAVES, PACKED)


async def list_leaf_hours(queries: Queries) -> list[datetime]:
    """The hours of which not all is packed."""
    return await _hours_in(queries, LEAVES)


async def is_awaited(queries: Queries, table: str) -> bool:
    """True while a webhook has to take progress of the table."""
    row = await queries.fetch_one(IS_AWAITED.format(table=table), {"type": PROGRESS})
    return bool(row and row.is_awaited)


async def add_day(transaction: Transaction, day: date) -> None:
    await transaction.fetch_all(ADD_DAY, (day,))


async def add_hour(transaction: Transaction, hour: datetime) -> None:
    await transaction.fetch_all(ADD_HOUR, (hour,))


async def drop_day(transaction: Transaction, day: date) -> None:
    """Drop the day's events with the progress left of it, and record the highest id among them."""
    end = datetime.combine(day + timedelta(days=1), time(), UTC)
    await deliveries.rescue(transaction, end)
    await transaction.execute(REMEMBER_DROPPED, (end,))
    hours = [hour for hour in await list_hours(transaction) if hour.date() == day]
    for hour in hours:
        await _drop_packed(transaction, hour)
    names = [partition_of(day), *map(partition_of_hour, hours)]
    tables = ", ".join(await _existing(transaction, names))
    await transaction.fetch_all(f"DROP TABLE {tables}")


async def drop_hour(transaction: Transaction, hour: datetime) -> None:
    """Drop the hour's progress, and record the highest id; not while a webhook has to take it."""
    for table in await _existing(transaction, [partition_of_hour(hour)]):
        if await is_awaited(transaction, table):
            return
        await transaction.execute(REMEMBER_DROPPED_PROGRESS.format(table=table, column="id"))
        await transaction.fetch_all(f"DROP TABLE {table}")
    await _drop_packed(transaction, hour)


async def clear_defaults(transaction: Transaction, before: datetime) -> None:
    """Delete events recorded before then that are in no day's or hour's partition."""
    for table in DEFAULTS:
        await deliveries.rescue_strays(transaction, table, before)
        await transaction.fetch_all(CLEAR_DEFAULT.format(table=table), (before,))


async def count_strays(queries: Queries) -> int:
    """Count events in no day's or hour's partition: none, if these are made in time."""
    row = await queries.fetch_one(COUNT_DEFAULTS)
    return int(row.strays) if row else 0


async def _drop_packed(transaction: Transaction, hour: datetime) -> None:
    for table in await _existing(transaction, [packed_of_hour(hour)]):
        await transaction.execute(REMEMBER_DROPPED_PROGRESS.format(table=table, column="last_id"))
        await transaction.fetch_all(f"DROP TABLE {table}")


async def _hours_in(queries: Queries, *parents: str) -> list[datetime]:
    rows = await queries.fetch_all(HOURS, (list(parents),))
    return [row.hour.astimezone(UTC) for row in rows]


async def _existing(queries: Queries, tables: Sequence[str]) -> list[str]:
    return [row.name for row in await queries.fetch_all(EXISTING, (list(tables),))]
