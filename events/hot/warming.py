"""Warming: the films of the hottest videos are brought into this machine's page cache.

At the start, and when a video becomes hot. Bounded in bytes, by a quarter of the memory that is
free; one piece at a time, behind all others who read. What is there already costs a look.
"""

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from db.errors import DatabaseError
from db.videos.video import Video
from events.hot.hottest import Plays, Ranking
from events.hot.video_facts import VideoReader
from storage.concurrency.bounded_cache import BoundedCache
from storage.concurrency.tasks import Periodic
from storage.disk import Disk
from storage.errors import StorageError
from storage.page_cache import PIECE_BYTES, bring_in
from storage.paths import StoragePaths

logger = logging.getLogger(__name__)

INTERVAL_S = 10.0
MOST_BYTES_OF_VIDEO = 256 * 2**20
MOST_BYTES = 2 * 2**30
SHARE_OF_MEMORY = 0.25
WARM_FOR_S = 600.0  # then it is looked at again, if it is still hot
MOST_REMEMBERED = 1000


class Warming:
    """Exchanges plays and warms what is hot, periodically; `warmed_bytes` were not there before."""

    def __init__(
        self, ranking: Ranking, plays: Plays, videos: VideoReader, storage: StoragePaths, disk: Disk
    ) -> None:
        self.warmed_bytes = 0
        self.hot_count = 0
        self._ranking = ranking
        self._plays = plays
        self._videos = videos
        self._storage = storage
        self._disk = disk
        self._warm_until_s: BoundedCache[UUID, float] = BoundedCache(MOST_REMEMBERED)
        self._periodic = Periodic("warming", self.step, INTERVAL_S, (DatabaseError,))

    def start(self) -> None:
        self._periodic.start()

    async def stop(self) -> None:
        await self._periodic.stop()

    async def step(self) -> None:
        """Raises: DatabaseError."""
        hottest = await self._ranking.exchange(self._plays.take())
        if hottest is None:
            return
        self.hot_count = len(hottest)
        left_bytes = await self._disk.run(room_bytes)
        for video_id in hottest:
            if left_bytes <= 0:
                return
            if (self._warm_until_s.peek(video_id) or 0.0) <= time.monotonic():
                left_bytes -= await self._warm(video_id)
                self._warm_until_s.put(video_id, time.monotonic() + WARM_FOR_S)

    async def _warm(self, video_id: UUID) -> int:
        """Returns the bytes that are warm now, those included that were before."""
        video = await self._videos.read(video_id)
        done_bytes = 0
        for path, size_bytes in [] if video is None else self._files(video):
            for start in range(0, size_bytes, PIECE_BYTES):
                if done_bytes >= MOST_BYTES_OF_VIDEO:
                    return done_bytes
                try:
                    self.warmed_bytes += await self._disk.run(bring_in, path, start)
                except StorageError as exc:
                    logger.debug("not warmed: %s", exc)
                    return done_bytes
                done_bytes += min(PIECE_BYTES, size_bytes - start)
        return done_bytes

    def _files(self, video: Video) -> Iterator[tuple[Path, int]]:
        """The film that all players know, then its ladder, the smallest sizes first."""
        found = [(one.file_name, one.size_bytes) for one in video.representations[:1]]
        rungs = [
            (file.name, file.size_bytes) for one in video.rungs if (file := one.file) is not None
        ]
        for name, size_bytes in (*found, *sorted(rungs, key=lambda one: one[1])):
            yield self._storage.asset(video.course_id, video.id, name), size_bytes


def room_bytes(meminfo: Path = Path("/proc/meminfo")) -> int:
    """Bytes that may be brought in. Blocks."""
    lines = dict(line.split(":") for line in meminfo.read_text().splitlines())
    available_bytes = int(lines["MemAvailable"].split()[0]) * 1024
    return min(MOST_BYTES, int(available_bytes * SHARE_OF_MEMORY))
