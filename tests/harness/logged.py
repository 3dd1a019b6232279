"""Rows of the event log as tests read them."""

from db.log.event_log import COLUMNS
from db.pool import Queries, Row

READ_AFTER = f"SELECT {COLUMNS} FROM event_log WHERE id > %s ORDER BY id LIMIT %s"


async def read_after(queries: Queries, after_id: int, limit: int) -> list[Row]:
    """Returns the next events after `after_id`, in order."""
    return await queries.fetch_all(READ_AFTER, (after_id, limit))
