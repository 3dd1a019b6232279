"""Web processes that share the database: one row each, refreshed while the process runs."""

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


async def refresh(queries: Queries, process_id: UUID, host: str, secrets_sha256: str) -> None:
    await queries.fetch_all(_REFRESH, (process_id, host, secrets_sha256))


async def remove(queries: Queries, process_id: UUID) -> None:
    """Removes the row, and those of processes that were killed long ago."""
    await queries.fetch_all(_REMOVE, (process_id,))


async def longest_running(queries: Queries, silent_s: float) -> Row | None:
    """Returns id, host and secrets_sha256 of the oldest process refreshed within `silent_s`."""
    return await queries.fetch_one(_LONGEST_RUNNING, (silent_s,))
