"""Defers background jobs inside a transaction of this service.

procrastinate cannot defer on a connection that is not its own, so this calls the SQL function that
it uses itself; a test pins the signature in the installed version.
"""

from typing import Any

import msgspec

from db.pool import Queries, Transaction

DEFER = """
SELECT procrastinate_defer_jobs_v1(
    ARRAY[ROW(%(queue)s, %(task)s, %(priority)s, %(lock)s, NULL, %(arguments)s::jsonb, NULL)]
    ::procrastinate_job_to_defer_v1[]
)
"""

QUEUED = """
SELECT id FROM procrastinate_jobs WHERE lock = %s AND status IN ('todo', 'doing') LIMIT 1
"""

ANY_QUEUED = """
SELECT id FROM procrastinate_jobs
WHERE starts_with(lock, %s) AND status IN ('todo', 'doing') LIMIT 1
"""

COUNT_BY_STATUS = "SELECT status::text, count(*) FROM procrastinate_jobs GROUP BY status"


async def count_by_status(queries: Queries) -> dict[str, int]:
    """Jobs by status: `todo` (waiting), `doing`, `failed`; those that succeeded are deleted."""
    rows = await queries.fetch_all(COUNT_BY_STATUS)
    return {row.status: row.count for row in rows}


async def is_queued(queries: Queries, lock: str) -> bool:
    """True while a job with that lock waits or runs."""
    return await queries.fetch_one(QUEUED, (lock,)) is not None


async def is_any_queued(queries: Queries, prefix: str) -> bool:
    """True while a job whose lock begins so waits or runs."""
    return await queries.fetch_one(ANY_QUEUED, (prefix,)) is not None


async def defer(
    transaction: Transaction,
    task: str,
    arguments: dict[str, Any],
    *,
    queue: str,
    lock: str,
    priority: int = 0,
) -> None:
    """Queue `task` with the transaction's commit; jobs with one `lock` never overlap.

    The greatest `priority` is taken first.
    """
    await transaction.execute(
        DEFER,
        {
            "queue": queue,
            "task": task,
            "priority": priority,
            "lock": lock,
            "arguments": msgspec.json.encode(arguments).decode(),
        },
    )
