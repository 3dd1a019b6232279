"""Storage by course: the bytes that the quota counts, by the rows of published files."""

from dataclasses import dataclass

from db.pool import Queries

# Those of deleted videos, too, until their files go.
SHARES = """
SELECT v.course_id, c.title, count(*) FILTER (WHERE v.deleted_at IS NULL) AS videos,
    sum(of_video.bytes)::bigint AS bytes
FROM (SELECT video_id, sum(size_bytes) AS bytes FROM stored_files GROUP BY video_id) AS of_video
JOIN videos v ON v.id = of_video.video_id JOIN courses c ON c.id = v.course_id
GROUP BY v.course_id, c.title ORDER BY bytes DESC, v.course_id LIMIT %s
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
