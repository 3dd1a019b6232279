"""Progress of past hours, packed: one row for up to `MOST_IN_ROW` reports of a viewer with a video.

Rows leave the hour's partition in the statement that packs them, so at each moment an event is in
one of both places. First by viewers, for long rows; then by ids, which an erasure changes as little
as a commit, in whose order they are: a range of ids that was once found empty stays so.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from db.log import partitions
from db.log.partitions import YIELD_QUICKLY, partition_of_hour
from db.pool import Queries, Transaction

MOST_IN_ROW = 120  # more make smaller rows a report, and a reader that wants few unpack more

PACK_FROM = "SELECT pack_from FROM event_log_retention"

IDS = "SELECT min(id) AS first_id, max(id) AS last_id FROM {leaf}"

# Most of its rows die at once: the table goes soon, and is not worth cleaning before.
LEAVE_UNCLEANED = "ALTER TABLE {leaf} SET (autovacuum_enabled = false)"

ADD_HOUR = """
CREATE TABLE IF NOT EXISTS {packed} PARTITION OF event_log_packed
FOR VALUES FROM ('{hour}') TO ('{end}')
"""

LAST_OF_NEXT_USERS = """
SELECT max(user_id) AS user_id FROM (
    SELECT user_id FROM {leaf} WHERE user_id > %s ORDER BY user_id LIMIT %s
) AS next
"""

PACK = f"""
WITH gone AS (
    DELETE FROM {{leaf}} WHERE {{column}} > %(after)s AND {{column}} <= %(last)s
    RETURNING id, recorded_at, occurred_at, video_id, course_id, user_id, payload
), numbered AS (
    SELECT *, (row_number() OVER (
        PARTITION BY user_id, course_id, video_id ORDER BY id) - 1) / {MOST_IN_ROW} AS part
    FROM gone
), packed AS (
    INSERT INTO event_log_packed (hour, first_id, last_id, video_id, course_id, user_id, events)
    SELECT %(hour)s, min(id), max(id), video_id, course_id, user_id,
        array_agg(ROW(id, recorded_at, occurred_at, payload)::packed_event ORDER BY id)
    FROM numbered GROUP BY user_id, course_id, video_id, part
    RETURNING last_id
)
UPDATE event_log_retention SET packed_id = greatest(packed_id, (SELECT max(last_id) FROM packed))
WHERE EXISTS (SELECT FROM packed)
"""

# The parent first, as all readers and writers do.
LOCK = "LOCK TABLE ONLY event_log_progress, ONLY {leaf} IN ACCESS EXCLUSIVE MODE"
HAS_LATE = "SELECT EXISTS (SELECT FROM {leaf} WHERE id > %s) AS has_late"


@dataclass(frozen=True, slots=True)
class Ids:
    """The lowest and the highest id in an hour."""

    first_id: int
    last_id: int


async def list_ended(queries: Queries, before: datetime) -> list[datetime]:
    """The hours to pack, which ended before then, oldest first; none before all servers know."""
    row = await queries.fetch_one(PACK_FROM)
    assert row is not None  # inserted by the migration
    return [
        hour
        for hour in await partitions.list_leaf_hours(queries)
        if hour >= row.pack_from and hour + partitions.HOUR <= before
    ]


async def begin(transaction: Transaction, hour: datetime) -> Ids | None:
    """Make the hour's place; None while a webhook has still to take progress of the hour."""
    leaf = partition_of_hour(hour)
    if await partitions.is_awaited(transaction, leaf):
        return None
    # This one may wait: it stands in the way of cleaning alone.
    await transaction.execute(LEAVE_UNCLEANED.format(leaf=leaf))
    await transaction.execute(YIELD_QUICKLY)
    await transaction.execute(
        ADD_HOUR.format(
            packed=partitions.packed_of_hour(hour),
            hour=hour.astimezone(UTC).isoformat(),
            end=(hour + partitions.HOUR).astimezone(UTC).isoformat(),
        )
    )
    row = await transaction.fetch_one(IDS.format(leaf=leaf))
    assert row is not None  # an aggregate
    return Ids(row.first_id or 1, row.last_id or 0)


async def pack_users(
    transaction: Transaction, hour: datetime, after_user_id: str, limit: int
) -> str | None:
    """Pack all progress of the next viewers, who have about `limit` events; returns the last of
    them, None when there were none."""
    leaf = partition_of_hour(hour)
    row = await transaction.fetch_one(LAST_OF_NEXT_USERS.format(leaf=leaf), (after_user_id, limit))
    last = str(row.user_id) if row and row.user_id is not None else None
    if last is not None:
        parameters = {"hour": hour, "after": after_user_id, "last": last}
        await transaction.execute(PACK.format(leaf=leaf, column="user_id"), parameters)
    return last


async def pack_ids(transaction: Transaction, hour: datetime, after_id: int, last_id: int) -> None:
    """Pack what is left of (after_id, last_id]."""
    parameters = {"hour": hour, "after": after_id, "last": last_id}
    sql = PACK.format(leaf=partition_of_hour(hour), column="id")
    await transaction.execute(sql, parameters)


async def drop_leaf(transaction: Transaction, hour: datetime, last_id: int) -> bool:
    """Drop the hour's partition, of which all up to `last_id` is packed; False if there is more."""
    leaf = partition_of_hour(hour)
    await transaction.execute(YIELD_QUICKLY)
    await transaction.execute(LOCK.format(leaf=leaf))
    row = await transaction.fetch_one(HAS_LATE.format(leaf=leaf), (last_id,))
    if row and row.has_late:
        return False
    await transaction.fetch_all(f"DROP TABLE {leaf}")
    return True
