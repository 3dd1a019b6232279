"""Uploads that can be resumed, until they expire: then their rows end, and with the rows the files.

A file goes when no row needs it any more, whatever the reason: its upload expired, was terminated
or refused, has become a video, or its process died before it could tidy up.
"""

import asyncio
import logging
from uuid import UUID

from db import uploads
from db.pool import Database
from db.takeover import imports
from events.errors import OUTAGES
from events.upkeep.pairing import require_pair
from storage.partials import list_partials, remove_partial
from storage.paths import StoragePaths
from storage.tasks import Periodic

logger = logging.getLogger(__name__)

INTERVAL_S = 20.0  # a minute late at most, said the contract


def upload_sweep(database: Database, storage: StoragePaths) -> Periodic:
    """Any number of processes may sweep."""
    return Periodic("upload sweep", lambda: sweep_uploads(database, storage), INTERVAL_S, OUTAGES)


async def sweep_uploads(database: Database, storage: StoragePaths) -> list[UUID]:
    """The uploads whose files went; those that somebody still writes to go the next time.

    Raises: ForeignStorage, StorageGone, StorageReadOnly, DatabaseError.
    """
    await require_pair(database, storage)
    if expired := await uploads.end_expired(database):
        logger.info("%d uploads have expired", expired)
    await uploads.forget(database)
    # Files first: one is made after its row, and so never taken for one that nobody needs.
    found = await asyncio.to_thread(list_partials, storage)
    needed = await uploads.unfinished(database, found) | await imports.unfinished(database, found)
    unneeded = [one for one in found if one not in needed]
    return [one for one in unneeded if await asyncio.to_thread(remove_partial, storage, one)]
