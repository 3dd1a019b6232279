"""Announced videos: their files have yet to come from S3, where they play until then.

The video has its id before its file, so progress recorded meanwhile belongs to the same video.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID, uuid4

from db.pool import Queries, Transaction
from db.videos.video import MediaFacts

# Endpoint and region are those of the newest import.
OBJECT = """
INSERT INTO s3_objects AS o (id, bucket, key, etag, size_bytes, endpoint_url, region)
VALUES (%(object_id)s, %(bucket)s, %(key)s, %(etag)s, %(size_bytes)s, %(endpoint_url)s, %(region)s)
ON CONFLICT (bucket, key) DO UPDATE SET
    endpoint_url = excluded.endpoint_url, region = excluded.region
RETURNING id
"""

MODULE = """
INSERT INTO s3_modules AS m (module_id, object_id, video_url, video_id, taken_at, is_local)
VALUES (%(module_id)s, %(object_id)s, %(video_url)s, %(video_id)s, NULL, false)
ON CONFLICT (module_id) DO UPDATE SET
    object_id = excluded.object_id, video_url = excluded.video_url
WHERE m.taken_at IS NULL
RETURNING video_id, m.xmax = 0 AS is_new
"""

GONE = """
SELECT module_id FROM s3_modules m
WHERE module_id = ANY(%s) AND taken_at IS NULL
  AND NOT EXISTS (SELECT FROM videos v WHERE v.id = m.video_id AND v.deleted_at IS NULL)
"""

# Deleted modules included: a PUT would restore them at their old position.
COURSES = "SELECT id, course_id FROM modules WHERE id = ANY(%s)"

VIDEO = """
INSERT INTO videos (id, course_id, module_id, title, original_filename, status,
    original_size_bytes, uploaded_by)
SELECT %(video_id)s, c.id, m.id, %(title)s, %(filename)s, 'announced',
    %(size_bytes)s, %(uploaded_by)s
FROM courses c JOIN modules m ON m.course_id = c.id
WHERE c.id = %(course_id)s AND c.deleted_at IS NULL
  AND m.id = %(module_id)s AND m.deleted_at IS NULL
FOR SHARE  -- as for any new video
"""

ARRIVE = """
UPDATE videos SET status = 'processing', updated_at = now(),
    original_size_bytes = %(size_bytes)s, original_filename = %(filename)s,
    duration_s = %(duration_s)s, width = %(width)s, height = %(height)s,
    frame_rate = %(frame_rate)s, rotation = %(rotation)s, container = %(container)s,
    video_codec = %(video_codec)s, audio_codec = %(audio_codec)s, mime_type = %(mime_type)s,
    is_playable = %(is_playable)s, source_format = %(source_format)s
WHERE id = %(video_id)s AND deleted_at IS NULL AND status = 'announced' RETURNING id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """A module, the object that it shows, and the endpoint where the server reaches it."""

    module_id: str
    course_id: str
    title: str
    position: int
    video_url: str
    bucket: str
    key: str
    etag: str
    size_bytes: int
    endpoint_url: str | None
    region: str | None
    filename: str
    uploaded_by: str


async def announce(transaction: Transaction, one: Announcement) -> UUID | None:
    """Insert an announced video for the module; None when it had one before.

    Its course and module must exist.
    """
    video_id = uuid4()
    facts: dict[str, Any] = {**asdict(one), "object_id": uuid4(), "video_id": video_id}
    known = await transaction.fetch_one(OBJECT, facts)
    assert known is not None
    facts["object_id"] = known.id
    row = await transaction.fetch_one(MODULE, facts)
    if row is None or not row.is_new:
        return None
    await transaction.execute(VIDEO, facts)
    return video_id


async def read_courses(queries: Queries, module_ids: Sequence[str]) -> dict[str, str]:
    """Courses of those modules that exist or existed."""
    rows = await queries.fetch_all(COURSES, (list(module_ids),))
    return {row.id: row.course_id for row in rows}


async def list_deleted(queries: Queries, module_ids: Sequence[str]) -> set[str]:
    """Modules whose video was deleted before its file came."""
    return {row.module_id for row in await queries.fetch_all(GONE, (list(module_ids),))}


async def set_arrived(
    transaction: Transaction,
    video_id: UUID,
    source_format: str,
    media: MediaFacts,
    size_bytes: int,
    filename: str,
) -> bool:
    """Record that the file is here; False when the video has been deleted meanwhile."""
    facts = {
        **asdict(media),
        "video_id": str(video_id),
        "source_format": source_format,
        "size_bytes": size_bytes,
        "filename": filename,
    }
    return await transaction.fetch_one(ARRIVE, facts) is not None
