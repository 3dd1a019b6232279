"""Empties the trash: removes deleted videos after their retention, and strays set aside.

Rows go first, then files. Any number of processes may sweep; each video is removed by one of them.
A sweep killed in between leaves strays, which reconcile finds.
"""

import logging
from datetime import datetime
from uuid import UUID

from db.pool import Database, Transaction
from db.upkeep import trash, trash_clock
from db.upkeep.trash import TrashedVideo
from events.errors import OUTAGES
from events.upkeep.pairing import require_pair
from storage.concurrency.tasks import Periodic
from storage.disk import SHARED_DISK
from storage.paths import StoragePaths
from storage.upkeep.trash import empty_trash
from storage.videos import remove_video

logger = logging.getLogger(__name__)

LONGEST_INTERVAL_S = 3600.0
SHORTEST_INTERVAL_S = 0.5
SHORTEST_STEP_S = 60.0  # a busy machine may sweep late
LOOKS_A_RETENTION = 4  # a short retention is exceeded by a quarter at most
ROWS_AT_ONCE = 500  # each read from a slow disk, with its sessions, within the statement time-out


def trash_sweep(database: Database, storage: StoragePaths, retention_s: float) -> Periodic:
    """Returns the periodic sweep: at start and hourly, more often for a short retention."""
    return Periodic(
        "trash sweep",
        lambda: sweep(database, storage, retention_s),
        interval_s(retention_s),
        OUTAGES,
    )


def interval_s(retention_s: float) -> float:
    """Returns the seconds between two sweeps."""
    return min(LONGEST_INTERVAL_S, max(SHORTEST_INTERVAL_S, retention_s / LOOKS_A_RETENTION))


def longest_step_s(retention_s: float) -> float:
    """Returns the longest step of the trash's clock between two sweeps, in seconds."""
    return max(SHORTEST_STEP_S, 2 * interval_s(retention_s))


async def sweep(database: Database, storage: StoragePaths, retention_s: float) -> list[UUID]:
    """Removes expired videos and returns their ids.

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
        await SHARED_DISK.run(remove_video, storage, video.course_id, video.id)
    if gone:
        logger.info("%d deleted videos have left the trash", len(gone))
    for batch in await SHARED_DISK.run(empty_trash, storage, expired_at):
        logger.warning("%d files without a row have left the trash: %s", batch.files, batch.name)
    return gone


async def _delete_rows(database: Database, expired_at: datetime) -> TrashedVideo | None:
    """Deletes all rows of one expired video: details in rounds, then the others at once.

    Another process may go on where one was killed. Progress is whole until the video goes.
    """
    while True:
        async with database.transaction() as transaction:
            video = await trash.take_expired(transaction, expired_at)
            if video is None:
                return None
            if not await trash.delete_details(transaction, video.id, ROWS_AT_ONCE):
                await _delete_rest(transaction, video.id)
                return video


async def _delete_rest(transaction: Transaction, video_id: UUID) -> None:
    while await trash.delete_progress(transaction, video_id, ROWS_AT_ONCE) == ROWS_AT_ONCE:
        pass
    await trash.delete_video(transaction, video_id)
