"""Facts of videos, each read once for all who ask at once: from the shelf, or the database.

A copy is true if it has the version that the database told. So the shelf needs no invalidation, and
nobody has to trust it.
"""

import asyncio
from collections import Counter
from functools import partial
from uuid import UUID

from db.pool import Database
from db.videos import videos
from db.videos.video import Video
from events.hot import entries
from events.hot.entries import Shelf
from storage.shared_reads import SharedReads
from storage.tasks import end

MOST_PUTS = 32  # under way; what is beyond them is not kept on the shelf


class VideoReader:
    """Reads videos; `shelf` is None without Redis. Ended by `stop`."""

    def __init__(self, database: Database, shelf: Shelf | None = None) -> None:
        self.read_counts = Counter({"shelf": 0, "database": 0})
        self.outdated_count = 0
        self._database = database
        self._shelf = shelf
        self._reads = SharedReads[tuple[UUID, int], Video | None]()
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
        find = partial(self._find, video_id, version)
        # A reading for another version may have begun before this one was told.
        return await self._reads.get((video_id, version), find)

    async def stop(self) -> None:
        for task in list(self._putting):
            await end(task)
        if self._shelf is not None:
            await self._shelf.close()

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
