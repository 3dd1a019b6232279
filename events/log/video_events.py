"""A change of a video is told in the transaction that makes it."""

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
    """The video as it is now; without a user who acted, whose it is.

    Appends to the log, so it is the last step of a transaction.
    """
    video = await videos.get(transaction, video_id)
    assert video is not None
    await log.append(transaction, [video_event(VideoUpdated, video, user_id or video.uploaded_by)])
    return video
