"""Courses and their modules."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from db.pool import Queries, Row


class PutOutcome(Enum):
    """Outcome of a PUT for its row."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Course:
    id: str
    title: str
    created_at: datetime
    offline: bool
    """True if its lessons may be kept offline."""


@dataclass(frozen=True, slots=True)
class EnrolledCourse:
    """A course as one user sees it; `role` is None without an enrolment (admin, service)."""

    id: str
    title: str
    created_at: datetime
    offline: bool
    role: str | None


@dataclass(frozen=True, slots=True)
class Module:
    id: str
    course_id: str
    title: str
    position: int


# A PUT of a deleted course or module restores it empty: its videos stay deleted.
PUT_COURSE = """
WITH before AS (SELECT title, offline, deleted_at FROM courses WHERE id = %(id)s)
INSERT INTO courses AS c (id, title, offline)
VALUES (%(id)s, %(title)s, coalesce(%(offline)s, true))
ON CONFLICT (id) DO UPDATE SET
    title = excluded.title,
    offline = coalesce(%(offline)s, c.offline),
    deleted_at = NULL,
    updated_at = CASE WHEN c.title = excluded.title AND c.deleted_at IS NULL
                          AND c.offline = coalesce(%(offline)s, c.offline)
                      THEN c.updated_at ELSE now() END
RETURNING id, title, created_at, offline,
    CASE WHEN c.xmax = 0 THEN 'created' ELSE (
        SELECT CASE WHEN before.deleted_at IS NOT NULL THEN 'created'
                    WHEN before.title = %(title)s AND before.offline = c.offline THEN 'unchanged'
                    ELSE 'changed' END
        FROM before
    ) END AS outcome
"""

PUT_MODULE = """
WITH before AS (SELECT title, position, deleted_at FROM modules WHERE id = %(id)s)
INSERT INTO modules AS m (id, course_id, title, position)
VALUES (%(id)s, %(course_id)s, %(title)s, %(position)s)
ON CONFLICT (id) DO UPDATE SET
    title = excluded.title,
    position = excluded.position,
    deleted_at = NULL,
    updated_at = now()
WHERE m.course_id = excluded.course_id
RETURNING id, course_id, title, position,
    CASE WHEN m.xmax = 0 THEN 'created' ELSE (
        SELECT CASE WHEN deleted_at IS NOT NULL THEN 'created'
                    WHEN title = %(title)s AND position = %(position)s THEN 'unchanged'
                    ELSE 'changed' END FROM before
    ) END AS outcome
"""

COURSE = "SELECT id, title, created_at, offline FROM courses WHERE id = %s AND deleted_at IS NULL"

COURSES_OF_USER = """
SELECT c.id, c.title, c.created_at, c.offline, e.role
FROM courses c JOIN enrollments e ON e.course_id = c.id
WHERE e.user_id = %(user_id)s AND e.role IS NOT NULL AND c.deleted_at IS NULL
  AND (c.created_at, c.id) > (%(after_time)s, %(after_id)s)
ORDER BY c.created_at, c.id LIMIT %(limit)s
"""

ALL_COURSES = """
SELECT c.id, c.title, c.created_at, c.offline, e.role
FROM courses c LEFT JOIN enrollments e ON e.course_id = c.id AND e.user_id = %(user_id)s
WHERE c.deleted_at IS NULL AND (c.created_at, c.id) > (%(after_time)s, %(after_id)s)
ORDER BY c.created_at, c.id LIMIT %(limit)s
"""

MODULE = """
SELECT m.id, m.course_id, m.title, m.position FROM modules m JOIN courses c ON c.id = m.course_id
WHERE m.id = %s AND m.deleted_at IS NULL AND c.deleted_at IS NULL
"""

MODULES_OF_COURSE = """
SELECT id, course_id, title, position FROM modules
WHERE course_id = %s AND deleted_at IS NULL ORDER BY position, id
"""

DELETE_MODULES = """
UPDATE modules SET deleted_at = now()
WHERE course_id = %(course_id)s AND deleted_at IS NULL
  AND (%(module_id)s::text IS NULL OR id = %(module_id)s)
RETURNING id
"""

RESTORE = """
WITH course AS (
    UPDATE courses SET deleted_at = NULL WHERE id = %(course_id)s AND deleted_at IS NOT NULL
)
UPDATE modules SET deleted_at = NULL WHERE id = %(module_id)s AND deleted_at IS NOT NULL
"""

DELETE_COURSE = """
UPDATE courses SET deleted_at = now() WHERE id = %s AND deleted_at IS NULL RETURNING id
"""


async def put_course(
    queries: Queries, course_id: str, title: str, offline: bool | None = None
) -> tuple[Course, PutOutcome]:
    """`offline` None leaves it as it is; of a new course it is True."""
    row = await queries.fetch_one(PUT_COURSE, {"id": course_id, "title": title, "offline": offline})
    assert row is not None
    return Course(row.id, row.title, row.created_at, row.offline), _outcome(row)


async def put_module(
    queries: Queries, course_id: str, module_id: str, title: str, position: int
) -> tuple[Module, PutOutcome] | None:
    """Create or change a module. None when it belongs to another course: a module never moves."""
    parameters = {"id": module_id, "course_id": course_id, "title": title, "position": position}
    row = await queries.fetch_one(PUT_MODULE, parameters)
    return (_module(row), _outcome(row)) if row else None


async def get_course(queries: Queries, course_id: str) -> Course | None:
    row = await queries.fetch_one(COURSE, (course_id,))
    return Course(*row) if row else None


async def list_courses(
    queries: Queries, user_id: str, *, every: bool, after: tuple[datetime, str], limit: int
) -> list[EnrolledCourse]:
    """Courses of a user, or `every` course, in order of creation."""
    parameters = {
        "user_id": user_id,
        "after_time": after[0],
        "after_id": after[1],
        "limit": limit,
    }
    rows = await queries.fetch_all(ALL_COURSES if every else COURSES_OF_USER, parameters)
    return [EnrolledCourse(*row) for row in rows]


async def get_module(queries: Queries, module_id: str) -> Module | None:
    row = await queries.fetch_one(MODULE, (module_id,))
    return _module(row) if row else None


async def list_modules(queries: Queries, course_id: str) -> list[Module]:
    return [_module(row) for row in await queries.fetch_all(MODULES_OF_COURSE, (course_id,))]


async def delete_modules(queries: Queries, course_id: str, module_id: str | None = None) -> None:
    """Soft-delete one module of a course, or all of them."""
    await queries.fetch_all(DELETE_MODULES, {"course_id": course_id, "module_id": module_id})


async def restore(queries: Queries, course_id: str, module_id: str) -> None:
    """Undelete both, for a video that is restored in them; other modules stay deleted."""
    await queries.fetch_all(RESTORE, {"course_id": course_id, "module_id": module_id})


async def delete_course(queries: Queries, course_id: str) -> None:
    await queries.fetch_all(DELETE_COURSE, (course_id,))


def _module(row: Row) -> Module:
    return Module(row.id, row.course_id, row.title, row.position)


def _outcome(row: Row) -> PutOutcome:
    return PutOutcome(row.outcome or "changed")
