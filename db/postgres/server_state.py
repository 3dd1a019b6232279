"""State of the PostgreSQL server that readiness depends on, read in one query."""

from dataclasses import dataclass
from datetime import datetime

from db.pool import Queries

_STATE = """
SELECT NOT pg_is_in_recovery() AND current_setting('default_transaction_read_only') = 'off'
        AS is_writable,
    clock_timestamp() AS now,
    current_setting('synchronous_standby_names') = '' AND (
        EXISTS (SELECT FROM pg_stat_replication) OR 1 < (
            SELECT count(DISTINCT host) FROM web_processes
            WHERE seen_at > clock_timestamp() - interval '30 seconds'
        )
    ) AS may_lose_commits,
    ARRAY(SELECT migration_id::text FROM _yoyo_migration) AS migrations
"""


@dataclass(frozen=True, slots=True)
class ServerState:
    """`is_writable` is False on a standby; `migrations` are the ids of those applied.

    `may_lose_commits`: there are standbys, or several machines, and no standby has to confirm a
    commit before it is acknowledged. Never on a machine alone, which has nothing to fail over to.
    """

    is_writable: bool
    now: datetime
    may_lose_commits: bool
    migrations: frozenset[str]


async def read_server_state(queries: Queries) -> ServerState:
    [row] = await queries.fetch_all(_STATE)
    return ServerState(row.is_writable, row.now, row.may_lose_commits, frozenset(row.migrations))
