"""Resumption after an event id: what the log no longer has of the events that follow it."""

from dataclasses import dataclass

from db.log.event_log import Dropped
from db.pool import Queries

GAPS = """
SELECT dropped_id, greatest(dropped_id, thinned_id) AS thinned_id, packed_id, EXISTS (
    SELECT FROM database_timelines WHERE last_id < %(id)s AND %(id)s < first_id
) AS is_lost
FROM event_log_retention
"""


@dataclass(frozen=True, slots=True)
class Gaps(Dropped):
    """`is_lost` for the id of an event that a fail-over has lost, or may have."""

    is_lost: bool


async def read_gaps(queries: Queries, after_id: int) -> Gaps:
    """Reads two small tables, none of the log's partitions."""
    row = await queries.fetch_one(GAPS, {"id": after_id})
    assert row is not None  # inserted by the migration
    return Gaps(row.dropped_id, row.thinned_id, row.is_lost, packed_id=row.packed_id)
