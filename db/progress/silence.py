"""Open playback sessions in slices: each is read when one of its sessions may have fallen silent.

A slice is due when the first of its sessions, as they were read, will have been silent too long,
and after `PLAYING_LIMIT` at the latest. No session that reports meanwhile is silent before that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from db.pool import Queries, Transaction

PLAYING_LIMIT = timedelta(seconds=30)
PAUSED_LIMIT = timedelta(minutes=30)

# Later than the latest: the clock was set back.
DUE = "due_at <= {now} OR due_at > {now} + %(latest)s"

LOOK = f"""
SELECT now, EXISTS (SELECT FROM silence_slices WHERE {DUE.format(now="now")}) AS is_due
FROM clock_timestamp() AS now
"""

TAKE_DUE = f"""
WITH due AS (
    SELECT slice, due_at, playing + paused AS sessions FROM silence_slices
    WHERE {DUE.format(now="%(now)s")} FOR UPDATE SKIP LOCKED
), summed AS (
    SELECT slice, sum(sessions) OVER (ORDER BY due_at, slice) - sessions AS before FROM due
)
SELECT slice FROM summed WHERE before < %(most_sessions)s
"""

SLICE = "hashtext(user_id || session_id) & 255"  # as in the index
SILENT_AT = """
last_report_at + CASE state WHEN 'paused' THEN %(paused_limit)s ELSE %(playing_limit)s END
"""

# SKIP LOCKED leaves a session alone that a report is reviving at that moment: its slice is due in
# the next turn. Sessions are found by their place: no plan reads the whole table for them.
STOP_SILENT = f"""
WITH opened AS MATERIALIZED (
    SELECT ctid AS place, {SLICE} AS slice, state, {SILENT_AT} AS silent_at
    FROM playback_sessions
    WHERE state <> 'stopped' AND {SLICE} = ANY(%(slices)s)
), silent AS MATERIALIZED (
    SELECT ctid AS place, user_id, video_id, session_id FROM playback_sessions
    WHERE ctid = ANY(ARRAY(SELECT place FROM opened WHERE silent_at < %(now)s))
      AND state <> 'stopped' AND {SILENT_AT} < %(now)s
    FOR UPDATE SKIP LOCKED
), looked_at AS (
    SELECT s.slice, count(*) FILTER (WHERE o.state = 'playing') AS playing,
        count(*) FILTER (WHERE o.state = 'paused') AS paused,
        coalesce(min(o.silent_at), 'infinity') AS silent_at
    FROM unnest(%(slices)s) AS s (slice)
    LEFT JOIN opened o ON o.slice = s.slice
        AND NOT EXISTS (SELECT FROM silent WHERE silent.place = o.place)
    GROUP BY s.slice
), postponed AS (
    UPDATE silence_slices s SET playing = l.playing, paused = l.paused,
        due_at = least(greatest(l.silent_at, %(earliest)s), %(latest)s)
    FROM looked_at l WHERE l.slice = s.slice
)
UPDATE playback_sessions s SET state = 'stopped', stopped_at = %(now)s
FROM silent JOIN progress p ON p.user_id = silent.user_id AND p.video_id = silent.video_id
WHERE s.user_id = silent.user_id AND s.video_id = silent.video_id
  AND s.session_id = silent.session_id
RETURNING s.user_id, s.video_id, s.session_id, s.position_s, p.course_id, p.watched_ratio
"""


@dataclass(frozen=True, slots=True)
class SilentSession:
    user_id: str
    video_id: UUID
    session_id: str
    course_id: str
    position_s: float
    watched_ratio: float


async def look(queries: Queries) -> tuple[datetime, bool]:
    """Returns the time of the server, in UTC, and True if a slice is due. Locks nothing."""
    [row] = await queries.fetch_all(LOOK, {"latest": PLAYING_LIMIT})
    return row.now, row.is_due


async def take_due(transaction: Transaction, now: datetime, most_sessions: int) -> list[int]:
    """Lock slices that are due until the commit: as many as have that many sessions, or one.

    Slices that another process has locked are left to it.
    """
    parameters = {"now": now, "latest": PLAYING_LIMIT, "most_sessions": most_sessions}
    return [row.slice for row in await transaction.fetch_all(TAKE_DUE, parameters)]


async def stop_silent(
    transaction: Transaction, now: datetime, slices: Sequence[int]
) -> list[SilentSession]:
    """Mark the silent sessions of these slices as stopped, and return them.

    Counts the others, and sets when each slice is due again.
    """
    parameters = {
        "now": now,
        "earliest": now + timedelta.resolution,
        "latest": now + PLAYING_LIMIT,
        "playing_limit": PLAYING_LIMIT,
        "paused_limit": PAUSED_LIMIT,
        "slices": list(slices),
    }
    return [
        SilentSession(
            row.user_id,
            UUID(str(row.video_id)),
            row.session_id,
            row.course_id,
            row.position_s,
            row.watched_ratio,
        )
        for row in await transaction.fetch_all(STOP_SILENT, parameters)
    ]
