"""Events of a change to a video, appended in the transaction that changes it."""

from datetime import UTC, datetime
from uuid import UUID

from db.pool import Transaction
from db.videos import videos
from db.videos.video import Video
from events.log import log
from events.log.snapshots import video_event
from events.log.types import VideoProcessing, VideoUpdated


async def append_updated(
    transaction: Transaction, video_id: UUID, user_id: str | None = None
) -> Video:
    """Appends VideoUpdated and returns the video; `user_id` defaults to the uploader.

    Appends to the log, so it must be the last step of the transaction.
    """
    video = await videos.get(transaction, video_id)
    assert video is not None
    await log.append(transaction, [video_event(VideoUpdated, video, user_id or video.uploaded_by)])
    return video


async def append_processing(
    transaction: Transaction, video: Video, user_id: str, ratio: float, before: float | None
) -> bool:
    """Appends VideoProcessing if `ratio`, just stored, differs from the one before.

    False if `before` is None: nothing was stored, since the work is no longer wanted.
    """
    if before is not None and before != ratio:
        event = VideoProcessing(
            video_id=video.id,
            course_id=video.course_id,
            user_id=user_id,
            occurred_at=datetime.now(UTC),
            processing_ratio=ratio,
        )
        await log.append(transaction, [event])
    return before is not None
