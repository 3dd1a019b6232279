"""State of the PostgreSQL server that decides on readiness, read in one query."""

from dataclasses import dataclass
from datetime import datetime

from db.pool import Queries

_STATE = """
SELECT NOT pg_is_in_recovery() AND current_setting('default_transaction_read_only') = 'off'
        AS is_writable,
    clock_timestamp() AS now,
    ARRAY(SELECT migration_id::text FROM _yoyo_migration) AS migrations
"""


@dataclass(frozen=True, slots=True)
class ServerState:
    """`is_writable` is False on a standby; `migrations` are the ids of those applied."""

    is_writable: bool
    now: datetime
    migrations: frozenset[str]


async def read_server_state(queries: Queries) -> ServerState:
    [row] = await queries.fetch_all(_STATE)
    return ServerState(row.is_writable, row.now, frozenset(row.migrations))
