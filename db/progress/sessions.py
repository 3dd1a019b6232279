"""Playback sessions: counts the open ones, deletes the old ones."""

from datetime import datetime

from db.pool import Queries, Transaction

EXACT_BELOW = 5000

COUNTED_BEFORE = """
SELECT coalesce(sum(playing), 0) AS playing, coalesce(sum(paused), 0) AS paused FROM silence_slices
"""

COUNT_OPEN = """
SELECT count(*) FILTER (WHERE state = 'playing') AS playing,
    count(*) FILTER (WHERE state = 'paused') AS paused
FROM playback_sessions WHERE state <> 'stopped'
"""

DELETE_OLD = """
DELETE FROM playback_sessions WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM playback_sessions
    WHERE stopped_at < %s ORDER BY stopped_at LIMIT %s FOR UPDATE SKIP LOCKED
))
RETURNING 1
"""


async def count_open(queries: Queries) -> dict[str, int]:
    """Open sessions by state: `playing`, `paused`.

    From `EXACT_BELOW` on as they were when their slices were looked at: up to 30 s ago.
    """
    [row] = await queries.fetch_all(COUNTED_BEFORE)
    if row.playing + row.paused < EXACT_BELOW:
        [row] = await queries.fetch_all(COUNT_OPEN)
    return {"playing": row.playing, "paused": row.paused}


async def delete_old(transaction: Transaction, before: datetime, limit: int) -> int:
    """Delete sessions that ended before that; returns their number.

    They are named by place: among millions, keys would be joined by reading all.
    """
    return len(await transaction.fetch_all(DELETE_OLD, (before, limit)))
