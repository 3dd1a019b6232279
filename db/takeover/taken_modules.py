"""Modules taken over from S3, with the content that each was taken from."""

from dataclasses import dataclass
from uuid import UUID

from db.pool import Queries
from db.takeover.legacy import LegacyModule

LIST = """
SELECT t.module_id, coalesce(c.course_id, '') AS course_id, coalesce(c.title, '') AS title,
    coalesce(c.position, 0) AS position, t.video_url, t.video_id, t.bucket, t.key,
    t.etag, t.size_bytes, t.sha256
FROM (
    SELECT m.module_id, m.video_url, m.video_id, o.bucket, o.key, m.etag, m.size_bytes, m.sha256
    FROM s3_modules m JOIN s3_objects o ON o.id = m.object_id
    WHERE m.module_id > %(after)s AND m.sha256 IS NOT NULL
      AND (%(bucket)s::text IS NULL OR o.bucket = %(bucket)s::text)
      AND starts_with(o.key, %(prefix)s)
    ORDER BY m.module_id LIMIT %(limit)s
) AS t LEFT JOIN LATERAL (
    SELECT course_id, title, position FROM modules WHERE id = t.module_id
    OFFSET 0  -- looked up for each module of the page
) AS c ON TRUE
ORDER BY t.module_id
"""


@dataclass(frozen=True, slots=True)
class TakenModule:
    """`etag`, `size_bytes` and `sha256` are those of the object when it was taken."""

    module: LegacyModule
    video_id: UUID
    bucket: str
    key: str
    etag: str
    size_bytes: int
    sha256: str


async def list_modules(
    queries: Queries, bucket: str | None, prefix: str, *, after: str, limit: int
) -> list[TakenModule]:
    """Modules whose object is in that bucket, if one is given, with a key of that prefix.

    Those that follow the module `after` by id.
    """
    parameters = {"bucket": bucket, "prefix": prefix, "after": after, "limit": limit}
    rows = await queries.fetch_all(LIST, parameters)
    return [TakenModule(LegacyModule(*row[:5]), UUID(str(row.video_id)), *row[6:]) for row in rows]
