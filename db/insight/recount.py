"""Counts of a video's viewing from its progress and sessions, and the videos to be counted."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from db.insight.rollups import DURATION_CS
from db.pool import Queries, Row, Transaction

VIEWERS = """
SELECT user_id, round(watched_s::numeric * 100)::bigint AS watched_cs,
    (updated_at AT TIME ZONE 'UTC')::date AS seen_on,
    (completed_at AT TIME ZONE 'UTC')::date AS completed_on
FROM progress WHERE video_id = %s
"""

SESSIONS = """
SELECT (started_at AT TIME ZONE 'UTC')::date AS day, count(*) AS sessions
FROM playback_sessions WHERE video_id = %s GROUP BY 1
"""

# As `Steps.before` counts: the first step that a piece does hold, and the first after it.
CURVE = """
SELECT least((at_cs + %(half)s - 1) / %(step)s, %(last)s)
    + CASE WHEN at_cs > %(last_middle)s THEN 1 ELSE 0 END AS step, sum(change)::integer AS change
FROM (
    SELECT watched FROM progress WHERE video_id = %(video_id)s
    OFFSET 0  -- found by the index, and not by processes that read all
) AS p
CROSS JOIN LATERAL unnest(p.watched) AS piece
CROSS JOIN LATERAL (VALUES
    (round(lower(piece) * 100)::bigint, 1), (round(upper(piece) * 100)::bigint, -1)
) AS edges (at_cs, change)
GROUP BY 1
"""

UNCOUNTED_OF_COURSE = f"""
SELECT v.id::text AS video_id FROM videos v
WHERE v.course_id = %s
  AND NOT EXISTS (
      SELECT FROM viewing_curves c WHERE c.video_id = v.id AND c.is_counted
        AND c.duration_cs IS NOT DISTINCT FROM {DURATION_CS})
  AND EXISTS (SELECT FROM progress p WHERE p.video_id = v.id)
ORDER BY v.id
"""

UNCOUNTED = """
SELECT video_id::text AS video_id FROM viewing_curves WHERE NOT is_counted
ORDER BY video_id LIMIT %s
"""

NEXT_VIDEOS = """
SELECT v.id::text AS video_id,
    EXISTS (SELECT FROM progress p WHERE p.video_id = v.id)
    OR EXISTS (SELECT FROM viewing_days d WHERE d.video_id = v.id) AS has_viewing
FROM (SELECT id FROM videos WHERE id > %s ORDER BY id LIMIT %s) AS v ORDER BY v.id
"""

UPKEEP = "SELECT counted_to::text AS counted_to, are_all_counted FROM viewing_upkeep"

ADVANCE = "UPDATE viewing_upkeep SET counted_to = %s, are_all_counted = %s"


@dataclass(frozen=True, slots=True)
class ViewerCount:
    """`seen_on` is the day of the newest report."""

    user_id: str
    watched_cs: int
    seen_on: date
    completed_on: date | None


@dataclass(frozen=True, slots=True)
class Upkeep:
    counted_to: UUID
    are_all_counted: bool


async def list_viewers(queries: Queries, video_id: UUID) -> list[ViewerCount]:
    rows = await queries.fetch_all(VIEWERS, (str(video_id),))
    return [ViewerCount(*row) for row in rows]


async def count_sessions(queries: Queries, video_id: UUID) -> dict[date, int]:
    """Sessions that are still kept, by the day on which they began."""
    rows = await queries.fetch_all(SESSIONS, (str(video_id),))
    return {row.day: row.sessions for row in rows}


async def count_curve(
    queries: Queries, video_id: UUID, step_s: int, count: int, last_middle_cs: int
) -> dict[int, int]:
    """Number of viewers by which each step differs from the one before."""
    parameters: dict[str, Any] = {
        "video_id": str(video_id),
        "half": step_s * 50,
        "step": step_s * 100,
        "last": count - 1,
        "last_middle": last_middle_cs,
    }
    rows = await queries.fetch_all(CURVE, parameters)
    return {row.step: row.change for row in rows}


async def list_uncounted_of_course(queries: Queries, course_id: str) -> list[UUID]:
    return _ids(await queries.fetch_all(UNCOUNTED_OF_COURSE, (course_id,)))


async def list_uncounted(queries: Queries, limit: int) -> list[UUID]:
    """Videos known to need a count, most often since their duration changed."""
    return _ids(await queries.fetch_all(UNCOUNTED, (limit,)))


async def list_next_videos(queries: Queries, after: UUID, limit: int) -> list[tuple[UUID, bool]]:
    """The next videos by id, and whether they have progress or figures."""
    rows = await queries.fetch_all(NEXT_VIDEOS, (str(after), limit))
    return [(UUID(row.video_id), row.has_viewing) for row in rows]


async def read_upkeep(queries: Queries) -> Upkeep:
    row = await queries.fetch_one(UPKEEP)
    assert row is not None  # inserted by the migration
    return Upkeep(UUID(row.counted_to), row.are_all_counted)


async def advance(transaction: Transaction, upkeep: Upkeep) -> None:
    await transaction.execute(ADVANCE, (str(upkeep.counted_to), upkeep.are_all_counted))


def _ids(rows: list[Row]) -> list[UUID]:
    return [UUID(row.video_id) for row in rows]
