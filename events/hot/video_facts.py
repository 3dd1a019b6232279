"""Facts of videos, each read once for all who ask at once: from the shelf, or the database.

A copy is true if it has the version that the database told. So the shelf needs no invalidation, and
nobody has to trust it.
"""

import asyncio
from collections import Counter
from uuid import UUID

from db.pool import Database
from db.videos import videos
from db.videos.video import Video
from events.hot import entries
from events.hot.entries import Shelf
from storage.tasks import end

MOST_PUTS = 32  # under way; what is beyond them is not kept on the shelf


class VideoReader:
    """Reads videos; `shelf` is None without Redis. Ended by `stop`."""

    def __init__(self, database: Database, shelf: Shelf | None = None) -> None:
        self.read_counts = Counter({"shelf": 0, "database": 0})
        self.outdated_count = 0
        self._database = database
        self._shelf = shelf
        self._reading: dict[UUID, asyncio.Task[Video | None]] = {}
        self._putting: set[asyncio.Task[None]] = set()

    @property
    def failure_count(self) -> int:
        return 0 if self._shelf is None else self._shelf.failure_count

    async def read(self, video_id: UUID) -> Video | None:
        """The row of now; None when there is none, or no longer. Raises: DatabaseError."""
        video = await videos.get(self._database, video_id)
        self.read_counts["database"] += 1
        if video is not None:
            self._put(video)
        return video

    async def read_version(self, video_id: UUID, version: int) -> Video | None:
        """That version, or a newer one. Raises: DatabaseError."""
        video = await asyncio.shield(self._start(video_id, version))
        if video is not None and video.version >= version:
            return video
        return await self.read(video_id)  # that reading began before the version was told

    async def stop(self) -> None:
        for task in [*self._reading.values(), *self._putting]:
            await end(task)
        if self._shelf is not None:
            await self._shelf.close()

    def _start(self, video_id: UUID, version: int) -> asyncio.Task[Video | None]:
        reading = self._reading.get(video_id)
        if reading is None:
            name = "facts of a video"
            reading = asyncio.create_task(self._find(video_id, version), name=name)
            self._reading[video_id] = reading
            reading.add_done_callback(lambda task: self._have_read(video_id, task))
        return reading

    def _have_read(self, video_id: UUID, task: asyncio.Task[Video | None]) -> None:
        del self._reading[video_id]
        if not task.cancelled():
            task.exception()  # seen, should all askers have gone

    async def _find(self, video_id: UUID, version: int) -> Video | None:
        return await self._on_shelf(video_id, version) or await self.read(video_id)

    async def _on_shelf(self, video_id: UUID, version: int) -> Video | None:
        if self._shelf is None or (entry := await self._shelf.get(video_id)) is None:
            return None
        video = entries.decode(entry, video_id, version)
        if video is None:
            self.outdated_count += 1
        else:
            self.read_counts["shelf"] += 1
        return video

    def _put(self, video: Video) -> None:
        if self._shelf is None or len(self._putting) >= MOST_PUTS:
            return
        entry = entries.encode(video)
        if entry is not None:
            task = asyncio.create_task(self._keep(self._shelf, video.id, entry), name="put facts")
            self._putting.add(task)
            task.add_done_callback(self._putting.discard)

    @staticmethod
    async def _keep(shelf: Shelf, video_id: UUID, entry: bytes) -> None:
        await shelf.put(video_id, entry)
