"""Stores progress reports of many users together, in two round trips whatever their number.

Rows are locked in key order before they are read, so two processes with the same users neither
deadlock nor overwrite each other. Decides nothing: the caller decides between the two steps which
report changes which value.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from db.pool import Database, Transaction
from db.progress.progress import STATE, ProgressState, build_state

PlaybackState = Literal["playing", "paused", "stopped"]

# The last SELECT is a statement of its own: it sees rows committed during the wait for locks, and
# sessions too, which only the holder of their progress row may write. OFFSET 0 keeps it to one
# look-up of each row's key: a planner without statistics read all users of a video for each of
# them. A future time was stored by a host whose clock was wrong: no report could be later than
# that.
LOCK_AND_READ = """
INSERT INTO progress (user_id, video_id, course_id)
SELECT DISTINCT k.user_id, k.video_id, v.course_id
FROM json_to_recordset(%(keys)s) AS k (user_id text, video_id uuid)
JOIN videos v ON v.id = k.video_id AND v.deleted_at IS NULL
ORDER BY k.user_id, k.video_id
ON CONFLICT DO NOTHING;

SELECT FROM progress
WHERE (user_id, video_id) IN (
    SELECT user_id, video_id
    FROM json_to_recordset(%(keys)s) AS k (user_id text, video_id uuid)
)
ORDER BY user_id, video_id FOR UPDATE;

SELECT k.place - 1 AS place, v.course_id, clock_timestamp() AS now,
    CASE WHEN p.position_at <= clock_timestamp() THEN p.position_at END AS position_at,
    p.position_session_id, p.completed_at, s.last_sequence
FROM ROWS FROM (json_to_recordset(%(keys)s) AS (user_id text, video_id uuid, session_id text))
    WITH ORDINALITY AS k (user_id, video_id, session_id, place)
JOIN videos v ON v.id = k.video_id AND v.deleted_at IS NULL
CROSS JOIN LATERAL (
    SELECT * FROM progress WHERE user_id = k.user_id AND video_id = k.video_id OFFSET 0
) AS p
LEFT JOIN LATERAL (
    SELECT last_sequence FROM playback_sessions
    WHERE user_id = k.user_id AND video_id = k.video_id AND session_id = k.session_id OFFSET 0
) AS s ON true
"""

# Durations are rounded as watched seconds are, or a video watched in full could stay below 1. While
# the duration is unknown (NULL) all intervals count as watched, with a ratio of 0.
WRITE = f"""
INSERT INTO playback_sessions AS s (
    user_id, video_id, session_id, last_sequence, state, position_s, rate, quality,
    started_at, last_report_at, stopped_at
)
SELECT user_id, video_id, session_id, last_sequence, state, position_s, rate, quality,
    started_at, last_report_at, CASE state WHEN 'stopped' THEN last_report_at END
FROM json_to_recordset(%(sessions)s) AS c (
    user_id text, video_id uuid, session_id text, last_sequence bigint, state text,
    position_s double precision, rate double precision, quality jsonb,
    started_at timestamptz, last_report_at timestamptz
)
ON CONFLICT (user_id, video_id, session_id) DO UPDATE SET
    last_sequence = excluded.last_sequence,
    last_report_at = excluded.last_report_at,
    state = excluded.state,
    position_s = excluded.position_s,
    stopped_at = excluded.stopped_at,
    rate = coalesce(excluded.rate, s.rate),
    quality = s.quality || excluded.quality;

