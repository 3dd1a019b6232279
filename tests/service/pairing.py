"""A storage that belongs to a test's database, as after the first start."""

import asyncio
from pathlib import Path

from db.pool import open_database
from events.upkeep.pairing import pair
from storage.paths import StoragePaths


def paired_storage(dsn: str, root: Path) -> StoragePaths:
    unpaired = StoragePaths(root)

    async def paired() -> StoragePaths:
        async with open_database(dsn, size=1) as database:
            return await pair(database, unpaired)

    return asyncio.run(paired())
