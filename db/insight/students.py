"""Progress of the students of a course, and the place at which each of them stopped."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from db.pool import Queries, Row

# Of the videos that are not deleted. Progress is found by its primary key, in this course alone and
# once: most students have watched in other courses as well. `stopped` is the lesson of the newest
# report.
FIGURES = """
CROSS JOIN LATERAL (
    SELECT count(p.completed_at) AS completed, count(*) AS started,
        coalesce(sum(round(p.watched_s::numeric * 100)), 0)::bigint AS watched_cs,
        max(p.updated_at) AS last_seen_at,
        (array_agg(p.video_id ORDER BY p.updated_at DESC, p.video_id))[1] AS newest_id
    FROM progress p WHERE p.user_id = e.user_id AND p.video_id = ANY(ARRAY(
        SELECT v.id FROM videos v WHERE v.course_id = %(course_id)s AND v.deleted_at IS NULL
    ))
) AS p
LEFT JOIN LATERAL (
    SELECT v.id::text AS video_id, v.title, newest.position_s,
        newest.completed_at IS NULL AS is_open
    FROM progress newest JOIN videos v ON v.id = newest.video_id
    WHERE newest.user_id = e.user_id AND newest.video_id = p.newest_id
) AS stopped ON true
"""
COLUMNS = """
e.created_at, e.user_id, p.completed, p.started, p.watched_cs, p.last_seen_at,
stopped.video_id, stopped.title, stopped.position_s, stopped.is_open
"""

BY_ENROLLMENT = f"""
SELECT {COLUMNS}
FROM (
    SELECT created_at, user_id FROM enrollments
    WHERE course_id = %(course_id)s AND role = 'student'
      AND (created_at, user_id) > (%(after_time)s, %(after_id)s)
    ORDER BY created_at, user_id LIMIT %(limit)s
) AS e {FIGURES}
ORDER BY e.created_at, e.user_id
"""

NAMED = f"""
SELECT {COLUMNS}
FROM (
    SELECT created_at, user_id FROM enrollments
    WHERE course_id = %(course_id)s AND role = 'student' AND user_id = ANY(%(user_ids)s)
) AS e {FIGURES}
"""

# All progress of the course is summed up: who asks remembers the answer (`events.insight.ranking`).
# Deleted videos, few, are left out by their ids: less than to join each row with its video.
ALL = """
SELECT e.created_at, e.user_id, coalesce(p.completed, 0) AS completed,
    coalesce(p.watched_s, 0) AS watched_s, p.last_seen_at
FROM enrollments e LEFT JOIN (
    SELECT p.user_id, count(p.completed_at) AS completed, sum(p.watched_s) AS watched_s,
        max(p.updated_at) AS last_seen_at
    FROM progress p WHERE p.course_id = %(course_id)s AND p.video_id <> ALL(ARRAY(
        SELECT v.id FROM videos v WHERE v.course_id = %(course_id)s AND v.deleted_at IS NOT NULL
    ))
    GROUP BY p.user_id
) AS p ON p.user_id = e.user_id
WHERE e.course_id = %(course_id)s AND e.role = 'student'
"""


@dataclass(frozen=True, slots=True)
class StoppedPlace:
    """The place at which a student stopped in a lesson that they have not completed."""

    video_id: UUID
    title: str
    position_s: float


@dataclass(frozen=True, slots=True)
class Student:
    created_at: datetime
    user_id: str
    videos_completed: int
    videos_started: int
    watched_cs: int
    last_seen_at: datetime | None
    stopped_at: StoppedPlace | None
    """None, too, where the lesson they watched last is completed."""


@dataclass(frozen=True, slots=True)
class StudentStanding:
    """The figures by which students of a course are sorted."""

    created_at: datetime
    user_id: str
    videos_completed: int
    watched_s: float
    last_seen_at: datetime | None


async def list_students(
    queries: Queries, course_id: str, after: tuple[datetime, str], limit: int
) -> Sequence[Student]:
    """Students who are enrolled, in the order of their enrolment."""
    parameters = {
        "course_id": course_id,
        "after_time": after[0],
        "after_id": after[1],
        "limit": limit,
    }
    return [_student(row) for row in await queries.fetch_all(BY_ENROLLMENT, parameters)]


async def find_named(
    queries: Queries, course_id: str, user_ids: Sequence[str]
) -> dict[str, Student]:
    """The users among these who are enrolled as students, by id."""
    parameters = {"course_id": course_id, "user_ids": list(user_ids)}
    rows = await queries.fetch_all(NAMED, parameters)
    return {row.user_id: _student(row) for row in rows}


async def list_standings(queries: Queries, course_id: str) -> list[StudentStanding]:
    """Reads all progress of the course."""
    rows = await queries.fetch_all(ALL, {"course_id": course_id})
    return [StudentStanding(*row) for row in rows]


def _student(row: Row) -> Student:
    place = None
    if row.video_id is not None and row.is_open:
        place = StoppedPlace(UUID(row.video_id), row.title, row.position_s)
    return Student(
        row.created_at,
        row.user_id,
        row.completed,
        row.started,
        row.watched_cs,
        row.last_seen_at,
        place,
    )
