"""Figures of courses and videos, as they are shown.

A course's viewers are bits of equally long strings here, so that unions over any days and videos
are PostgreSQL's own `bit_or`.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from db.insight.rollups import DURATION_CS
from db.pool import Queries, Row

AT_ONE_MOMENT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"

WIDTH = "SELECT coalesce(max(number) + 1, 1) AS width FROM course_viewers WHERE course_id = %s"

# Three groupings of the same days: all, by day, by video. Videos that were deleted do not count.
# Compared by course as well, or all videos would be read for those of one course.
VIEWING = """
SELECT d.day, d.video_id::text AS video_id, coalesce(bit_count(bit_or(d.viewers)), 0) AS viewers,
    coalesce(sum(d.sessions), 0)::bigint AS sessions,
    coalesce(sum(d.watched_cs), 0)::bigint AS watched_cs,
    coalesce(sum(d.completions), 0)::bigint AS completions
FROM (
    SELECT day, video_id, course_id, viewers::bit({width}) AS viewers, sessions, watched_cs,
        completions
    FROM viewing_days
    WHERE {chosen} AND day >= %(since)s AND day < %(until)s
) AS d
JOIN videos v ON v.id = d.video_id AND v.course_id = d.course_id AND v.deleted_at IS NULL
GROUP BY GROUPING SETS ((), (d.day), (d.video_id))
"""
OF_COURSE, OF_VIDEO = "course_id = %(course_id)s", "video_id = %(video_id)s"

VIEWERS_OF_VIDEO = """
SELECT bit_count(viewers_union(viewers)) AS viewers FROM viewing_days WHERE video_id = %s
"""

BYTES = """
SELECT day, sum(bytes)::bigint AS bytes FROM bytes_served
WHERE course_id = %(course_id)s AND day >= %(since)s AND day < %(until)s {narrowed}
GROUP BY day
"""

ACTIVE = """
SELECT count(DISTINCT s.user_id) AS active
FROM playback_sessions s JOIN videos v ON v.id = s.video_id AND v.deleted_at IS NULL
WHERE s.state <> 'stopped' AND s.state = 'playing' AND {chosen}
"""

VIDEOS = f"""
SELECT v.id::text AS video_id, v.title, {DURATION_CS} AS duration_cs FROM videos v
WHERE v.course_id = %s AND v.deleted_at IS NULL ORDER BY v.created_at, v.id
"""

# A video's viewers are at most the sum over its days: those who cannot be among the first are not
# united.
POPULAR = """
WITH summed AS (
    SELECT d.video_id, d.course_id, sum(bit_count(d.viewers)) AS most,
        max(bit_count(d.viewers)) AS least, sum(d.watched_cs)::bigint AS watched_cs
    FROM viewing_days d
    JOIN videos v ON v.id = d.video_id AND v.course_id = d.course_id AND v.deleted_at IS NULL
    WHERE d.day >= %(since)s AND d.day < %(until)s {narrowed}
    GROUP BY d.video_id, d.course_id
), likely AS (
    SELECT * FROM summed WHERE most > 0 AND most >= coalesce((
        SELECT least FROM summed ORDER BY least DESC LIMIT 1 OFFSET %(limit)s - 1
    ), 0)
)
SELECT l.video_id::text AS video_id, l.course_id, v.title, l.watched_cs, u.viewers
FROM likely l JOIN videos v ON v.id = l.video_id
CROSS JOIN LATERAL (
    SELECT bit_count(viewers_union(d.viewers)) AS viewers FROM viewing_days d
    WHERE d.video_id = l.video_id AND d.day >= %(since)s AND d.day < %(until)s
) AS u
ORDER BY u.viewers DESC, l.watched_cs DESC, l.video_id LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Period:
    """Days from `since` on, before `until`."""

    since: date
    until: date


@dataclass(frozen=True, slots=True)
class ViewingCounts:
    viewers: int
    sessions: int
    watched_cs: int
    completions: int


NO_VIEWING = ViewingCounts(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Figures:
    """Viewing of a course or a video: all of it, by day and by video."""

    total: ViewingCounts
    days: dict[date, ViewingCounts]
    videos: dict[UUID, ViewingCounts]


@dataclass(frozen=True, slots=True)
class VideoTitle:
    video_id: UUID
    title: str
    duration_cs: int | None


@dataclass(frozen=True, slots=True)
class PopularVideo:
    video_id: UUID
    course_id: str
    title: str
    viewers: int
    watched_cs: int


async def read_viewing(
    queries: Queries, course_id: str, period: Period, video_id: UUID | None = None
) -> Figures:
    """Viewing of a course, or of one of its videos."""
    width = await queries.fetch_one(WIDTH, (course_id,))
    assert width is not None
    sql = VIEWING.format(width=width.width, chosen=OF_COURSE if video_id is None else OF_VIDEO)
    rows = await queries.fetch_all(sql, _parameters(course_id, period, video_id))
    return Figures(
        next(_viewing(row) for row in rows if row.day is None and row.video_id is None),
        {row.day: _viewing(row) for row in rows if row.day is not None},
        {UUID(row.video_id): _viewing(row) for row in rows if row.video_id is not None},
    )


async def count_viewers(queries: Queries, video_id: UUID) -> int:
    """Viewers that a video has ever had."""
    row = await queries.fetch_one(VIEWERS_OF_VIDEO, (str(video_id),))
    return int(row.viewers) if row else 0


def _viewing(row: Row) -> ViewingCounts:
    return ViewingCounts(row.viewers, row.sessions, row.watched_cs, row.completions)


async def read_bytes(
    queries: Queries, course_id: str, period: Period, video_id: UUID | None = None
) -> dict[date, int]:
    """Bytes sent by day, for whatever purpose, of deleted videos as well."""
    sql = BYTES.format(narrowed="" if video_id is None else f"AND {OF_VIDEO}")
    rows = await queries.fetch_all(sql, _parameters(course_id, period, video_id))
    return {row.day: max(0, row.bytes) for row in rows}


async def count_active(queries: Queries, course_id: str, video_id: UUID | None = None) -> int:
    """Users who are playing now."""
    chosen = "v.course_id = %(course_id)s" if video_id is None else "s.video_id = %(video_id)s"
    parameters = {"course_id": course_id, "video_id": str(video_id)}
    row = await queries.fetch_one(ACTIVE.format(chosen=chosen), parameters)
    return int(row.active) if row else 0


async def list_videos(queries: Queries, course_id: str) -> list[VideoTitle]:
    rows = await queries.fetch_all(VIDEOS, (course_id,))
    return [VideoTitle(UUID(row.video_id), row.title, row.duration_cs) for row in rows]


async def list_popular(
    queries: Queries, period: Period, course_id: str | None, limit: int
) -> list[PopularVideo]:
    """Videos with the most viewers in the period."""
    sql = POPULAR.format(narrowed="" if course_id is None else f"AND d.{OF_COURSE}")
    parameters = _parameters(course_id, period, None) | {"limit": limit}
    return [
        PopularVideo(UUID(row.video_id), row.course_id, row.title, row.viewers, row.watched_cs)
        for row in await queries.fetch_all(sql, parameters)
    ]


def _parameters(course_id: str | None, period: Period, video_id: UUID | None) -> dict[str, Any]:
    return {
        "course_id": course_id,
        "video_id": str(video_id),
        "since": period.since,
        "until": period.until,
    }
