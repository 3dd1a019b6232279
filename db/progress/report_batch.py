"""Stores progress reports of many users together, in two round trips whatever their number.

Rows are locked in key order before they are read, so two processes with the same users neither
deadlock nor overwrite each other. Decides nothing: the caller decides between the two steps which
report changes which value.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Literal, cast
from uuid import UUID

import msgspec

from db.pool import Database, Row, Transaction
from db.progress.progress import STATE, ProgressState, build_state, parse_pieces

PlaybackState = Literal["playing", "paused", "stopped"]

# What a session has measured, as JSON: `measures` in rows that an older release wrote.
MEASURES = "coalesce(s.sums, s.measures::text)"

# The last SELECT is a statement of its own: it sees rows committed during the wait for locks, and
# sessions too, which only the holder of their progress row may write. OFFSET 0 keeps it to one
# look-up of each row's key: a planner without statistics read all users of a video for each of
# them. A future time was stored by a host whose clock was wrong: no report could be later than
# that.
LOCK_AND_READ = f"""
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

SELECT k.place - 1 AS place, v.course_id, v.duration_s, clock_timestamp() AS now,
    CASE WHEN p.position_at <= clock_timestamp() THEN p.position_at END AS position_at,
    p.position_session_id, p.completed_at, p.watched::text AS watched,
    s.last_sequence, s.claims_until, s.allowed_s, s.counted_s, s.started_at,
    {MEASURES} AS measures,
    coalesce(s.claims_since, s.started_at, n.named_at) AS began_at
FROM ROWS FROM (json_to_recordset(%(keys)s) AS (user_id text, video_id uuid, session_id text))
    WITH ORDINALITY AS k (user_id, video_id, session_id, place)
JOIN videos v ON v.id = k.video_id AND v.deleted_at IS NULL
CROSS JOIN LATERAL (
    SELECT * FROM progress WHERE user_id = k.user_id AND video_id = k.video_id OFFSET 0
) AS p
LEFT JOIN LATERAL (
    SELECT last_sequence, started_at, claims_since, claims_until, allowed_s, counted_s, sums,
        measures
    FROM playback_sessions
    WHERE user_id = k.user_id AND video_id = k.video_id AND session_id = k.session_id OFFSET 0
) AS s ON true
LEFT JOIN LATERAL (
    SELECT named_at FROM playback_session_names
    WHERE s.last_sequence IS NULL
      AND user_id = k.user_id AND video_id = k.video_id AND session_id = k.session_id OFFSET 0
) AS n ON true
"""

# Durations are rounded as watched seconds are, or a video watched in full could stay below 1. While
# the duration is unknown (NULL) all intervals count as watched, with a ratio of 0. What was watched
# of a longer film, before a replacement, stays and does not count.
WRITE = f"""
INSERT INTO playback_sessions AS s (
    user_id, video_id, session_id, last_sequence, state, position_s, rate, quality,
    started_at, last_report_at, stopped_at, claims_since, claims_until, allowed_s, counted_s,
    sums, measures
)
SELECT user_id, video_id, session_id, last_sequence, state, position_s, rate, quality,
    started_at, last_report_at, CASE state WHEN 'stopped' THEN last_report_at END,
    claims_since, claims_until, allowed_s, counted_s, sums, measures
FROM json_to_recordset(%(sessions)s) AS c (
    user_id text, video_id uuid, session_id text, last_sequence bigint, state text,
    position_s double precision, rate double precision, quality jsonb,
    started_at timestamptz, last_report_at timestamptz,
    claims_since timestamptz, claims_until timestamptz,
    allowed_s double precision, counted_s double precision, sums text, measures jsonb
)
ON CONFLICT (user_id, video_id, session_id) DO UPDATE SET
    last_sequence = excluded.last_sequence,
    last_report_at = excluded.last_report_at,
    state = excluded.state,
    position_s = excluded.position_s,
    stopped_at = excluded.stopped_at,
    rate = coalesce(excluded.rate, s.rate),
    quality = s.quality || excluded.quality,
    claims_since = coalesce(excluded.claims_since, s.claims_since),
    claims_until = coalesce(excluded.claims_until, s.claims_until),
    allowed_s = coalesce(excluded.allowed_s, s.allowed_s),
    counted_s = coalesce(excluded.counted_s, s.counted_s),
    sums = coalesce(excluded.sums, s.sums),
    measures = CASE WHEN excluded.sums IS NULL THEN coalesce(excluded.measures, s.measures) END;

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
        SELECT coalesce(sum(upper(piece) - lower(piece)), 0) AS seen_s
        FROM unnest(seen * nummultirange(numrange(0, d.duration_s))) AS piece
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


# Late reports count seconds, and change nothing else of their session.
WRITE_LATE = """
UPDATE playback_sessions s SET claims_since = c.claims_since, claims_until = c.claims_until,
    allowed_s = c.allowed_s, counted_s = c.counted_s
FROM json_to_recordset(%(late)s) AS c (
    user_id text, video_id uuid, session_id text, claims_since timestamptz,
    claims_until timestamptz, allowed_s double precision, counted_s double precision
)
WHERE s.user_id = c.user_id AND s.video_id = c.video_id AND s.session_id = c.session_id;
"""

WRITE_CAPPED = """
UPDATE progress p SET capped = united.capped
FROM (
    SELECT c.user_id, c.video_id, u.capped
    FROM json_to_recordset(%(capped)s) AS c (user_id text, video_id uuid, capped nummultirange)
    JOIN progress o ON o.user_id = c.user_id AND o.video_id = c.video_id
    CROSS JOIN LATERAL watched_union(o.capped, c.capped) AS u(capped)
) AS united
WHERE p.user_id = united.user_id AND p.video_id = united.video_id;
"""

