"""Figures of the whole installation for its operators: queues, their age, standbys.

Each counts up to a bound, so that looking costs a busy database nothing.
"""

from dataclasses import dataclass

from db.pool import Queries

MOST_COUNTED = 10_000

# The queue's index by priority holds those that wait.
JOBS = """
SELECT task_name AS task, status::text AS status, count(*) AS jobs, min(id) AS first_id
FROM (SELECT task_name, status, id FROM procrastinate_jobs LIMIT %(most)s) AS looked_at
GROUP BY task_name, status
"""

DEFERRED = """
SELECT j.task_name AS task, extract(epoch FROM clock_timestamp() - min(e.at))::float8 AS age_s
FROM procrastinate_jobs j JOIN procrastinate_events e ON e.job_id = j.id AND e.type = 'deferred'
WHERE j.id = ANY(%s) GROUP BY j.task_name
"""

RENDITIONS = """
SELECT state, count(*) AS renditions FROM (
    SELECT r.state FROM ladders l JOIN rungs r USING (video_id)
    WHERE l.state IN ('waiting', 'processing') AND r.state IN ('waiting', 'processing')
    LIMIT %s
) AS looked_at GROUP BY state
"""

LADDERS = """
SELECT count(*) AS ladders FROM (
    SELECT FROM ladders WHERE state IN ('waiting', 'processing') LIMIT %s
) AS looked_at
"""

DELIVERIES = """
SELECT
    (SELECT count(*) FROM (
        SELECT FROM webhook_deliveries WHERE died_at IS NULL LIMIT %(most)s
    ) AS looked_at) AS waiting,
    (SELECT count(*) FROM (
        SELECT FROM webhook_deliveries WHERE died_at IS NOT NULL LIMIT %(most)s
    ) AS looked_at) AS dead,
    coalesce((
        SELECT extract(epoch FROM clock_timestamp() - min(first.occurred_at))
        FROM webhooks w, LATERAL (
            SELECT occurred_at FROM webhook_deliveries
            WHERE webhook_id = w.id AND died_at IS NULL ORDER BY event_id LIMIT 1
        ) AS first
    ), 0)::float8 AS oldest_s
"""

UPLOADS = """
SELECT count(*) AS uploads FROM (SELECT FROM uploads WHERE ended_at IS NULL LIMIT %s) AS looked_at
"""

VIEWING_CHANGES = """
SELECT
    (SELECT count(*) FROM (SELECT FROM viewing_changes LIMIT %s) AS looked_at) AS waiting,
    coalesce((
        SELECT extract(epoch FROM clock_timestamp() - added_at)
        FROM viewing_changes ORDER BY id LIMIT 1
    ), 0)::float8 AS oldest_s
"""

# Without the right to see it, the lag of each is NULL.
STANDBYS = """
SELECT count(*) AS standbys, coalesce(extract(epoch FROM max(replay_lag)), 0)::float8 AS lag_s
FROM pg_stat_replication
"""


@dataclass(frozen=True, slots=True)
class QueuedJobs:
    """Jobs of one task with one status; `oldest_s` is 0 but for those that wait."""

    task: str
    status: str
    count: int
    oldest_s: float


@dataclass(frozen=True, slots=True)
class Deliveries:
    """`oldest_s`: the age of the oldest event that waits, of the moment it happened."""

    waiting: int
    dead: int
    oldest_s: float


@dataclass(frozen=True, slots=True)
class WaitingChanges:
    """Changes of viewing figures that are not added yet, one for each commit of reports."""

    count: int
    oldest_s: float


@dataclass(frozen=True, slots=True)
class Standbys:
    """`lag_s`: that of the standby which is the farthest behind."""

    count: int
    lag_s: float


async def count_jobs(queries: Queries) -> list[QueuedJobs]:
    rows = await queries.fetch_all(JOBS, {"most": MOST_COUNTED})
    firsts = [row.first_id for row in rows if row.status == "todo"]
    ages = {row.task: row.age_s for row in await queries.fetch_all(DEFERRED, (firsts,))}
    return [
        QueuedJobs(
            row.task, row.status, row.jobs, ages.get(row.task, 0.0) if row.status == "todo" else 0.0
        )
        for row in rows
    ]


async def count_renditions(queries: Queries) -> dict[str, int]:
    """Unfinished renditions by state: `waiting`, `processing`."""
    rows = await queries.fetch_all(RENDITIONS, (MOST_COUNTED,))
    return {row.state: row.renditions for row in rows}


async def count_ladders(queries: Queries) -> int:
    """Number of videos whose renditions are not finished."""
    row = await queries.fetch_one(LADDERS, (MOST_COUNTED,))
    return int(row.ladders) if row else 0


async def count_deliveries(queries: Queries) -> Deliveries:
    [row] = await queries.fetch_all(DELIVERIES, {"most": MOST_COUNTED})
    return Deliveries(row.waiting, row.dead, row.oldest_s)


async def count_open_uploads(queries: Queries) -> int:
    row = await queries.fetch_one(UPLOADS, (MOST_COUNTED,))
    return int(row.uploads) if row else 0


async def count_viewing_changes(queries: Queries) -> WaitingChanges:
    [row] = await queries.fetch_all(VIEWING_CHANGES, (MOST_COUNTED,))
    return WaitingChanges(row.waiting, row.oldest_s)


async def read_standbys(queries: Queries) -> Standbys:
    [row] = await queries.fetch_all(STANDBYS)
    return Standbys(row.standbys, row.lag_s)
