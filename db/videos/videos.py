"""Video rows: reading, renaming, soft deletion."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from db.media.assets import RepresentationRow, ThumbnailRow
from db.media.rungs import RungRow
from db.pool import Queries, Row
from db.videos.video import AudioTrack, MediaFacts, NewVideo, ReplacementState, S3Source, Video

SELECT = """
SELECT v.*,
    coalesce((SELECT n.event_id FROM video_versions n WHERE n.video_id = v.id), 0) AS version,
    (SELECT json_agg(json_build_array(r.format, r.file_name, r.mime_type, r.size_bytes, r.sha256,
                                      r.is_primary) ORDER BY r.is_primary DESC, r.format)
     FROM representations r WHERE r.video_id = v.id) AS representations,
    (SELECT json_agg(json_build_array(t.size_name, t.mime_type, t.file_name, t.width_px,
                                      t.height_px, t.size_bytes, t.sha256)
                     ORDER BY t.width_px, t.size_name, t.mime_type)
     FROM thumbnails t WHERE t.video_id = v.id) AS thumbnails,
    ARRAY(SELECT x.language FROM text_tracks x WHERE x.video_id = v.id AND x.kind = 'captions'
          ORDER BY x.language) AS caption_languages,
    EXISTS (SELECT FROM text_tracks x WHERE x.video_id = v.id AND x.kind = 'chapters')
        AS has_chapters,
    (SELECT s.file_name FROM storyboard_files s WHERE s.video_id = v.id AND s.part = 0)
        AS storyboard_file_name,
    (SELECT json_agg(json_build_array(g.name, g.kind, g.state, g.failure_code, g.failure_detail,
                                      g.height, g.width, g.bitrate, g.codecs, g.file_name,
                                      g.size_bytes) ORDER BY g.position, g.name)
     FROM rungs g WHERE g.video_id = v.id) AS rungs,
    (SELECT json_object_agg(f.kind, f.file_name) FROM ladder_files f
     JOIN ladders l ON l.video_id = f.video_id
     JOIN representations p ON p.video_id = f.video_id AND p.is_primary
         AND p.sha256 = l.published_source_sha256
     WHERE f.video_id = v.id AND f.kind IN ('hls', 'dash') AND f.superseded_at IS NULL)
        AS playlists,
    (SELECT json_build_array(o.bucket, o.key, o.endpoint_url, o.region, m.is_local)
     FROM s3_modules m JOIN s3_objects o ON o.id = m.object_id WHERE m.video_id = v.id)
        AS s3_source,
    (SELECT json_build_array(y.id, y.processing_ratio, y.failure_code, y.failure_detail)
     FROM replacements y WHERE y.video_id = v.id) AS replacement
FROM videos v
"""

INSERT = """
INSERT INTO videos (id, course_id, module_id, title, original_filename, duration_s, width, height,
    frame_rate, rotation, container, video_codec, audio_codec, mime_type, is_playable,
    original_size_bytes, uploaded_by, source_format)
SELECT %s, c.id, m.id, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s
FROM courses c JOIN modules m ON m.course_id = c.id
WHERE c.id = %s AND c.deleted_at IS NULL AND m.id = %s AND m.deleted_at IS NULL
FOR SHARE  -- who deletes one of them waits, and then finds this video, too
RETURNING id
"""

GET = SELECT + "WHERE v.id = %s AND v.deleted_at IS NULL"

GET_DELETED = SELECT + "WHERE v.id = %s AND v.deleted_at > now() - make_interval(secs => %s)"


# A video with an S3 source can be watched there until it is ready.
WATCHABLE = """
(v.status = 'ready' OR EXISTS (SELECT FROM s3_modules m WHERE m.video_id = v.id))
"""

LIST_OF_MODULE = (
    SELECT
    + f"""
WHERE v.module_id = %(module_id)s AND v.deleted_at IS NULL
  AND (NOT %(ready_only)s OR {WATCHABLE})
  AND (v.created_at, v.id) > (%(after_time)s, %(after_id)s)
ORDER BY v.created_at, v.id LIMIT %(limit)s
"""
)


LIST_OF_COURSE = (
    SELECT
    + f"""
WHERE v.course_id = %(course_id)s AND v.deleted_at IS NULL
  AND (NOT %(ready_only)s OR {WATCHABLE})
ORDER BY v.position, v.created_at, v.id
"""
)


RENAME = """
UPDATE videos SET title = %(title)s, updated_at = now()
WHERE id = %(id)s AND deleted_at IS NULL AND title <> %(title)s RETURNING id
"""

LIST_MATCHING = (
    SELECT
    + """
WHERE v.deleted_at IS NULL AND (%(id)s::uuid IS NULL OR v.id = %(id)s::uuid)
  AND (%(module_id)s::text IS NULL OR v.module_id = %(module_id)s)
  AND (%(course_id)s::text IS NULL OR v.course_id = %(course_id)s)
ORDER BY v.created_at, v.id FOR UPDATE OF v
"""
)


DELETE = "UPDATE videos SET deleted_at = now() WHERE id = ANY(%s::uuid[])"

RESTORE = """
UPDATE videos SET deleted_at = NULL WHERE id = %s AND deleted_at IS NOT NULL RETURNING id
"""

# Videos purged from the trash are known only by the log.
DELETED_SINCE = """
SELECT id FROM videos WHERE deleted_at > now() - make_interval(secs => %(seconds)s)
UNION
SELECT e.video_id FROM event_log e
WHERE e.type = 'video.deleted' AND e.recorded_at > now() - make_interval(secs => %(seconds)s)
  AND NOT EXISTS (SELECT FROM videos v WHERE v.id = e.video_id)
