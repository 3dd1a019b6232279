"""Sweep of resumable uploads: ends expired ones and removes files that no row needs.

A file is removed for whatever reason no row needs it: its upload expired, was terminated or
refused, became a video, or its process died before it could clean up.
"""

import logging
from uuid import UUID

from db.pool import Database
from db.takeover import imports
from db.uploads import uploads
from events.errors import OUTAGES
from events.upkeep.pairing import require_pair
from storage.concurrency.tasks import Periodic
from storage.disk import SHARED_DISK
from storage.paths import StoragePaths
from storage.receiving.partials import list_partials, remove_partial

logger = logging.getLogger(__name__)

INTERVAL_S = 20.0  # the contract allows at most a minute's delay
FORGOTTEN_AT_ONCE = 1000  # each sweep goes on where the last one ended


def upload_sweep(database: Database, storage: StoragePaths) -> Periodic:
    """Returns the periodic sweep; any number of processes may run it."""
    return Periodic("upload sweep", lambda: sweep_uploads(database, storage), INTERVAL_S, OUTAGES)


async def sweep_uploads(database: Database, storage: StoragePaths) -> list[UUID]:
    """Removes unneeded files and returns their uploads; files being written go the next time.

    Raises: ForeignStorage, StorageGone, StorageReadOnly, DatabaseError.
    """
    await require_pair(database, storage)
    if expired := await uploads.end_expired(database):
        logger.info("%d uploads have expired", expired)
    await uploads.delete_old(database, FORGOTTEN_AT_ONCE)
    # List files first: a file is made after its row, so a new one always has a row.
    found = await SHARED_DISK.run(list_partials, storage)
    needed = await uploads.list_unfinished(database, found) | await imports.list_unfinished(
        database, found
    )
    unneeded = [one for one in found if one not in needed]
    return [one for one in unneeded if await SHARED_DISK.run(remove_partial, storage, one)]
