"""Erasures under way: looked at again until nothing of the person can arrive any more."""

from dataclasses import dataclass
from uuid import UUID, uuid4

from db.pool import Queries, Transaction

ADD = "INSERT INTO erasures (id, sealed_user_id) VALUES (%s, %s)"

LIST = """
SELECT id::text, sealed_user_id, requested_at < now() - make_interval(secs => %s) AS is_over
FROM erasures ORDER BY requested_at LIMIT 100
"""

DELETE = "DELETE FROM erasures WHERE id = %s"


@dataclass(frozen=True, slots=True)
class Erasure:
    """`is_over`: what was under way at the request has ended."""

    id: UUID
    sealed_user_id: str
    is_over: bool


async def add(transaction: Transaction, sealed_user_id: str) -> None:
    await transaction.execute(ADD, (str(uuid4()), sealed_user_id))


async def list_all(queries: Queries, over_after_s: float) -> list[Erasure]:
    rows = await queries.fetch_all(LIST, (over_after_s,))
    return [Erasure(UUID(row.id), row.sealed_user_id, row.is_over) for row in rows]


async def delete(transaction: Transaction, erasure_id: UUID) -> None:
    await transaction.execute(DELETE, (str(erasure_id),))
