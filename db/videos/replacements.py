"""Replacements: another film for a video, received and in the making, beside the one that plays.

A video has one at a time; a later one takes its place, under another id. What a film leaves over
becomes rows of `replaced_files`, from which the files are removed.
"""

from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import msgspec

from db.media.assets import RepresentationRow
from db.pool import Queries, Row, Transaction
from db.videos.video import MediaFacts, ReceivedFile, parameters_of


@dataclass(frozen=True, slots=True)
class NewReplacement:
    """`id` is the replacement's own."""

    id: UUID
    video_id: UUID
    course_id: str
    file: ReceivedFile


@dataclass(frozen=True, slots=True)
class Replacement:
    """One that is in the making; `served` is the file that is to be served, None until then."""

    id: UUID
    video_id: UUID
    original_filename: str
    source_format: str
    media: MediaFacts
    original_size_bytes: int
    original_sha256: str | None
    uploaded_by: str
    served: RepresentationRow | None


PUT = """
INSERT INTO replacements (video_id, id, original_filename, source_format, facts,
    original_size_bytes, uploaded_by)
VALUES (%(video_id)s, %(id)s, %(original_filename)s, %(source_format)s, %(facts)s::jsonb,
    %(original_size_bytes)s, %(uploaded_by)s)
ON CONFLICT (video_id) DO UPDATE SET
    id = excluded.id, original_filename = excluded.original_filename,
    source_format = excluded.source_format, facts = excluded.facts,
    original_size_bytes = excluded.original_size_bytes, original_sha256 = NULL,
    uploaded_by = excluded.uploaded_by, processing_ratio = 0, failure_code = NULL,
    failure_detail = NULL, format = NULL, file_name = NULL, mime_type = NULL, size_bytes = NULL,
    sha256 = NULL
"""

# A failed video is worked on again.
BEGIN = """
UPDATE videos SET status = 'processing', processing_ratio = 0, failure_code = NULL,
    failure_detail = NULL, updated_at = now()
WHERE id = %s AND status = 'failed'
"""

GET = """
SELECT id, video_id, original_filename, source_format, facts::text AS facts, original_size_bytes,
    original_sha256, uploaded_by, format, file_name, mime_type, size_bytes, sha256
FROM replacements WHERE video_id = %s AND failure_code IS NULL
"""

REPORT = """
UPDATE replacements r SET processing_ratio = %(ratio)s
FROM (SELECT id, video_id, processing_ratio FROM replacements
      WHERE id = %(id)s AND failure_code IS NULL FOR UPDATE) before
JOIN videos v ON v.id = before.video_id
WHERE r.id = before.id AND v.deleted_at IS NULL
RETURNING before.processing_ratio
"""

SET_SERVED = """
UPDATE replacements SET original_sha256 = %(original_sha256)s, format = %(format)s,
    file_name = %(file_name)s, mime_type = %(mime_type)s, size_bytes = %(size_bytes)s,
    sha256 = %(sha256)s
WHERE id = %(id)s AND failure_code IS NULL
RETURNING id
"""

SET_FAILED = """
UPDATE replacements SET failure_code = %(code)s, failure_detail = %(detail)s,
    original_sha256 = NULL, format = NULL, file_name = NULL, mime_type = NULL, size_bytes = NULL,
    sha256 = NULL
WHERE id = %(id)s AND failure_code IS NULL
RETURNING id
"""

# The upload of a replacement has a name of its own; see storage.paths.
UPLOAD_NAME = "'replacement-' || replace(r.id::text, '-', '') || '.' || r.source_format"

LEAVE = """
INSERT INTO replaced_files (video_id, file_name, size_bytes)
SELECT DISTINCT ON (name) %(video_id)s::uuid, name, size_bytes
FROM ({}) left_over (name, size_bytes)
ON CONFLICT (video_id, file_name) DO UPDATE SET
    size_bytes = excluded.size_bytes, replaced_at = excluded.replaced_at
"""

LEAVE_REPLACEMENT = LEAVE.format(
    f"""
    SELECT {UPLOAD_NAME}, r.original_size_bytes FROM replacements r
    WHERE r.video_id = %(video_id)s AND r.failure_code IS NULL
      AND (%(id)s::uuid IS NULL OR r.id = %(id)s::uuid)
    UNION ALL
    SELECT r.file_name, r.size_bytes FROM replacements r
    WHERE r.video_id = %(video_id)s AND r.file_name IS NOT NULL
      AND (%(id)s::uuid IS NULL OR r.id = %(id)s::uuid)
    """
)

LEAVE_FILM = LEAVE.format(
    f"""
    SELECT 'original.' || coalesce(v.source_format, v.container), v.original_size_bytes
    FROM videos v WHERE v.id = %(video_id)s AND v.status IN ('processing', 'failed')
    UNION ALL
    SELECT {UPLOAD_NAME}, r.original_size_bytes FROM replacements r
    WHERE r.video_id = %(video_id)s
    UNION ALL
    SELECT file_name, size_bytes FROM representations WHERE video_id = %(video_id)s
    UNION ALL
    SELECT t.file_name, t.size_bytes FROM thumbnails t JOIN videos v ON v.id = t.video_id
    WHERE t.video_id = %(video_id)s AND NOT v.has_own_picture
    UNION ALL
    SELECT file_name, size_bytes FROM storyboard_files WHERE video_id = %(video_id)s
    UNION ALL
    SELECT file_name, size_bytes FROM ladder_files WHERE video_id = %(video_id)s
    """
)

