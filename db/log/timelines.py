"""Timelines of the database: a fail-over begins a new one, and may have lost commits.

The first who notices records it and moves the ids of events past all that were given before
(`follow_timeline`): each writer of events does, and each process that follows the log.
"""

from dataclasses import dataclass
from datetime import datetime

from db.pool import Queries

FOLLOW = "SELECT timeline, last_id, first_id, begun_at FROM follow_timeline()"


@dataclass(frozen=True, slots=True)
class Timeline:
    """Events after `last_id` and before `first_id` are lost, if there were any."""

    number: int
    last_id: int
    first_id: int
    begun_at: datetime

    def has_lost(self, event_id: int) -> bool:
        return self.last_id < event_id < self.first_id


async def follow(queries: Queries) -> Timeline:
    """The newest timeline; records it if it is new."""
    row = await queries.fetch_one(FOLLOW)
    assert row is not None  # inserted by the migration
    return Timeline(row.timeline, row.last_id, row.first_id, row.begun_at)
