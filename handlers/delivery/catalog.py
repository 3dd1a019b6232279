"""Recently requested videos, so that a range by bearer token needs no database query.

A bounded cache of rows, invalidated by the event log. Playback grants do not need it: they carry
what they permit.
"""

from uuid import UUID

from db import videos
from db.pool import Database
from db.videos import Video
from storage.bounded_cache import BoundedCache

REMEMBERED_VIDEOS = 10_000


class Catalog:
    """`get` returns a cached row where it can; `forget` is called for every change."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._remembered: BoundedCache[UUID, Video] = BoundedCache(REMEMBERED_VIDEOS)
        self._changes = 0

    @property
    def remembered_count(self) -> int:
        return len(self._remembered)

    async def get(self, video_id: UUID | None) -> Video | None:
        """None when there is no such video, or no longer."""
        if video_id is None:
            return None
        video = self._remembered.get(video_id)
        if video is not None:
            return video
        changes = self._changes
        video = await videos.get(self._database, video_id)
        if video is not None and changes == self._changes:
            self._remembered.put(video.id, video)
        return video

    def known(self, video_id: UUID) -> Video | None:
        """The row, if it is cached."""
        return self._remembered.peek(video_id)

    def forget_all(self) -> None:
        self._changes += 1
        self._remembered.clear()

    def forget(self, *video_ids: UUID) -> None:
        self._changes += 1
        for video_id in video_ids:
            self._remembered.forget(video_id)
