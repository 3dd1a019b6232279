"""Storage by course: the bytes that the quota counts, of published files."""

from dataclasses import dataclass

from db.pool import Queries

# Those of deleted videos, too, until their files go. All videos but those that are still elsewhere
# have files.
SHARES = """
SELECT o.course_id, c.title, (
    SELECT count(*) FROM videos v
    WHERE v.course_id = o.course_id AND v.deleted_at IS NULL AND v.status <> 'announced'
) AS videos, o.bytes
FROM course_storage o JOIN courses c ON c.id = o.course_id
WHERE o.bytes > 0
ORDER BY o.bytes DESC, o.course_id LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class StorageShare:
    course_id: str
    title: str
    videos: int
    bytes: int


async def list_shares(queries: Queries, limit: int) -> list[StorageShare]:
    """The courses with the most bytes first."""
    return [StorageShare(*row) for row in await queries.fetch_all(SHARES, (limit,))]
