"""Outlines of courses: their modules and videos, with the version that triggers count."""

from dataclasses import dataclass

from db import courses
from db.courses import Course, Module
from db.pool import Queries
from db.videos import videos
from db.videos.video import Video

COURSE = """
SELECT c.id, c.title, c.created_at, c.offline, coalesce(o.changed_us, 0) AS version
FROM courses c LEFT JOIN outline_versions o ON o.course_id = c.id
WHERE c.id = %s AND c.deleted_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Outline:
    """All of a course but its title; videos that are not ready, too, in the order of the lists.

    `version` is the one that was told before the rest was read, which may be newer.
    """

    id: str
    modules: tuple[Module, ...]
    videos: tuple[Video, ...]
    version: int


async def get_course(queries: Queries, course_id: str) -> tuple[Course, int] | None:
    """The course, and the version of its outline."""
    row = await queries.fetch_one(COURSE, (course_id,))
    return (Course(row.id, row.title, row.created_at, row.offline), row.version) if row else None


async def read(queries: Queries, course_id: str, version: int) -> Outline:
    """Reads the outline for somebody who knows its version already."""
    modules = await courses.list_modules(queries, course_id)
    found = await videos.list_of_course(queries, course_id, ready_only=False)
    return Outline(course_id, tuple(modules), tuple(found), version)