WITH measured AS MATERIALIZED (
    SELECT c.*, seen, l.seen_s, d.duration_s
    FROM ROWS FROM (json_to_recordset(%(progress)s) AS (
        user_id text, video_id uuid, position_s double precision, position_at timestamptz,
        position_session_id text, watched nummultirange, received_at timestamptz
    )) WITH ORDINALITY AS c (
        user_id, video_id, position_s, position_at, position_session_id, watched, received_at, place
    )
    JOIN videos v ON v.id = c.video_id
    CROSS JOIN LATERAL (
        SELECT watched FROM progress
        WHERE user_id = c.user_id AND video_id = c.video_id OFFSET 0
    ) AS p
    CROSS JOIN LATERAL (
        SELECT CASE WHEN v.duration_s IS NOT NULL
                    THEN greatest(round(v.duration_s::numeric, 2), 0.01) END AS duration_s
    ) AS d
    CROSS JOIN LATERAL (
        SELECT c.watched * nummultirange(numrange(0, d.duration_s)) AS counted
    ) AS w
    CROSS JOIN LATERAL watched_union(p.watched, w.counted) AS seen
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(upper(piece) - lower(piece)), 0) AS seen_s FROM unnest(seen) AS piece
    ) AS l
)
UPDATE progress p SET
    position_s = coalesce(m.position_s, p.position_s),
    position_at = coalesce(m.position_at, p.position_at),
    position_session_id = coalesce(m.position_session_id, p.position_session_id),
    watched = m.seen,
    watched_s = m.seen_s,
    watched_ratio = least(coalesce(m.seen_s / m.duration_s, 0), 1),
    completed_at = coalesce(
        p.completed_at,
        CASE WHEN m.seen_s / m.duration_s >= %(completion_ratio)s THEN m.received_at END
    ),
    updated_at = now()
FROM measured m
WHERE p.user_id = m.user_id AND p.video_id = m.video_id
RETURNING m.place - 1 AS place, {STATE}
"""


REQUIRE_WRITABLE = "UPDATE progress SET updated_at = updated_at WHERE false"


class VideoKey(msgspec.Struct, frozen=True, order=True):
    user_id: str
    video_id: UUID


class SessionKey(msgspec.Struct, frozen=True, order=True):
    user_id: str
    video_id: UUID
    session_id: str

    @property
    def video(self) -> VideoKey:
        return VideoKey(self.user_id, self.video_id)


class Standing(msgspec.Struct, frozen=True):
    """A session and its video before the batch; None: never set. `read_at`: the database's time."""

    course_id: str
    position_at: datetime | None
    position_session_id: str | None
    completed_at: datetime | None
    last_sequence: int | None
    read_at: datetime


class ProgressChange(msgspec.Struct, frozen=True):
    """A None in `position_*` keeps the position; `watched` is a nummultirange's text."""

    user_id: str
    video_id: UUID
    position_s: float | None
    position_at: datetime | None
    position_session_id: str | None
    watched: str
    received_at: datetime


class SessionChange(msgspec.Struct, frozen=True):
    """The session's newest report, newer than the stored one."""

    user_id: str
    video_id: UUID
    session_id: str
    last_sequence: int
    state: PlaybackState
    position_s: float
    rate: float | None
    quality: dict[str, Any]
    started_at: datetime
    last_report_at: datetime


async def lock_and_read(
    transaction: Transaction, keys: Iterable[SessionKey]
) -> dict[SessionKey, Standing]:
    """Read the standing of each session; sessions of missing or deleted videos are left out."""
    wanted = sorted(keys)
    rows = await transaction.fetch_all(LOCK_AND_READ, {"keys": _json(wanted)})
    return {
        wanted[row.place]: Standing(
            row.course_id,
            row.position_at,
            row.position_session_id,
            row.completed_at,
            row.last_sequence,
            row.now,
        )
        for row in rows
    }


async def write(
    transaction: Transaction,
    progress: Sequence[ProgressChange],
    sessions: Sequence[SessionChange],
    completion_ratio: float,
) -> dict[VideoKey, ProgressState]:
    """Store at most one change per key; returns the resulting states."""
    parameters = {
        "progress": _json(progress),
        "sessions": _json(sessions),
        "completion_ratio": completion_ratio,
    }
    rows = await transaction.fetch_all(WRITE, parameters)
    keys = [VideoKey(change.user_id, change.video_id) for change in progress]
    return {keys[row.place]: build_state(row) for row in rows}


async def require_writable(database: Database) -> None:
    """Check that reports could be stored, by an update of no rows. Raises: DatabaseError."""
    async with database.transaction() as transaction:
        await transaction.execute(REQUIRE_WRITABLE)


def _json(values: Sequence[Any]) -> str:
    return msgspec.json.encode(values).decode()
