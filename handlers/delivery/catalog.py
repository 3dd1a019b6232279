"""Recently requested videos, so that a range by bearer token needs no database query.

A bounded cache of rows, invalidated by the event log; whoever got a version from the database
gets no older one. Playback grants do not need it: they carry what they permit.
"""

from functools import partial
from uuid import UUID

from db.videos.video import Video
from events.hot.video_facts import VideoReader
from storage.concurrency.bounded_cache import BoundedCache, CacheFigures
from storage.concurrency.shared_reads import Read, SharedReads

REMEMBERED_VIDEOS = 10_000


class Catalog:
    """`get` returns a cached row where it can; `forget` is called for every change."""

    def __init__(self, facts: VideoReader) -> None:
        self.hit_count = 0
        self._facts = facts
        self._remembered: BoundedCache[UUID, Video] = BoundedCache(REMEMBERED_VIDEOS)
        self._reads = SharedReads[UUID, Video | None]()
        self._changes = 0

    def cache_figures(self) -> CacheFigures:
        return self._remembered.figures()

    async def get(self, video_id: UUID | None) -> Video | None:
        """None when there is no such video, or no longer."""
        if video_id is None:
            return None
        video = self._remembered.get(video_id)
        if video is not None:
            self.hit_count += 1
            return video
        read = partial(self._facts.read, video_id)
        return await self._reads.get(video_id, partial(self._remember, read))

    async def get_version(self, video_id: UUID, version: int) -> Video | None:
        """The video in that version or a newer one, whatever is cached here."""
        video = self._remembered.get(video_id)
        if video is not None and video.version >= version:
            self.hit_count += 1
            return video
        return await self._remember(partial(self._facts.read_version, video_id, version))

    def known(self, video_id: UUID) -> Video | None:
        """The row, if it is cached."""
        return self._remembered.peek(video_id)

    def forget_all(self) -> None:
        self._changes += 1
        self._remembered.clear()
        self._reads.forget_all()

    def forget(self, *video_ids: UUID) -> None:
        """Drops rows that changed. A request does so after its commit, before its answer: the event
        log does it a moment later, and the caller may ask again before."""
        self._changes += 1
        for video_id in video_ids:
            self._remembered.forget(video_id)
            self._reads.forget(video_id)

    async def _remember(self, read: Read[Video | None]) -> Video | None:
        changes = self._changes
        video = await read()
        if video is not None and changes == self._changes:
            self._remembered.put(video.id, video)
        return video
