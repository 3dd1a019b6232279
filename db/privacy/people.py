"""The people of a teacher's courses: those enrolled, now or before, and those who watched."""

from typing import Literal

from db.pool import Queries

PeopleTable = Literal["enrollments", "course_viewers"]
PEOPLE_TABLES: tuple[PeopleTable, ...] = ("enrollments", "course_viewers")

TAUGHT = """
SELECT course_id FROM enrollments WHERE user_id = %s AND role = 'instructor' ORDER BY course_id
"""

PAGE = """
SELECT user_id FROM {table} WHERE course_id = %s AND user_id > %s ORDER BY user_id LIMIT %s
"""


async def list_taught(queries: Queries, teacher_id: str) -> list[str]:
    """Returns the ids of the teacher's courses."""
    return [row.course_id for row in await queries.fetch_all(TAUGHT, (teacher_id,))]


async def list_people(
    queries: Queries, table: PeopleTable, course_id: str, after_id: str, limit: int
) -> list[str]:
    """Returns the next ids of a course's people after `after_id`."""
    sql = PAGE.format(table=table)
    return [row.user_id for row in await queries.fetch_all(sql, (course_id, after_id, limit))]
