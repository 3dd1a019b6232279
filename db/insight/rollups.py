"""Figures by video and day, and the curves of videos: locked, read and written.

Whoever changes them holds `LOCK`, so they need no locks of rows. Its statement takes no snapshot:
the transaction, which reads at one moment, begins to read when it holds the lock.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import msgspec

from db.pool import Queries, Row, Transaction

LOCK_OUT = "LOCK TABLE viewing_upkeep IN EXCLUSIVE MODE"
LOCK = f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;\n{LOCK_OUT}"

# Durations are rounded as `report_batch.WRITE` rounds them.
DURATION_CS = """
CASE WHEN v.duration_s IS NOT NULL
     THEN (greatest(round(v.duration_s::numeric, 2), 0.01) * 100)::bigint END
"""

FACTS = f"""
SELECT v.id::text AS video_id, v.course_id, {DURATION_CS} AS duration_cs, c.is_counted,
    c.duration_cs AS drawn_cs, c.viewers, c.plays
FROM videos v LEFT JOIN viewing_curves c ON c.video_id = v.id
WHERE v.id = ANY(%s::uuid[])
"""

# Numbers go up without gaps; the holder of the lock is the only one to give them. Each viewer is
# looked up once, and each course's first free number: asked for each of n new viewers, that passed
# over all that were inserted before, n * n / 2 of them.
NUMBER = """
WITH wanted AS MATERIALIZED (
    SELECT w.course_id, w.user_id, c.number
    FROM (
        SELECT DISTINCT course_id, user_id
        FROM json_to_recordset(%(viewers)s) AS w (course_id text, user_id text)
    ) AS w
    LEFT JOIN course_viewers c USING (course_id, user_id)
), free AS MATERIALIZED (
    SELECT w.course_id, coalesce((
        SELECT max(c.number) + 1 FROM course_viewers c WHERE c.course_id = w.course_id
    ), 0) AS first
    FROM (SELECT DISTINCT course_id FROM wanted WHERE number IS NULL) AS w
), added AS (
    INSERT INTO course_viewers (course_id, user_id, number)
    SELECT course_id, user_id,
        free.first + row_number() OVER (PARTITION BY course_id ORDER BY user_id) - 1
    FROM wanted JOIN free USING (course_id)
    WHERE number IS NULL
    RETURNING course_id, user_id, number
)
SELECT course_id, user_id, number FROM wanted WHERE number IS NOT NULL
UNION ALL SELECT course_id, user_id, number FROM added
"""

ADD_DAYS = """
INSERT INTO viewing_days AS d (
    video_id, day, course_id, viewers, sessions, watched_cs, completions
)
SELECT video_id, day, course_id, viewers::varbit, sessions, watched_cs, completions
FROM json_to_recordset(%(days)s) AS a (
    video_id uuid, day date, course_id text, viewers text, sessions integer, watched_cs bigint,
    completions integer
)
ON CONFLICT (video_id, day) DO UPDATE SET
    viewers = viewers_united(d.viewers, excluded.viewers),
    sessions = d.sessions + excluded.sessions,
    watched_cs = d.watched_cs + excluded.watched_cs,
    completions = d.completions + excluded.completions
"""

WRITE_CURVES = """
INSERT INTO viewing_curves AS c (video_id, is_counted, duration_cs, viewers, plays)
SELECT video_id, is_counted, duration_cs, viewers::integer[], plays::integer[]
FROM json_to_recordset(%(curves)s) AS w (
    video_id uuid, is_counted boolean, duration_cs bigint, viewers text, plays text
)
ON CONFLICT (video_id) DO UPDATE SET
    is_counted = excluded.is_counted, duration_cs = excluded.duration_cs,
    viewers = excluded.viewers, plays = excluded.plays
