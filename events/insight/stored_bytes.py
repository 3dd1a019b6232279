"""The bytes that the quota counts, in all and by course, as an operator's page shows them.

Videos of the largest courses are counted, so what was read is kept for a while.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from db import space
from db.insight import storage_shares
from db.insight.storage_shares import StorageShare
from db.pool import Database
from events.insight.query_cache import QueryCache


@dataclass(frozen=True, slots=True)
class Shares:
    """`courses` are the largest ones, the largest first."""

    used_bytes: int
    courses: Sequence[StorageShare]


StoredBytes = QueryCache[int, Shares]
"""By the number of courses."""


def stored_bytes(database: Database) -> StoredBytes:
    async def read(most_courses: int) -> Shares:
        return Shares(
            await space.read_used_bytes(database),
            await storage_shares.list_shares(database, most_courses),
        )

    return QueryCache(read)
