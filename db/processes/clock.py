"""The database's clock, shared by all hosts: orders and ends things; a host's clock never does."""

from datetime import datetime

from db.pool import Queries


async def now(queries: Queries) -> datetime:
    """The time of the server in UTC."""
    rows = await queries.fetch_all("SELECT clock_timestamp() AS now")
    at: datetime = rows[0].now
    return at
