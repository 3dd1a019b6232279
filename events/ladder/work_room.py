"""Room for the work on a ladder: space on the disk and in the quota, and a scratch directory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from db.pool import Database
from db.space import open_reservation
from events.ladder.options import LadderSettings
from events.media.scratch import scratch_directory
from storage.disk import SHARED_DISK
from storage.paths import StoragePaths
from storage.receiving.uploads import require_space


@asynccontextmanager
async def work_room(
    database: Database, storage: StoragePaths, settings: LadderSettings, needed_bytes: int
) -> AsyncIterator[Path]:
    """A directory for files of that size together, reserved for the block.

    Raises: QuotaReached, StorageFull, StorageReadOnly, StorageGone, DatabaseError.
    """
    needed_on_disk = needed_bytes + settings.reserve_bytes
    await require_space(storage.unfinished, needed_on_disk, SHARED_DISK)
    async with open_reservation(
        database, uuid4(), quota_bytes=settings.quota_bytes, most_bytes=needed_bytes
    ) as reservation:
        await reservation.cover(needed_bytes)
        async with scratch_directory(storage) as directory:
            yield directory
