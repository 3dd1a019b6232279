"""Sweep of adaptive ladders: pieces that no work needs, and files that no grant names any more.

A piece's directory is wanted while a row says that its work is under way; the row is committed
before the directory is made. Superseded files go before their rows: a sweep that is killed in
between is repeated, and leaves no file without a row.
"""

import logging
from uuid import UUID

from db.media import ladders, rungs
from db.pool import Database
from events.errors import OUTAGES
from events.upkeep.pairing import require_pair
from storage.concurrency.tasks import Periodic
from storage.disk import SHARED_DISK
from storage.ladder.pieces import list_ladders, remove_ladder
from storage.paths import StoragePaths
from storage.videos import remove_asset

logger = logging.getLogger(__name__)

INTERVAL_S = 20.0  # as for other unfinished files
LEAST_SUPERSEDED_S = 3600.0  # grants of admins live for 15 min whatever GRANT_TTL is
FILES_AT_ONCE = 200


def ladder_sweep(database: Database, storage: StoragePaths, grant_ttl_s: float) -> Periodic:
    """Returns the periodic sweep."""
    return Periodic(
        "ladder sweep", lambda: sweep(database, storage, grant_ttl_s), INTERVAL_S, OUTAGES
    )


async def sweep(database: Database, storage: StoragePaths, grant_ttl_s: float) -> None:
    """Raises: ForeignStorage, StorageGone, StorageReadOnly, DatabaseError."""
    await require_pair(database, storage)
    ended = await sweep_pieces(database, storage)
    if ended:
        logger.info("the pieces of %d ended ladders are removed", len(ended))
    await _sweep_superseded(database, storage, max(grant_ttl_s, LEAST_SUPERSEDED_S))


async def sweep_pieces(database: Database, storage: StoragePaths) -> list[UUID]:
    """Removes the pieces of works that have ended; returns those."""
    found = await SHARED_DISK.run(list_ladders, storage)
    if not found:
        return []
    wanted = await ladders.list_worked_on(database, found)
    ended = [work_id for work_id in found if work_id not in wanted]
    for work_id in ended:
        await SHARED_DISK.run(remove_ladder, storage, work_id)
    return ended


async def _sweep_superseded(database: Database, storage: StoragePaths, after_s: float) -> None:
    while True:
        async with database.transaction() as transaction:
            taken = await rungs.take_superseded(transaction, after_s, FILES_AT_ONCE)
            for course_id, video_id, name in taken:
                await SHARED_DISK.run(remove_asset, storage, course_id, video_id, name)
        if len(taken) < FILES_AT_ONCE:
            return