"""

READ_DAYS = """
SELECT day, course_id, viewers::text AS viewers, sessions, watched_cs, completions
FROM viewing_days WHERE video_id = %s ORDER BY day
"""

DELETE_DAYS = "DELETE FROM viewing_days WHERE video_id = %s"

UNCOUNT = "UPDATE viewing_curves SET is_counted = false WHERE video_id = %s AND is_counted"


@dataclass(frozen=True, slots=True)
class Curve:
    """`is_counted` is false until the progress of its video was counted in full.

    `duration_cs` is what it was counted for; None while that was unknown.
    """

    video_id: UUID
    is_counted: bool
    duration_cs: int | None
    viewers: Sequence[int]
    plays: Sequence[int]


@dataclass(frozen=True, slots=True)
class CountedVideo:
    course_id: str
    duration_cs: int | None
    curve: Curve | None


@dataclass(slots=True)
class Day:
    """A day of a video; `viewers` is a set of their numbers, as bits of an integer."""

    day: date
    viewers: int = 0
    sessions: int = 0
    watched_cs: int = 0
    completions: int = 0


async def lock(transaction: Transaction) -> None:
    """The transaction's first statement. Raises: DatabaseTimeout."""
    await transaction.execute(LOCK)


async def lock_out(transaction: Transaction) -> None:
    """Lock as `lock` does, but let each statement see what is committed by then.
    Raises: DatabaseTimeout."""
    await transaction.execute(LOCK_OUT)


async def read_facts(queries: Queries, video_ids: Iterable[UUID]) -> dict[UUID, CountedVideo]:
    """Facts of the videos that exist, deleted ones included."""
    rows = await queries.fetch_all(FACTS, ([str(one) for one in video_ids],))
    return {UUID(row.video_id): _facts(row) for row in rows}


def _facts(row: Row) -> CountedVideo:
    curve = None
    if row.is_counted is not None:
        curve = Curve(UUID(row.video_id), row.is_counted, row.drawn_cs, row.viewers, row.plays)
    return CountedVideo(row.course_id, row.duration_cs, curve)


async def number_viewers(
    transaction: Transaction, viewers: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], int]:
    """Numbers of (course, user), given now to those who have none."""
    wanted = [{"course_id": course, "user_id": user} for course, user in viewers]
    rows = await transaction.fetch_all(NUMBER, {"viewers": _json(wanted)}) if wanted else []
    return {(row.course_id, row.user_id): row.number for row in rows}


async def add_days(
    transaction: Transaction, course_ids: Sequence[str], days: Sequence[tuple[UUID, Day]]
) -> None:
    """Add figures to days; `course_ids` are those of the videos."""
    rows = [
        {
            "video_id": video_id,
            "day": day.day,
            "course_id": course_id,
            "viewers": to_bits(day.viewers),
            "sessions": day.sessions,
            "watched_cs": day.watched_cs,
            "completions": day.completions,
        }
        for course_id, (video_id, day) in zip(course_ids, days, strict=True)
    ]
    await transaction.execute(ADD_DAYS, {"days": _json(rows)})


async def write_curves(transaction: Transaction, curves: Iterable[Curve]) -> None:
    rows = [
        {
            "video_id": curve.video_id,
            "is_counted": curve.is_counted,
            "duration_cs": curve.duration_cs,
            "viewers": _array(curve.viewers),
            "plays": _array(curve.plays),
        }
        for curve in curves
    ]
    await transaction.execute(WRITE_CURVES, {"curves": _json(rows)})


async def read_days(queries: Queries, video_id: UUID) -> list[Day]:
    rows = await queries.fetch_all(READ_DAYS, (str(video_id),))
    return [
        Day(row.day, from_bits(row.viewers), row.sessions, row.watched_cs, row.completions)
        for row in rows
    ]


async def replace_days(
    transaction: Transaction, course_id: str, video_id: UUID, days: Sequence[Day]
) -> None:
    await transaction.execute(DELETE_DAYS, (str(video_id),))
    await add_days(transaction, [course_id] * len(days), [(video_id, day) for day in days])


async def uncount(transaction: Transaction, video_id: UUID) -> None:
    """Have a video's progress counted again: something else than a report changed it."""
    await transaction.execute(UNCOUNT, (str(video_id),))


def to_bits(numbers: int) -> str:
    """A bit string's text; the first of its bits is number 0."""
    return f"{numbers:b}"[::-1] if numbers else ""


def from_bits(text: str) -> int:
    return int(text[::-1] or "0", 2)


def _array(figures: Iterable[int]) -> str:
    return f"{{{','.join(map(str, figures))}}}"


def _json(values: Any) -> str:
    return msgspec.json.encode(values).decode()
