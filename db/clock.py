"""The clock that all hosts share: what orders or ends something goes by it, never by a host's."""

from datetime import datetime

from db.pool import Queries


async def now(queries: Queries) -> datetime:
    """In UTC."""
    rows = await queries.fetch_all("SELECT clock_timestamp() AS now")
    at: datetime = rows[0].now
    return at
