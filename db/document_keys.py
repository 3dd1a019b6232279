"""Public keys by which signed documents are verified."""

from dataclasses import dataclass

from db.pool import Database, Queries

ADD = "INSERT INTO document_keys (kid, public_x) VALUES (%s, %s) ON CONFLICT DO NOTHING"

LIST_ALL = "SELECT kid, public_x FROM document_keys ORDER BY created_at DESC, kid LIMIT %s"

MOST_KEYS = 100  # the secret is changed once in a while


@dataclass(frozen=True, slots=True)
class DocumentKey:
    kid: str
    public_x: str


async def add(database: Database, kid: str, public_x: str) -> None:
    async with database.transaction() as transaction:
        await transaction.execute(ADD, (kid, public_x))


async def list_all(queries: Queries) -> list[DocumentKey]:
    rows = await queries.fetch_all(LIST_ALL, (MOST_KEYS,))
    return [DocumentKey(row.kid, row.public_x) for row in rows]