FORGET_FILM = (
    "DELETE FROM representations WHERE video_id = %(video_id)s",
    """
    DELETE FROM thumbnails t USING videos v
    WHERE t.video_id = %(video_id)s AND v.id = t.video_id AND NOT v.has_own_picture
    """,
    "DELETE FROM storyboard_files WHERE video_id = %(video_id)s",
    "DELETE FROM ladder_files WHERE video_id = %(video_id)s",
    "DELETE FROM ladders WHERE video_id = %(video_id)s",  # with its rungs and pieces
    "DELETE FROM file_pieces WHERE video_id = %(video_id)s",
    "DELETE FROM unmakable WHERE video_id = %(video_id)s",
)

SWITCH = """
UPDATE videos v SET status = 'ready', processing_ratio = 1, failure_code = NULL,
    failure_detail = NULL, is_failure_final = false, updated_at = now(),
    original_filename = r.original_filename, source_format = r.source_format,
    original_size_bytes = r.original_size_bytes, original_sha256 = r.original_sha256,
    uploaded_by = r.uploaded_by, is_playable = (r.facts->>'is_playable')::boolean,
    duration_s = %(duration_s)s, width = %(width)s, height = %(height)s,
    frame_rate = %(frame_rate)s, rotation = %(rotation)s, container = %(container)s,
    video_codec = %(video_codec)s, audio_codec = %(audio_codec)s, mime_type = %(mime_type)s,
    audio_tracks = %(audio_tracks)s::jsonb
FROM replacements r
WHERE v.id = r.video_id AND r.id = %(id)s
"""

END = "DELETE FROM replacements WHERE id = %s"


async def put(transaction: Transaction, new: NewReplacement) -> None:
    """Add it in place of an earlier one, whose files are left over; a failed video is processed
    again."""
    await transaction.execute(LEAVE_REPLACEMENT, {"video_id": new.video_id, "id": None})
    await transaction.execute(PUT, _parameters(new))
    await transaction.execute(BEGIN, (new.video_id,))


async def get(queries: Queries, video_id: UUID) -> Replacement | None:
    """The one that is in the making."""
    row = await queries.fetch_one(GET, (video_id,))
    return _replacement(row) if row else None


async def report(queries: Queries, replacement_id: UUID, ratio: float) -> float | None:
    """Returns the previous ratio; None when it is not in the making, or its video is deleted."""
    row = await queries.fetch_one(REPORT, {"id": replacement_id, "ratio": ratio})
    return row.processing_ratio if row else None


async def set_served(
    transaction: Transaction, replacement_id: UUID, row: RepresentationRow, original_sha256: str
) -> bool:
    """Record the file that is to be served; False when it is no longer in the making."""
    parameters = {"id": replacement_id, "original_sha256": original_sha256, **asdict(row)}
    return await transaction.fetch_one(SET_SERVED, parameters) is not None


async def set_failed(transaction: Transaction, failed: Replacement, code: str, detail: str) -> bool:
    """Fail it, its files left over; False when it is no longer in the making."""
    await transaction.execute(LEAVE_REPLACEMENT, {"video_id": failed.video_id, "id": failed.id})
    parameters = {"id": failed.id, "code": code, "detail": detail}
    return await transaction.fetch_one(SET_FAILED, parameters) is not None


async def switch(transaction: Transaction, made: Replacement, served: MediaFacts) -> None:
    """Describe the new film in the video's row; what belonged to the film before is left over."""
    ids = {"video_id": made.video_id, "id": made.id}
    await transaction.execute(LEAVE_FILM, ids)
    for statement in FORGET_FILM:
        await transaction.execute(statement, ids)
    await transaction.execute(SWITCH, {**parameters_of(served), **ids})
    await transaction.execute(END, (made.id,))


def _parameters(new: NewReplacement) -> dict[str, Any]:
    file = new.file
    return {
        "id": new.id,
        "video_id": new.video_id,
        "original_filename": file.original_filename,
        "source_format": file.source_format,
        "facts": msgspec.json.encode(file.media).decode(),
        "original_size_bytes": file.original_size_bytes,
        "uploaded_by": file.uploaded_by,
    }


def _replacement(row: Row) -> Replacement:
    served = None
    if row.file_name is not None:
        facts = (row.format, row.file_name, row.mime_type, row.size_bytes, row.sha256)
        served = RepresentationRow(*facts, is_primary=True)
    return Replacement(
        UUID(str(row.id)),
        UUID(str(row.video_id)),
        row.original_filename,
        row.source_format,
        msgspec.json.decode(row.facts, type=MediaFacts),
        row.original_size_bytes,
        row.original_sha256,
        row.uploaded_by,
        served,
    )
