"""Clock of the trash: counts only time during which sweeps took place.

It advances by at most `longest_step_s` between two sweeps, so neither a clock that jumps ahead nor
one that was wrong for a day expires everything at once; a service that was stopped keeps its trash
for longer.
"""

from datetime import datetime

from db.pool import Transaction

# The row's lock orders concurrent sweeps. A clock set back adds nothing.
TICK = """
WITH clock AS (
    UPDATE trash_clock SET
        elapsed_s = elapsed_s + least(%(longest_step_s)s, greatest(0,
            extract(epoch FROM clock_timestamp() - looked_at))),
        looked_at = clock_timestamp()
    RETURNING elapsed_s, looked_at
)
INSERT INTO trash_marks (elapsed_s, looked_at) SELECT elapsed_s, looked_at FROM clock
RETURNING elapsed_s
"""

# Without a mark that old there is no row: least() would ignore a NULL.
EXPIRED_AT = """
SELECT least(max(looked_at), now() - make_interval(secs => %(retention_s)s)) AS expired_at
FROM trash_marks WHERE elapsed_s <= %(elapsed_s)s - %(retention_s)s HAVING count(*) > 0
"""

# A longer retention, set later, finds no mark that old: nothing expires until there is one.
FORGET = "DELETE FROM trash_marks WHERE elapsed_s < %(elapsed_s)s - 2 * %(retention_s)s - 86400"


async def tick(
    transaction: Transaction, retention_s: float, longest_step_s: float
) -> datetime | None:
    """Advance the clock; returns the time up to which deleted videos have expired."""
    row = await transaction.fetch_one(TICK, {"longest_step_s": longest_step_s})
    assert row is not None
    parameters = {"retention_s": retention_s, "elapsed_s": row.elapsed_s}
    await transaction.execute(FORGET, parameters)
    found = await transaction.fetch_one(EXPIRED_AT, parameters)
    expired_at: datetime | None = found.expired_at if found else None
    return expired_at
