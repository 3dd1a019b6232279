"""The people of a teacher's courses: those enrolled, now or before, and those who watched."""

from collections.abc import AsyncIterator

from db.pool import Queries

PAGE = """
SELECT course_id, user_id FROM {table}
WHERE course_id IN (
    SELECT course_id FROM enrollments WHERE user_id = %s AND role = 'instructor'
) AND (course_id, user_id) > (%s, %s)
ORDER BY course_id, user_id LIMIT %s
"""
TABLES = ("enrollments", "course_viewers")


async def list_pages(queries: Queries, teacher_id: str, limit: int) -> AsyncIterator[list[str]]:
    """Yields ids, up to `limit` at a time; who has several courses comes several times."""
    for table in TABLES:
        after: tuple[str, str] | None = ("", "")
        while after is not None:
            sql = PAGE.format(table=table)
            rows = await queries.fetch_all(sql, (teacher_id, *after, limit))
            yield [row.user_id for row in rows]
            after = (rows[-1].course_id, rows[-1].user_id) if len(rows) == limit else None
