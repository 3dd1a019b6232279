"""Web processes that share the database: one row each, refreshed while the process runs."""

from datetime import datetime, timedelta
from uuid import UUID

from db.pool import Queries, Row

_REFRESH = """
INSERT INTO web_processes (id, host, secrets_sha256) VALUES (%s, %s, %s)
ON CONFLICT (id) DO UPDATE SET seen_at = clock_timestamp()
"""
_REMOVE = """
DELETE FROM web_processes WHERE id = %s OR seen_at < clock_timestamp() - interval '1 day'
"""
_LONGEST_RUNNING = """
SELECT id, host, secrets_sha256 FROM web_processes
WHERE seen_at > clock_timestamp() - make_interval(secs => %s)
ORDER BY started_at, id LIMIT 1
"""

# A process that was killed leaves its row.
_CHANGED = """
SELECT EXISTS (
    SELECT FROM web_processes
    WHERE started_at BETWEEN %(since)s AND %(until)s
       OR seen_at BETWEEN %(since)s AND least(%(until)s, clock_timestamp() - %(silent)s)
) AS is_changed
"""


async def refresh(queries: Queries, process_id: UUID, host: str, secrets_sha256: str) -> None:
    await queries.fetch_all(_REFRESH, (process_id, host, secrets_sha256))


async def remove(queries: Queries, process_id: UUID) -> None:
    """Removes the row, and those of processes that were killed long ago."""
    await queries.fetch_all(_REMOVE, (process_id,))


async def have_changed(queries: Queries, since: datetime, until: datetime, silent_s: float) -> bool:
    """True if a process began in that time, or was last refreshed in it and not for `silent_s`."""
    silent = timedelta(seconds=silent_s)
    row = await queries.fetch_one(_CHANGED, {"since": since, "until": until, "silent": silent})
    assert row is not None
    return bool(row.is_changed)


async def longest_running(queries: Queries, silent_s: float) -> Row | None:
    """Returns id, host and secrets_sha256 of the oldest process refreshed within `silent_s`."""
    return await queries.fetch_one(_LONGEST_RUNNING, (silent_s,))
