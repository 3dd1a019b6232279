"""Damaged files: published files that differ from their rows, noted when sent, then repaired.

A repair does what `check --repair` does, except that no video is given up: a file that cannot be
made again waits for an operator, who may have a backup. Each video is tried at most once an hour.
"""

import logging
import time
from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

from db.pool import Database
from events.errors import ForeignStorage
from events.upkeep.pairing import require_pair
from events.upkeep.reconcile import make_again
from events.upkeep.survey import faults_of
from storage.concurrency.bounded_cache import BoundedCache
from storage.paths import StoragePaths

logger = logging.getLogger(__name__)

NOTED_FILES = 1000
VIDEOS_AT_ONCE = 20
TRY_AGAIN_AFTER_S = 3600.0
LOOK_INTERVAL_S = 5.0


class PublishedFile(NamedTuple):
    course_id: str
    video_id: UUID
    name: str


class DamagedFiles:
    """Damaged files that this process could not send. Bounded: the oldest is forgotten."""

    def __init__(self) -> None:
        self.noted_count = 0
        self._noted: BoundedCache[PublishedFile, bool] = BoundedCache(NOTED_FILES)

    def __len__(self) -> int:
        return len(self._noted)

    def note(self, file: PublishedFile, *, has_its_length: bool = False) -> None:
        """Logs the file once while it is damaged; `has_its_length`: only its content differs."""
        if file in self._noted:
            return
        self.noted_count += 1
        self._noted.put(file, has_its_length)
        logger.error("%s of video %s is not as recorded: it is not sent", file.name, file.video_id)

    def forget(self, file: PublishedFile) -> None:
        """Forgets a file that is intact again or has no row any more."""
        self._noted.forget(file)

    def by_video(self) -> dict[UUID, list[PublishedFile]]:
        found: dict[UUID, list[PublishedFile]] = {}
        for file in self._noted:
            found.setdefault(file.video_id, []).append(file)
        return found

    def needs_reading(self, files: list[PublishedFile]) -> bool:
        """True if a file has its length, so that only its hash shows the damage."""
        return any(self._noted.peek(file) for file in files)


class Repairs:
    """Queues noted files to be made again; `look` is called every few seconds."""

    def __init__(
        self,
        database: Database,
        storage: StoragePaths,
        damaged: DamagedFiles,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._storage = storage
        self._damaged = damaged
        self._clock = clock
        self._tried_s: BoundedCache[UUID, float] = BoundedCache(NOTED_FILES)

    async def look(self) -> None:
        """Raises: StorageError, DatabaseError."""
        due = [one for one in self._damaged.by_video().items() if self._is_due(one[0])]
        if not due:
            return
        try:
            await require_pair(self._database, self._storage)
        except ForeignStorage as exc:
            logger.error("damaged files: nothing was touched: %s", exc)
            return
        for video_id, files in due[:VIDEOS_AT_ONCE]:
            await self._repair(video_id, files)

    def _is_due(self, video_id: UUID) -> bool:
        tried_s = self._tried_s.peek(video_id)
        return tried_s is None or tried_s + TRY_AGAIN_AFTER_S <= self._clock()

    async def _repair(self, video_id: UUID, files: list[PublishedFile]) -> None:
        is_deep = self._damaged.needs_reading(files)
        found = await faults_of(self._database, self._storage, [video_id], is_deep=is_deep)
        names = {finding.row.name for finding in found if finding.row is not None}
        for file in files:
            if file.name not in names:
                self._damaged.forget(file)
        if not found:
            return
        self._tried_s.put(video_id, self._clock())
        if await make_again(self._database, self._storage, found):
            logger.warning("what is damaged of video %s is to be made again", video_id)
        else:
            logger.error("video %s cannot be repaired: `run_server.py check` tells more", video_id)