# Left with the other statements of the batch.
WRITE_MOMENTS = """
INSERT INTO session_moments (user_id, video_id, session_id, at, kind, details)
SELECT user_id, video_id, session_id, at, kind, details
FROM json_to_recordset(%(moments)s) AS m (
    user_id text, video_id uuid, session_id text, at timestamptz, kind text, details jsonb
);
"""

SUMS_FROM = "SELECT sums_from FROM viewing_upkeep"

REQUIRE_WRITABLE = "UPDATE progress SET updated_at = updated_at WHERE false"


class VideoKey(msgspec.Struct, frozen=True, order=True, cache_hash=True):
    user_id: str
    video_id: UUID


class SessionKey(msgspec.Struct, frozen=True, order=True, cache_hash=True):
    user_id: str
    video_id: UUID
    session_id: str

    @property
    def video(self) -> VideoKey:
        return VideoKey(self.user_id, self.video_id)


class ClaimAccount(msgspec.Struct):
    """Seconds that a session may count as watched, and has, as of its report at `reported_at`."""

    started_at: datetime
    reported_at: datetime
    allowed_s: float
    counted_s: float


class Standing(msgspec.Struct, frozen=True):
    """A session and its video before the batch; None: never set. `read_at`: the database's time.

    `began_at` is when the session was named, or first reported, `started_at` only the latter.
    `duration_s` None: not known yet. `measures` are JSON.
    """

    course_id: str
    position_at: datetime | None
    position_session_id: str | None
    completed_at: datetime | None
    last_sequence: int | None
    read_at: datetime
    duration_s: float | None = None
    watched: tuple[tuple[float, float], ...] = ()
    began_at: datetime | None = None
    account: ClaimAccount | None = None
    started_at: datetime | None = None
    measures: str | None = None


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
    """The session's newest report, newer than the stored one; `measures` are stored by place."""

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
    claims_since: datetime | None = None
    claims_until: datetime | None = None
    allowed_s: float | None = None
    counted_s: float | None = None
    measures: msgspec.Struct | None = msgspec.field(default=None, name="sums")


class LateChange(msgspec.Struct, frozen=True):
    """The account of a session of which only late reports came."""

    user_id: str
    video_id: UUID
    session_id: str
    claims_since: datetime
    claims_until: datetime
    allowed_s: float
    counted_s: float


class CappedChange(msgspec.Struct, frozen=True):
    """Seconds claimed and not counted, as a nummultirange's text."""

    user_id: str
    video_id: UUID
    capped: str


class Moment(msgspec.Struct, frozen=True):
    """A moment of a session: `kind` and what belongs to it. Without a session id it is seen by the
    server, of the viewer."""

    user_id: str
    video_id: UUID
    session_id: str
    at: datetime
    kind: str
    details: dict[str, Any]


async def lock_and_read(
    transaction: Transaction, keys: Iterable[SessionKey]
) -> dict[SessionKey, Standing]:
    """Read the standing of each session; sessions of missing or deleted videos are left out."""
    wanted = sorted(keys)
    rows = await transaction.fetch_all(LOCK_AND_READ, {"keys": _json(wanted)})
    return {wanted[row.place]: _standing(row) for row in rows}


def _standing(row: Row) -> Standing:
    account = None
    if row.claims_until is not None:
        account = ClaimAccount(row.began_at, row.claims_until, row.allowed_s, row.counted_s)
    return Standing(
        row.course_id,
        row.position_at,
        row.position_session_id,
        row.completed_at,
        row.last_sequence,
        row.now,
        row.duration_s,
        parse_pieces(row.watched),
        row.began_at,
        account,
        row.started_at,
        row.measures,
    )


async def write(
    transaction: Transaction,
    progress: Sequence[ProgressChange],
    sessions: Sequence[SessionChange],
    completion_ratio: float,
    late: Sequence[LateChange] = (),
    capped: Sequence[CappedChange] = (),
    moments: Sequence[Moment] = (),
    *,
    are_measures_named: bool = False,
) -> dict[VideoKey, ProgressState]:
    """Store at most one change per key; returns the resulting states.

    `are_measures_named`: as servers read them that know no other form.
    """
    parameters = {
        "progress": _json(progress),
        "sessions": _json([_named(one) for one in sessions] if are_measures_named else sessions),
        "late": _json(late),
        "capped": _json(capped),
        "moments": _json(moments),
        "completion_ratio": completion_ratio,
    }
    seldom = (WRITE_LATE if late else "") + (WRITE_CAPPED if capped else "")
    seldom += WRITE_MOMENTS if moments else ""
    rows = await transaction.fetch_all(seldom + WRITE, parameters)
    keys = [VideoKey(change.user_id, change.video_id) for change in progress]
    return {keys[row.place]: build_state(row) for row in rows}


async def read_sums_from(transaction: Transaction) -> datetime:
    """The time from which measures are stored by place: all servers can read them then."""
    row = await transaction.fetch_one(SUMS_FROM)
    assert row is not None  # inserted by a migration
    return cast(datetime, row.sums_from)


async def require_writable(database: Database) -> None:
    """Check that reports could be stored, by an update of no rows. Raises: DatabaseError."""
    async with database.transaction() as transaction:
        await transaction.execute(REQUIRE_WRITABLE)


def _named(change: SessionChange) -> dict[str, Any]:
    fields = msgspec.structs.asdict(change)
    if change.measures is not None:
        fields["measures"] = msgspec.structs.asdict(change.measures)
    return fields


def _json(values: Sequence[Any]) -> str:
    return msgspec.json.encode(values).decode()