"""


async def insert(queries: Queries, video: NewVideo) -> bool:
    """False when the module or course is deleted."""
    file, media = video.file, video.file.media
    row = await queries.fetch_one(
        INSERT,
        (
            video.id,
            video.title,
            file.original_filename,
            media.duration_s,
            media.width,
            media.height,
            media.frame_rate,
            media.rotation,
            media.container,
            media.video_codec,
            media.audio_codec,
            media.mime_type,
            media.is_playable,
            file.original_size_bytes,
            file.uploaded_by,
            file.source_format,
            video.course_id,
            video.module_id,
        ),
    )
    return row is not None


async def get(queries: Queries, video_id: UUID) -> Video | None:
    """Read a video that is not deleted."""
    row = await queries.fetch_one(GET, (video_id,))
    return _video(row) if row else None


async def get_deleted(queries: Queries, video_id: UUID, within_s: float) -> Video | None:
    """Read a video that was deleted within the last `within_s` seconds."""
    row = await queries.fetch_one(GET_DELETED, (video_id, within_s))
    return _video(row) if row else None


async def list_of_module(
    queries: Queries,
    module_id: str,
    *,
    ready_only: bool,
    after: tuple[datetime, UUID],
    limit: int,
) -> list[Video]:
    """Videos of a module, oldest first: their positions may change between two pages."""
    parameters = {
        "module_id": module_id,
        "ready_only": ready_only,
        "after_time": after[0],
        "after_id": after[1],
        "limit": limit,
    }
    return [_video(row) for row in await queries.fetch_all(LIST_OF_MODULE, parameters)]


async def list_of_course(queries: Queries, course_id: str, *, ready_only: bool) -> list[Video]:
    """Videos of a course; those of each module in its order."""
    parameters = {"course_id": course_id, "ready_only": ready_only}
    return [_video(row) for row in await queries.fetch_all(LIST_OF_COURSE, parameters)]


async def rename(queries: Queries, video_id: UUID, title: str) -> bool:
    """False when the title is unchanged or the video is deleted."""
    return await queries.fetch_one(RENAME, {"id": video_id, "title": title}) is not None


async def list_matching(
    queries: Queries,
    *,
    video_id: UUID | None = None,
    module_id: str | None = None,
    course_id: str | None = None,
) -> list[Video]:
    """Read one video, or those of a module or course; locked until the transaction ends."""
    assert video_id or module_id or course_id
    parameters = {"id": video_id, "module_id": module_id, "course_id": course_id}
    return [_video(row) for row in await queries.fetch_all(LIST_MATCHING, parameters)]


async def delete(queries: Queries, video_ids: Sequence[UUID]) -> None:
    """Soft-delete videos; `restore` undoes it."""
    await queries.fetch_all(DELETE, (list(video_ids),))


async def restore(queries: Queries, video_id: UUID) -> bool:
    """False when it was not deleted."""
    return await queries.fetch_one(RESTORE, (video_id,)) is not None


async def list_deleted_since(queries: Queries, seconds: float) -> list[UUID]:
    """Includes videos purged since then, as far as the log reaches back."""
    return [row.id for row in await queries.fetch_all(DELETED_SINCE, {"seconds": seconds})]


def _video(row: Row) -> Video:
    return Video(
        id=row.id,
        course_id=row.course_id,
        module_id=row.module_id,
        title=row.title,
        original_filename=row.original_filename,
        status=row.status,
        failure_code=row.failure_code,
        failure_detail=row.failure_detail,
        processing_ratio=row.processing_ratio,
        probed=None if row.duration_s is None else _media(row),
        original_size_bytes=row.original_size_bytes,
        original_sha256=row.original_sha256,
        uploaded_by=row.uploaded_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
        deleted_at=row.deleted_at,
        representations=_rows(RepresentationRow, row.representations),
        thumbnails=_rows(ThumbnailRow, row.thumbnails),
        caption_languages=tuple(row.caption_languages),
        has_chapters=row.has_chapters,
        storyboard_file_name=row.storyboard_file_name,
        s3_source=S3Source(*row.s3_source) if row.s3_source else None,
        source_format=row.source_format,
        rungs=_rows(RungRow, row.rungs),
        hls_file_name=(row.playlists or {}).get("hls"),
        dash_file_name=(row.playlists or {}).get("dash"),
        has_own_picture=row.has_own_picture,
        replacement=_replacement(row.replacement) if row.replacement else None,
        position=row.position,
        version=row.version,
    )


def _replacement(fields: list[Any]) -> ReplacementState:
    identity, *rest = fields
    return ReplacementState(UUID(identity), *rest)


def _media(row: Row) -> MediaFacts:
    facts = {field.name: getattr(row, field.name) for field in fields(MediaFacts)}
    tracks = row.audio_tracks
    known = None if tracks is None else tuple(AudioTrack(**one) for one in tracks)
    return MediaFacts(**facts | {"audio_tracks": known})


def _rows(kind: type[Any], aggregated: list[list[Any]] | None) -> tuple[Any, ...]:
    return tuple(kind(*fields) for fields in aggregated or ())
