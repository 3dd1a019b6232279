"""Soft-deletes videos, alone or with their module or course, and restores them.

Each is one transaction with its events in the log. Files and rows stay until the trash is swept.
"""

from uuid import UUID

from db import courses
from db.media import ladders
from db.pool import Database, Transaction
from db.uploads import uploads
from db.videos import videos
from db.videos.video import Video
from events.log import log
from events.log.snapshots import video_event
from events.log.types import VideoDeleted
from events.log.video_events import append_updated
from events.media import pipeline


class Deletion:
    """Deletions and restorations by one user, named in the events; the caller checks the right.

    Deletions return the ids of the newly deleted videos. All raise DatabaseError.
    """

    def __init__(self, database: Database, retention_s: float) -> None:
        self._database = database
        self._retention_s = retention_s

    async def delete_video(self, video_id: UUID, user_id: str) -> list[UUID]:
        async with self._database.transaction() as transaction:
            return await _hide_videos(transaction, user_id, video_id=video_id)

    async def delete_module(self, course_id: str, module_id: str, user_id: str) -> list[UUID]:
        """Delete a module with its videos; its unfinished uploads end."""
        async with self._database.transaction() as transaction:
            await courses.delete_modules(transaction, course_id, module_id)
            await uploads.end_for_module(transaction, module_id)
            return await _hide_videos(transaction, user_id, module_id=module_id)

    async def delete_course(self, course_id: str, user_id: str) -> list[UUID]:
        """Delete a course with its modules and their videos; its unfinished uploads end."""
        async with self._database.transaction() as transaction:
            await courses.delete_course(transaction, course_id)
            await courses.delete_modules(transaction, course_id)
            await uploads.end_for_course(transaction, course_id)
            return await _hide_videos(transaction, user_id, course_id=course_id)

    async def find(self, video_id: UUID) -> Video | None:
        """The video, also a deleted one while it can be restored."""
        video = await videos.get(self._database, video_id)
        return video or await videos.get_deleted(self._database, video_id, self._retention_s)

    async def restore(self, video: Video, user_id: str) -> Video | None:
        """Restore the video with its course and module; None when it has left the trash.

        A video that is not deleted stays as it is.
        """
        async with self._database.transaction() as transaction:
            if await videos.restore(transaction, video.id):
                await courses.restore(transaction, video.course_id, video.module_id)
                # Its job may have been skipped while it was deleted.
                if video.status not in pipeline.NOTHING_TO_DO:
                    await pipeline.enqueue(transaction, video.id)
                await append_updated(transaction, video.id, user_id)
            return await videos.get(transaction, video.id)


async def _hide_videos(
    transaction: Transaction,
    user_id: str,
    *,
    video_id: UUID | None = None,
    module_id: str | None = None,
    course_id: str | None = None,
) -> list[UUID]:
    """Appends to the log, so it must be the last step of a transaction."""
    before = await videos.list_matching(
        transaction, video_id=video_id, module_id=module_id, course_id=course_id
    )
    await videos.delete(transaction, [video.id for video in before])
    await ladders.abandon(transaction, [video.id for video in before])
    await log.append(transaction, [video_event(VideoDeleted, video, user_id) for video in before])
    return [video.id for video in before]
