"""Turns of periodic tasks that one process takes for all, on all machines."""

from db.pool import Transaction

# Nobody waits for a turn that another process is taking.
TAKE = """
WITH due AS (
    SELECT task FROM periodic_turns
    WHERE task = %(task)s AND begun_at <= clock_timestamp() - make_interval(secs => %(interval_s)s)
    FOR UPDATE SKIP LOCKED
)
UPDATE periodic_turns t SET begun_at = clock_timestamp() FROM due WHERE t.task = due.task
RETURNING t.task
"""

# A row that is there, and perhaps being updated, is not met: the insertion would wait for it.
ADD = """
INSERT INTO periodic_turns (task)
SELECT %(task)s WHERE NOT EXISTS (SELECT FROM periodic_turns WHERE task = %(task)s)
ON CONFLICT DO NOTHING RETURNING task
"""


async def take(transaction: Transaction, task: str, interval_s: float) -> bool:
    """True if the task was begun nowhere for `interval_s`; others wait that long from now on."""
    parameters = {"task": task, "interval_s": interval_s}
    if await transaction.fetch_one(TAKE, parameters) is not None:
        return True
    return await transaction.fetch_one(ADD, {"task": task}) is not None
