"""Storage by course: the bytes that the quota counts, by the rows of published files."""

from dataclasses import dataclass

from db.pool import Queries

# The same files as `storage_used`, which the quota reads; those of deleted videos until they go.
SHARES = """
SELECT v.course_id, c.title, count(*) FILTER (WHERE v.deleted_at IS NULL) AS videos,
    sum(of_video.bytes)::bigint AS bytes
FROM (SELECT video_id, sum(size_bytes) AS bytes FROM (
    SELECT id AS video_id, original_size_bytes AS size_bytes FROM videos
    WHERE status NOT IN ('ready', 'announced')
    UNION ALL SELECT video_id, size_bytes FROM representations
    UNION ALL SELECT video_id, size_bytes FROM thumbnails
    UNION ALL SELECT video_id, size_bytes FROM storyboard_files
    UNION ALL SELECT video_id, size_bytes FROM ladder_pieces
    UNION ALL SELECT video_id, size_bytes FROM ladder_files
    UNION ALL SELECT video_id, original_size_bytes + coalesce(size_bytes, 0) FROM replacements
        WHERE failure_code IS NULL
    UNION ALL SELECT video_id, size_bytes FROM replaced_files
) AS files GROUP BY video_id) AS of_video
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
