"""What was deleted and can no longer be restored goes: rows first, then files; and so do, from the
storage's own trash, files that no row spoke of.

Any number of processes may sweep; each video is taken by one. Killed in between, a sweep leaves
files that no row speaks of, and those are the reconcile's.
"""

import asyncio
import logging
from datetime import datetime
from uuid import UUID

from db.pool import Database
from db.upkeep import trash, trash_clock
from db.upkeep.trash import TrashedVideo
from events.errors import OUTAGES
from events.upkeep.pairing import require_pair
from storage.paths import StoragePaths
from storage.tasks import Periodic
from storage.trash import empty_trash
from storage.videos import remove_video

logger = logging.getLogger(__name__)

LONGEST_INTERVAL_S = 3600.0
SHORTEST_INTERVAL_S = 0.5
SHORTEST_STEP_S = 60.0  # a busy machine may sweep late
LOOKS_A_RETENTION = 4  # nothing stays a quarter longer than it should, where that is short
ROWS_AT_ONCE = 2000  # a course's progress in one statement could take longer than one may


def trash_sweep(database: Database, storage: StoragePaths, retention_s: float) -> Periodic:
    """Sweeps at start and hourly; more often where the retention is short."""
    return Periodic(
        "trash sweep",
        lambda: sweep(database, storage, retention_s),
        interval_s(retention_s),
        OUTAGES,
    )


def interval_s(retention_s: float) -> float:
    """Between two sweeps."""
    return min(LONGEST_INTERVAL_S, max(SHORTEST_INTERVAL_S, retention_s / LOOKS_A_RETENTION))


def longest_step_s(retention_s: float) -> float:
    """What the trash's clock counts between two sweeps at most."""
    return max(SHORTEST_STEP_S, 2 * interval_s(retention_s))


async def sweep(database: Database, storage: StoragePaths, retention_s: float) -> list[UUID]:
    """The videos that went; none while the storage is away.

    Raises: ForeignStorage, StorageGone, StorageReadOnly, DatabaseError.
    """
    await require_pair(database, storage)
    async with database.transaction() as transaction:
        expired_at = await trash_clock.tick(transaction, retention_s, longest_step_s(retention_s))
    if expired_at is None:
        return []
    gone = []
    while video := await _delete_rows(database, expired_at):
        gone.append(video.id)
        await asyncio.to_thread(remove_video, storage, video.course_id, video.id)
    if gone:
        logger.info("%d deleted videos have left the trash", len(gone))
    for batch in await asyncio.to_thread(empty_trash, storage, expired_at):
        logger.warning("%d files without a row have left the trash: %s", batch.files, batch.name)
    return gone


async def _delete_rows(database: Database, expired_at: datetime) -> TrashedVideo | None:
    """All rows of one video, or none of them."""
    async with database.transaction() as transaction:
        video = await trash.take_expired(transaction, expired_at)
        if video is not None:
            while await trash.delete_progress(transaction, video.id, ROWS_AT_ONCE) == ROWS_AT_ONCE:
                pass
            await trash.delete_video(transaction, video.id)
    return video
