"""Videos go out of sight: alone, or with the module or course that they stand in."""

from collections.abc import Iterable
from uuid import UUID

from aiohttp import web

from db import videos
from db.pool import Transaction
from events.log import log
from events.log.snapshots import video_event
from events.log.types import VideoDeleted
from handlers import keys
from handlers.access.auth import Viewer


async def hide_videos(
    transaction: Transaction,
    viewer: Viewer,
    *,
    video_id: UUID | None = None,
    module_id: str | None = None,
    course_id: str | None = None,
) -> list[UUID]:
    """Hide them and say so; appends to the log, so it is the last step of a transaction."""
    before = await videos.list_matching(
        transaction, video_id=video_id, module_id=module_id, course_id=course_id
    )
    await videos.delete(transaction, [video.id for video in before])
    await log.append(
        transaction, [video_event(VideoDeleted, video, viewer.user_id) for video in before]
    )
    return [video.id for video in before]


def forget_videos(request: web.Request, video_ids: Iterable[UUID]) -> None:
    """What was just committed is seen by the next request here, before the log tells it."""
    for video_id in video_ids:
        request.app[keys.CATALOG].forget(video_id)
