"""What was deleted and can no longer be restored goes: rows first, then files.

Any number of processes may sweep; each video is taken by one. Killed in between, a sweep leaves
files that no row speaks of, and those are the reconcile's.
"""

import asyncio
import logging
from uuid import UUID

from db import trash
from db.pool import Database
from db.trash import TrashedVideo
from events.periodic import Periodic
from storage.paths import StoragePaths
from storage.videos import remove_video

logger = logging.getLogger(__name__)

LONGEST_INTERVAL_S = 3600.0
SHORTEST_INTERVAL_S = 0.5
LOOKS_A_RETENTION = 4  # nothing stays a quarter longer than it should, where that is short
ROWS_AT_ONCE = 2000  # a course's progress in one statement could take longer than one may


def trash_sweep(database: Database, storage: StoragePaths, retention_s: float) -> Periodic:
    """Sweeps at start and hourly; more often where the retention is short."""
    return Periodic(
        "trash sweep", lambda: sweep(database, storage, retention_s), interval_s(retention_s)
    )


def interval_s(retention_s: float) -> float:
    """Between two sweeps."""
    return min(LONGEST_INTERVAL_S, max(SHORTEST_INTERVAL_S, retention_s / LOOKS_A_RETENTION))


async def sweep(database: Database, storage: StoragePaths, retention_s: float) -> list[UUID]:
    """The videos that went; none while the storage is away.

    Raises: StorageGone, StorageReadOnly, DatabaseError.
    """
    gone = []
    await asyncio.to_thread(storage.check)
    while video := await _delete_rows(database, retention_s):
        gone.append(video.id)
        await asyncio.to_thread(remove_video, storage, video.course_id, video.id)
    if gone:
        logger.info("%d deleted videos have left the trash", len(gone))
    return gone


async def _delete_rows(database: Database, retention_s: float) -> TrashedVideo | None:
    """All rows of one video, or none of them."""
    async with database.transaction() as tx:
        video = await trash.take_expired(tx, retention_s)
        if video is not None:
            while await trash.delete_progress(tx, video.id, ROWS_AT_ONCE) == ROWS_AT_ONCE:
                pass
            await trash.delete_video(tx, video.id)
    return video
