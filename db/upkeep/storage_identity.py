"""Pairing of this database with its storage: each records the other's id."""

from dataclasses import dataclass

from db.pool import Queries, Transaction

READ = """
SELECT instance_id AS storage_id, database_id, cluster_identity() AS cluster_id
FROM storage_identity
"""

REMEMBER = """
INSERT INTO storage_identity (instance_id, database_id) VALUES (%s, gen_random_uuid()::text)
ON CONFLICT DO NOTHING
"""

# For an installation older than the id.
COMPLETE = (
    "UPDATE storage_identity SET database_id = gen_random_uuid()::text WHERE database_id IS NULL"
)

ADOPT = """
INSERT INTO storage_identity (instance_id, database_id) VALUES (%s, gen_random_uuid()::text)
ON CONFLICT (is_only_row) DO UPDATE SET
    instance_id = excluded.instance_id, database_id = excluded.database_id, held_strays = 0
"""

FORGET = "DELETE FROM storage_identity WHERE database_id = %s"

NOTE_STRAYS = "UPDATE storage_identity SET held_strays = %s WHERE held_strays <> %s"

HELD_STRAYS = "SELECT held_strays FROM storage_identity"


@dataclass(frozen=True, slots=True)
class KnownStorage:
    """`cluster_id` identifies the PostgreSQL cluster, empty where the role may not read it."""

    storage_id: str
    database_id: str | None
    cluster_id: str


async def read_known(queries: Queries) -> KnownStorage | None:
    """None when no storage was ever recorded."""
    row = await queries.fetch_one(READ)
    return KnownStorage(row.storage_id, row.database_id, row.cluster_id) if row else None


async def record(transaction: Transaction, storage_id: str) -> KnownStorage:
    """Record the storage unless one is recorded, and give a database without an id one."""
    await transaction.execute(REMEMBER, (storage_id,))
    await transaction.execute(COMPLETE)
    return await _existing(transaction)


async def adopt(transaction: Transaction, storage_id: str) -> KnownStorage:
    """Record this storage in place of any other, under a new id of the database."""
    await transaction.execute(ADOPT, (storage_id,))
    return await _existing(transaction)


async def forget(transaction: Transaction, database_id: str) -> None:
    """Delete the record, unless it has another database id."""
    await transaction.execute(FORGET, (database_id,))


async def set_held_strays(transaction: Transaction, count: int) -> None:
    """Record the number of files without a row that the last sweep left in place."""
    await transaction.execute(NOTE_STRAYS, (count, count))


async def read_held_strays(queries: Queries) -> int:
    row = await queries.fetch_one(HELD_STRAYS)
    return int(row.held_strays) if row else 0


async def _existing(transaction: Transaction) -> KnownStorage:
    found = await read_known(transaction)
    assert found is not None
    return found
