"""Enrolments: the role of a user in a course, and the version that every change increments."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from db.courses import PutOutcome
from db.pool import Queries, Row


@dataclass(frozen=True, slots=True)
class Enrollment:
    """`role` is None once withdrawn; the row stays, so that its version never decreases."""

    course_id: str
    user_id: str
    role: str | None
    version: int
    created_at: datetime
    updated_at: datetime


COLUMNS = "course_id, user_id, role, version, created_at, updated_at"

PUT = f"""
WITH before AS (
    SELECT role FROM enrollments
    WHERE course_id = %(course_id)s AND user_id = %(user_id)s
), changed AS (
    INSERT INTO enrollments AS e (course_id, user_id, role, version)
    VALUES (%(course_id)s, %(user_id)s, %(role)s, 1 + coalesce((
        SELECT version FROM enrollments WHERE course_id = %(course_id)s AND user_id = %(erased)s
    ), 0))
    ON CONFLICT (course_id, user_id) DO UPDATE SET
        role = excluded.role,
        version = e.version + 1,
        created_at = CASE WHEN e.role IS NULL THEN now() ELSE e.created_at END,
        updated_at = now()
    WHERE e.role IS DISTINCT FROM excluded.role
    RETURNING {COLUMNS}
)
SELECT {COLUMNS}, CASE WHEN (SELECT role FROM before) IS NULL THEN 'created' ELSE 'changed' END
    AS outcome
FROM changed
"""

WITHDRAW = f"""
UPDATE enrollments SET role = NULL, version = version + 1, updated_at = now()
WHERE course_id = %s AND user_id = %s AND role IS NOT NULL
RETURNING {COLUMNS}
"""

GET = f"SELECT {COLUMNS} FROM enrollments WHERE course_id = %s AND user_id = %s"

GET_FOR_UPDATE = GET + " FOR UPDATE"

LIST = f"""
SELECT {COLUMNS} FROM enrollments
WHERE course_id = %(course_id)s AND role IS NOT NULL
  AND (created_at, user_id) > (%(after_time)s, %(after_id)s)
ORDER BY created_at, user_id LIMIT %(limit)s
"""

NOT_ENROLLED = """
SELECT course_id, user_id
FROM unnest(%s::text[], %s::text[]) AS asked (course_id, user_id)
WHERE NOT EXISTS (
    SELECT FROM enrollments e
    WHERE e.course_id = asked.course_id AND e.user_id = asked.user_id AND e.role IS NOT NULL)
ORDER BY course_id, user_id
"""

# Version 1 was never changed, so no grant of it can have been revoked.
CHANGED_VERSIONS = """
SELECT course_id, user_id, version, sealed_user_id FROM enrollments
WHERE version > 1 AND updated_at > now() - make_interval(secs => %s)
"""


async def put(
    queries: Queries, course_id: str, user_id: str, role: str, erased_name: str = ""
) -> tuple[Enrollment, PutOutcome]:
    """Enrol or change the role. Versions go on from those of the user before an erasure, whose row
    has the `erased_name`."""
    parameters = {
        "course_id": course_id,
        "user_id": user_id,
        "role": role,
        "erased": erased_name,
    }
    row = await queries.fetch_one(PUT, parameters)
    if row is not None:
        return Enrollment(*row[:6]), PutOutcome(row.outcome)
    enrollment = await get(queries, course_id, user_id)
    assert enrollment is not None
    return enrollment, PutOutcome.UNCHANGED


async def withdraw(queries: Queries, course_id: str, user_id: str) -> Enrollment | None:
    """End an enrolment. None when there was none."""
    row = await queries.fetch_one(WITHDRAW, (course_id, user_id))
    return Enrollment(*row) if row else None


async def get(
    queries: Queries, course_id: str, user_id: str, *, locked: bool = False
) -> Enrollment | None:
    """Read the row, withdrawn or not; `locked` until the transaction ends."""
    row = await queries.fetch_one(GET_FOR_UPDATE if locked else GET, (course_id, user_id))
    return Enrollment(*row) if row else None


async def is_enrolled(queries: Queries, course_id: str, user_id: str) -> bool:
    enrollment = await get(queries, course_id, user_id)
    return enrollment is not None and enrollment.role is not None


async def list_of_course(
    queries: Queries, course_id: str, *, after: tuple[datetime, str], limit: int
) -> list[Enrollment]:
    parameters = {
        "course_id": course_id,
        "after_time": after[0],
        "after_id": after[1],
        "limit": limit,
    }
    return [Enrollment(*row) for row in await queries.fetch_all(LIST, parameters)]


async def list_not_enrolled(
    queries: Queries, asked: Collection[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Filter for the (course, user) pairs without an enrolment, sorted."""
    course_ids, user_ids = [course for course, _ in asked], [user for _, user in asked]
    rows = await queries.fetch_all(NOT_ENROLLED, (course_ids, user_ids))
    return [(row.course_id, row.user_id) for row in rows]


async def list_changed_versions(queries: Queries, within_s: float) -> list[Row]:
    """(course_id, user_id, version, sealed_user_id) of the enrolments changed in the last
    `within_s` seconds."""
    return await queries.fetch_all(CHANGED_VERSIONS, (within_s,))
