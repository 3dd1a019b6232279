"""Webhooks: where events go, which types, and how far the log has been looked through for each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from db.courses import PutOutcome
from db.pool import Queries, Transaction

Kind = Literal["webhook", "xapi"]

MOST_WEBHOOKS = 100
MOST_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class Webhook:
    """`sealed_secret` is what `events.privacy.seal` made of the secret."""

    id: str
    kind: Kind
    url: str
    types: Sequence[str]
    sealed_secret: str
    lost_count: int
    last_delivered_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Backlog:
    """Numbers of events that wait, and that were given up; up to `MOST_COUNTED` each."""

    waiting: int
    dead: int


COLUMNS = """
id, kind, url, types, sealed_secret, lost_count, last_delivered_at, created_at, updated_at
"""

GET = f"SELECT {COLUMNS} FROM webhooks WHERE id = %s"

LIST = f"SELECT {COLUMNS} FROM webhooks ORDER BY created_at, id"

LIST_PAGE = f"""
SELECT {COLUMNS} FROM webhooks
WHERE (created_at, id) > (%s, %s) ORDER BY created_at, id LIMIT %s
"""

COUNT = "SELECT count(*) AS webhooks FROM webhooks"

# A new one, and a type that is added to one, begins with the next event: excluded.position is that
# of a new one. `secret` NULL keeps the one that is there.
PUT = """
WITH before AS (SELECT FROM webhooks WHERE id = %(id)s)
INSERT INTO webhooks AS w (id, kind, url, types, sealed_secret, position)
SELECT %(id)s, %(kind)s, %(url)s, %(types)s, coalesce(%(secret)s, ''),
    greatest(dropped_id, thinned_id, packed_id, (SELECT max(id) FROM event_log))
FROM event_log_retention
ON CONFLICT (id) DO UPDATE SET url = excluded.url, types = excluded.types,
    sealed_secret = coalesce(%(secret)s, w.sealed_secret), updated_at = now(),
    added_after = (
        SELECT coalesce(jsonb_object_agg(type, after_id), '{}')
        FROM unnest(excluded.types) AS type, LATERAL (
            SELECT CASE WHEN type = ANY(w.types) THEN (w.added_after ->> type)::bigint
                ELSE excluded.position END AS after_id
        ) AS added
        WHERE after_id > w.position
    )
    WHERE %(secret)s IS NOT NULL
       OR (w.url, w.types) IS DISTINCT FROM (excluded.url, excluded.types)
RETURNING CASE WHEN EXISTS (SELECT FROM before) THEN 'changed' ELSE 'created' END AS outcome
"""

DELETE = "DELETE FROM webhooks WHERE id = %s RETURNING id"

BACKLOG = """
SELECT
    (SELECT count(*) FROM (SELECT FROM webhook_deliveries
        WHERE webhook_id = %(id)s AND died_at IS NULL LIMIT %(most)s) AS w) AS waiting,
    (SELECT count(*) FROM (SELECT FROM webhook_deliveries
        WHERE webhook_id = %(id)s AND died_at IS NOT NULL LIMIT %(most)s) AS d) AS dead
"""


async def get(queries: Queries, webhook_id: str) -> Webhook | None:
    row = await queries.fetch_one(GET, (webhook_id,))
    return Webhook(*row) if row else None


async def list_all(queries: Queries) -> list[Webhook]:
    return [Webhook(*row) for row in await queries.fetch_all(LIST)]


async def list_page(queries: Queries, *, after: tuple[datetime, str], limit: int) -> list[Webhook]:
    return [Webhook(*row) for row in await queries.fetch_all(LIST_PAGE, (*after, limit))]


async def count(queries: Queries) -> int:
    row = await queries.fetch_one(COUNT)
    return int(row.webhooks) if row else 0


async def put(
    transaction: Transaction,
    webhook_id: str,
    kind: Kind,
    url: str,
    types: Sequence[str],
    sealed_secret: str | None,
) -> PutOutcome:
    """Create or change; `sealed_secret` None keeps the one that is there."""
    row = await transaction.fetch_one(
        PUT,
        {
            "id": webhook_id,
            "kind": kind,
            "url": url,
            "types": list(types),
            "secret": sealed_secret,
        },
    )
    return PutOutcome(row.outcome) if row else PutOutcome.UNCHANGED


async def delete(transaction: Transaction, webhook_id: str) -> bool:
    """Delete it with all that waits for it, in one statement. False when there was none."""
    return await transaction.fetch_one(DELETE, (webhook_id,)) is not None


async def read_backlog(queries: Queries, webhook_id: str) -> Backlog:
    row = await queries.fetch_one(BACKLOG, {"id": webhook_id, "most": MOST_COUNTED})
    assert row is not None  # counts only
    return Backlog(row.waiting, row.dead)
