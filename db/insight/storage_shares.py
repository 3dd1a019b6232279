"""Storage by course: the bytes that the quota counts, by the rows of published files."""

from dataclasses import dataclass

from db.pool import Queries

# Those of deleted videos, too, until their files go. By course at once: a sum for each video among
# 100,000 sorts on disk. All videos but those that are still elsewhere have files.
SHARES = """
WITH of_course AS (
    SELECT v.course_id, sum(f.size_bytes)::bigint AS bytes
    FROM stored_files f JOIN videos v ON v.id = f.video_id GROUP BY v.course_id
)
SELECT o.course_id, c.title, (
    SELECT count(*) FROM videos v
    WHERE v.course_id = o.course_id AND v.deleted_at IS NULL AND v.status <> 'announced'
) AS videos, o.bytes
FROM of_course o JOIN courses c ON c.id = o.course_id
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
