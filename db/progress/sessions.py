"""Playback sessions: stops the silent ones, deletes the old ones."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from db.pool import Queries, Transaction

# SKIP LOCKED keeps processes that sweep at the same time from blocking each other, and leaves alone
# a session that a report is reviving at that moment.
STOP_SILENT = """
WITH silent AS (
    SELECT user_id, video_id, session_id FROM playback_sessions
    WHERE state <> 'stopped' AND last_report_at < CASE state
        WHEN 'paused' THEN %(paused_before)s::timestamptz
        ELSE %(playing_before)s::timestamptz END
    ORDER BY user_id, video_id, session_id LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
UPDATE playback_sessions s SET state = 'stopped', stopped_at = %(now)s
FROM silent JOIN progress p ON p.user_id = silent.user_id AND p.video_id = silent.video_id
WHERE s.user_id = silent.user_id AND s.video_id = silent.video_id
  AND s.session_id = silent.session_id
RETURNING s.user_id, s.video_id, s.session_id, s.position_s, p.course_id, p.watched_ratio
"""

DELETE_OLD = """
DELETE FROM playback_sessions WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM playback_sessions
    WHERE stopped_at < %s ORDER BY stopped_at LIMIT %s FOR UPDATE SKIP LOCKED
))
RETURNING 1
"""

COUNT_OPEN = """
SELECT state, count(*) FROM playback_sessions WHERE state <> 'stopped' GROUP BY state
"""


@dataclass(frozen=True, slots=True)
class SilentSession:
    user_id: str
    video_id: UUID
    session_id: str
    course_id: str
    position_s: float
    watched_ratio: float


async def stop_silent(
    transaction: Transaction, now: datetime, playing_s: float, paused_s: float, limit: int
) -> list[SilentSession]:
    """Mark as stopped, and return, open sessions whose last report is longer ago than that."""
    parameters = {
        "now": now,
        "playing_before": now - timedelta(seconds=playing_s),
        "paused_before": now - timedelta(seconds=paused_s),
        "limit": limit,
    }
    rows = await transaction.fetch_all(STOP_SILENT, parameters)
    return [
        SilentSession(
            row.user_id,
            UUID(str(row.video_id)),
            row.session_id,
            row.course_id,
            row.position_s,
            row.watched_ratio,
        )
        for row in rows
    ]


async def count_open(queries: Queries) -> dict[str, int]:
    """Open sessions by state: `playing`, `paused`."""
    return {row.state: row.count for row in await queries.fetch_all(COUNT_OPEN)}


async def delete_old(transaction: Transaction, before: datetime, limit: int) -> int:
    """Delete sessions that ended before that; returns their number.

    They are named by place: among millions, keys would be joined by reading all.
    """
    return len(await transaction.fetch_all(DELETE_OLD, (before, limit)))
