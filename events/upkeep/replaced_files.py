"""Removes the files of films that were replaced, a minute later: by then every process knows.

Files go before their rows are deleted, so that a sweep that is killed in between is repeated. A
transfer that is running goes on to its end.
"""

import logging
from collections.abc import Iterable
from uuid import UUID

from db.pool import Database
from db.upkeep import file_rows, replaced_files
from events.errors import OUTAGES
from events.media.pipeline import MAKE_ALTERNATE
from events.upkeep.pairing import require_pair
from storage.concurrency.tasks import Periodic
from storage.disk import SHARED_DISK
from storage.paths import StoragePaths
from storage.videos import remove_asset

logger = logging.getLogger(__name__)

INTERVAL_S = 20.0
KEPT_S = 60.0


def replaced_files_sweep(database: Database, storage: StoragePaths) -> Periodic:
    """Returns the periodic sweep; any number of processes may run it."""
    return Periodic("replaced files", lambda: sweep(database, storage), INTERVAL_S, OUTAGES)


async def sweep(database: Database, storage: StoragePaths, kept_s: float = KEPT_S) -> None:
    """Raises: ForeignStorage, StorageGone, StorageReadOnly, DatabaseError."""
    await require_pair(database, storage)
    while await _sweep_one(database, storage, kept_s):
        pass


async def _sweep_one(database: Database, storage: StoragePaths, kept_s: float) -> bool:
    """Removes the files of one video; False if there was none."""
    async with database.transaction() as transaction:
        video = await replaced_files.take_video(transaction, kept_s, MAKE_ALTERNATE)
        if video is None:
            return False
        names = await replaced_files.delete(transaction, video.id, kept_s)
        rows = (await file_rows.read_videos(transaction, [video.id]))[video.id]
        left = {*names} - rows.current_names
        await SHARED_DISK.run(_remove, storage, video.course_id, video.id, left)
    logger.info("%d files of the film before are removed from video %s", len(left), video.id)
    return True


def _remove(storage: StoragePaths, course_id: str, video_id: UUID, names: Iterable[str]) -> None:
    for name in names:
        remove_asset(storage, course_id, video_id, name)
