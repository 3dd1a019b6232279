"""The `video.updated` event, appended in the transaction that changes the video."""

from uuid import UUID

from db import videos
from db.pool import Transaction
from db.videos import Video
from events.log import log
from events.log.snapshots import video_event
from events.log.types import VideoUpdated


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
