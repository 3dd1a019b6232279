"""Events on their way to webhooks: taken from the log in its order, kept until they are delivered.

An event is copied from the log together with the step of the webhook's position, so that none is
missed or taken twice, and stays when the log drops it. What died waits for somebody to send it
again.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from db.pool import Queries, Row, Transaction

MOST_WAITING = 10_000  # for one webhook; what is beyond stays in the log
MOST_RESCUED = 10_000  # of one day and webhook
PASSED = "the log's retention passed it before it could be sent"

EVENT = "type, video_id, course_id, user_id, occurred_at, payload"

TAKE = f"""
WITH hook AS MATERIALIZED (
    SELECT id, types, added_after, position FROM webhooks
    WHERE id = %(id)s AND %(most)s > (
        SELECT count(*) FROM (
            SELECT FROM webhook_deliveries
            WHERE webhook_id = %(id)s AND died_at IS NULL LIMIT %(most)s
        ) AS waiting
    )
    FOR UPDATE
), seen AS MATERIALIZED (
    SELECT id AS event_id, {EVENT} FROM event_log
    WHERE id > (SELECT position FROM hook) ORDER BY id LIMIT %(limit)s
), taken AS (
    INSERT INTO webhook_deliveries (webhook_id, event_id, {EVENT})
    SELECT hook.id, event_id, {EVENT} FROM seen, hook
    WHERE type = ANY(types) AND event_id > coalesce((added_after ->> type)::bigint, 0)
    ON CONFLICT DO NOTHING
)
UPDATE webhooks SET position = (SELECT max(event_id) FROM seen)
WHERE id = (SELECT id FROM hook) AND EXISTS (SELECT FROM seen)
RETURNING (SELECT count(*) FROM seen) AS seen_count
"""

WAITING = """
SELECT event_id AS id, type, video_id::text AS video_id, course_id, user_id, occurred_at,
    payload::text AS payload, attempts,
    extract(epoch FROM due_at - clock_timestamp())::double precision AS due_in_s
FROM webhook_deliveries WHERE webhook_id = %s AND died_at IS NULL
ORDER BY event_id LIMIT %s
"""

DEAD = """
SELECT event_id AS id, type, video_id::text AS video_id, course_id, user_id, occurred_at,
    payload::text AS payload, attempts, failure, died_at
FROM webhook_deliveries
WHERE webhook_id = %s AND died_at IS NOT NULL AND event_id > %s
ORDER BY event_id LIMIT %s
"""

DELIVERED = """
WITH gone AS (
    DELETE FROM webhook_deliveries WHERE webhook_id = %(id)s AND event_id = ANY(%(event_ids)s)
)
UPDATE webhooks SET last_delivered_at = clock_timestamp() WHERE id = %(id)s
"""

SKIPPED = "DELETE FROM webhook_deliveries WHERE webhook_id = %s AND event_id = ANY(%s)"

# `attempts` tells whether another process has tried meanwhile, after this one lost its ownership.
FAILED = """
UPDATE webhook_deliveries SET attempts = attempts + 1, failure = %(failure)s,
    due_at = clock_timestamp() + make_interval(secs => coalesce(%(pause_s)s, 0)),
    died_at = CASE WHEN %(pause_s)s::double precision IS NULL THEN clock_timestamp() END
