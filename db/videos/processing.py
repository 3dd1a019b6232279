"""State transitions of video rows: their processing, its success and its failure."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from db.pool import Queries, Transaction
from db.videos.video import AudioTrack, MediaFacts, parameters_of

SET_PROCESSING_RATIO = """
UPDATE videos v SET processing_ratio = %(ratio)s
FROM (SELECT id, processing_ratio FROM videos WHERE id = %(id)s FOR UPDATE) before
WHERE v.id = before.id AND v.deleted_at IS NULL AND v.status = 'processing'
  AND NOT EXISTS (SELECT FROM replacements r WHERE r.video_id = v.id AND r.failure_code IS NULL)
RETURNING before.processing_ratio
"""

SET_SERVED = """
UPDATE videos SET original_sha256 = %(original_sha256)s
WHERE id = %(id)s AND deleted_at IS NULL AND status = 'processing' RETURNING id
"""

# From now on the row describes the served file.
SET_READY = """
UPDATE videos SET status = 'ready', processing_ratio = 1, updated_at = now(),
    duration_s = %(duration_s)s, width = %(width)s, height = %(height)s,
    frame_rate = %(frame_rate)s, rotation = %(rotation)s, container = %(container)s,
    video_codec = %(video_codec)s, audio_codec = %(audio_codec)s, mime_type = %(mime_type)s,
    audio_tracks = %(audio_tracks)s::jsonb
WHERE id = %(id)s AND deleted_at IS NULL AND status = 'processing' RETURNING id
"""

SET_AUDIO_TRACKS = """
UPDATE videos SET audio_tracks = %s::jsonb WHERE id = %s AND deleted_at IS NULL
"""

TOUCH = """
UPDATE videos SET updated_at = now()
WHERE id = %s AND deleted_at IS NULL AND status = 'ready' RETURNING id
"""

SET_FAILED = """
UPDATE videos SET status = 'failed', failure_code = %(code)s, failure_detail = %(detail)s,
    is_failure_final = %(is_final)s, updated_at = now()
WHERE id = %(id)s AND deleted_at IS NULL AND status = 'processing' RETURNING id
"""

RETRY = """
UPDATE videos SET status = 'processing', processing_ratio = 0, failure_code = NULL,
    failure_detail = NULL, updated_at = now()
WHERE id = %s AND deleted_at IS NULL AND status = 'failed' AND NOT is_failure_final RETURNING id
"""

SET_OWN_PICTURE = "UPDATE videos SET has_own_picture = %s WHERE id = %s"

SET_LOST = """
UPDATE videos SET status = 'failed', failure_code = %(code)s, failure_detail = %(detail)s,
    updated_at = now()
WHERE id = %(id)s AND deleted_at IS NULL AND status <> 'failed' RETURNING id
"""


async def set_processing_ratio(queries: Queries, video_id: UUID, ratio: float) -> float | None:
    """Returns the previous ratio; None when the video is no longer being processed, or another
    film is to replace it."""
    row = await queries.fetch_one(SET_PROCESSING_RATIO, {"id": video_id, "ratio": ratio})
    return row.processing_ratio if row else None


async def set_served(queries: Queries, video_id: UUID, original_sha256: str) -> bool:
    """False when the video is no longer being processed."""
    parameters = {"id": video_id, "original_sha256": original_sha256}
    return await queries.fetch_one(SET_SERVED, parameters) is not None


async def set_ready(queries: Queries, video_id: UUID, served: MediaFacts) -> bool:
    """False when the video is no longer being processed."""
    parameters = {"id": video_id, **parameters_of(served)}
    return await queries.fetch_one(SET_READY, parameters) is not None


async def set_audio_tracks(
    transaction: Transaction, video_id: UUID, tracks: Sequence[AudioTrack]
) -> None:
    """Record the sounds of a file that is served already."""
    await transaction.execute(SET_AUDIO_TRACKS, (msgspec.json.encode(tracks).decode(), video_id))


async def touch(queries: Queries, video_id: UUID) -> bool:
    """Record that an asset was added. False when the video is not ready, or no longer."""
    return await queries.fetch_one(TOUCH, (video_id,)) is not None


async def set_own_picture(transaction: Transaction, video_id: UUID, *, is_own: bool) -> None:
    """Record that the thumbnail was sent, or shows a frame."""
    await transaction.execute(SET_OWN_PICTURE, (is_own, video_id))


async def set_failed(
    queries: Queries, video_id: UUID, code: str, detail: str, *, is_final: bool
) -> bool:
    """Fail the video, finally if a retry would fail alike. False unless it is being processed."""
    parameters = {"id": video_id, "code": code, "detail": detail, "is_final": is_final}
    return await queries.fetch_one(SET_FAILED, parameters) is not None


async def retry(queries: Queries, video_id: UUID) -> bool:
    """Process a failed video again; False when it has not failed, or finally."""
    return await queries.fetch_one(RETRY, (video_id,)) is not None


async def set_lost(queries: Queries, video_id: UUID, code: str, detail: str) -> bool:
    """Fail a video that was ready; False when it is deleted or had failed before."""
    parameters = {"id": video_id, "code": code, "detail": detail}
    return await queries.fetch_one(SET_LOST, parameters) is not None