WHERE webhook_id = %(id)s AND event_id = %(event_id)s AND attempts = %(attempts)s
"""

RESEND = """
WITH again AS (
    UPDATE webhook_deliveries SET attempts = 0, due_at = clock_timestamp(), died_at = NULL
    WHERE webhook_id = %(id)s AND died_at IS NOT NULL AND event_id = ANY(ARRAY(
        SELECT event_id FROM webhook_deliveries
        WHERE webhook_id = %(id)s AND died_at IS NOT NULL
          AND (%(event_ids)s::bigint[] IS NULL OR event_id = ANY(%(event_ids)s))
        ORDER BY event_id LIMIT %(limit)s
    ))
    RETURNING event_id
)
SELECT count(*) AS resent FROM again
"""

DELETE_GIVEN_UP = """
DELETE FROM webhook_deliveries WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM webhook_deliveries WHERE webhook_id = %s AND died_at IS NOT NULL
    ORDER BY event_id LIMIT %s FOR UPDATE SKIP LOCKED
))
RETURNING 1
"""

DELETE_DEAD = """
WITH old AS (
    SELECT ctid FROM webhook_deliveries WHERE died_at < %s ORDER BY died_at LIMIT %s
), gone AS (
    DELETE FROM webhook_deliveries WHERE ctid = ANY(ARRAY(SELECT ctid FROM old)) RETURNING event_id
)
SELECT count(*) AS deleted FROM gone
"""

# The newest of a day are kept, or a receiver that is away would fill the disk.
_RESCUED = f"""
WITH behind AS MATERIALIZED (
    SELECT id, types, added_after, position FROM webhooks
    WHERE position < (SELECT max(id) FROM {{table}} WHERE recorded_at < %(before)s) FOR UPDATE
), passed AS MATERIALIZED (
    SELECT behind.id AS webhook_id, e.id AS event_id,
        row_number() OVER (PARTITION BY behind.id ORDER BY e.id DESC) AS place
    FROM behind JOIN {{table}} e ON e.id > behind.position AND e.type = ANY(behind.types)
    WHERE e.recorded_at < %(before)s
      AND e.id > coalesce((behind.added_after ->> e.type)::bigint, 0)
), rescued AS (
    INSERT INTO webhook_deliveries (webhook_id, event_id, {EVENT}, failure, died_at)
    SELECT webhook_id, event_id, {EVENT}, %(failure)s, clock_timestamp()
    FROM passed JOIN {{table}} e ON e.id = event_id WHERE place <= %(most)s
    ON CONFLICT DO NOTHING
)
UPDATE webhooks w SET {{moved}} lost_count = lost_count + (
    SELECT count(*) FROM passed WHERE passed.webhook_id = w.id AND place > %(most)s
)
FROM behind WHERE w.id = behind.id
"""
RESCUE = _RESCUED.format(
    table="event_log",
    moved="""
    position = least(
        (SELECT max(id) FROM event_log WHERE recorded_at < %(before)s),
        (SELECT min(id) FROM event_log WHERE recorded_at >= %(before)s AND id > behind.position) - 1
    ),""",
)


async def take(transaction: Transaction, webhook_id: str, limit: int) -> int:
    """Copy the next events that the webhook wants; returns how many were looked at."""
    row = await transaction.fetch_one(
        TAKE, {"id": webhook_id, "most": MOST_WAITING, "limit": limit}
    )
    return int(row.seen_count) if row else 0


async def list_waiting(queries: Queries, webhook_id: str, limit: int) -> list[Row]:
    """The oldest that wait, as rows of the log with `attempts` and `due_in_s`."""
    return await queries.fetch_all(WAITING, (webhook_id, limit))


async def list_dead(queries: Queries, webhook_id: str, *, after_id: int, limit: int) -> list[Row]:
    """Deliveries given up, as rows of the log with `attempts`, `failure` and `died_at`."""
    return await queries.fetch_all(DEAD, (webhook_id, after_id, limit))


async def forget_delivered(
    transaction: Transaction, webhook_id: str, event_ids: Sequence[int]
) -> None:
    parameters = {"id": webhook_id, "event_ids": list(event_ids)}
    await transaction.execute(DELIVERED, parameters)


async def forget_unsent(
    transaction: Transaction, webhook_id: str, event_ids: Sequence[int]
) -> None:
    """Delete what need not be sent."""
    await transaction.execute(SKIPPED, (webhook_id, list(event_ids)))


async def note_failure(
    transaction: Transaction,
    webhook_id: str,
    event_id: int,
    *,
    attempts: int,
    failure: str,
    pause_s: float | None,
) -> None:
    """Postpone the next attempt by `pause_s`, or give up when that is None. `attempts` are those
    before this one."""
    await transaction.execute(
        FAILED,
        {
            "id": webhook_id,
            "event_id": event_id,
            "attempts": attempts,
            "failure": failure,
            "pause_s": pause_s,
        },
    )


async def resend(
    transaction: Transaction, webhook_id: str, event_ids: Sequence[int] | None, limit: int
) -> int:
    """Have dead ones wait again, all of them without `event_ids`; returns how many."""
    ids = None if event_ids is None else list(event_ids)
    row = await transaction.fetch_one(RESEND, {"id": webhook_id, "event_ids": ids, "limit": limit})
    return int(row.resent) if row else 0


async def delete_dead(transaction: Transaction, before: datetime, limit: int) -> int:
    """Delete those that died before then; returns how many."""
    row = await transaction.fetch_one(DELETE_DEAD, (before, limit))
    return int(row.deleted) if row else 0


async def delete_given_up(transaction: Transaction, webhook_id: str, limit: int) -> int:
    """Delete some of a webhook's dead ones, but those that another process is deleting; returns
    how many."""
    return len(await transaction.fetch_all(DELETE_GIVEN_UP, (webhook_id, limit)))


async def rescue(transaction: Transaction, before: datetime) -> None:
    """Keep what webhooks have not taken yet of the days that are about to be dropped, and move
    them past these, but not past an event that stays: after a clock was set back it may have a
    lower id."""
    await transaction.execute(RESCUE, _rescue_parameters(before))


async def rescue_strays(transaction: Transaction, table: str, before: datetime) -> None:
    """Like `rescue`, of events that lie among others which stay: no webhook is moved past those."""
    sql = _RESCUED.format(table=table, moved="")
    await transaction.execute(sql, _rescue_parameters(before))


def _rescue_parameters(before: datetime) -> dict[str, Any]:
    return {"before": before, "failure": PASSED, "most": MOST_RESCUED}
