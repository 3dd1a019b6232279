"""Ledger of the takeover from S3: progress of each object, and the video that each module shows.

Objects are identified by bucket and key. An object whose content has changed is begun anew.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from db.pool import Queries, Row, Transaction


@dataclass(frozen=True, slots=True)
class ImportedObject:
    """`fetched` are the pieces, `[start, stop)`, that are durable on disk."""

    id: UUID
    size_bytes: int
    fetched: tuple[tuple[int, int], ...]
    sha256: str | None
    refused_for: str | None


BEGIN = """
INSERT INTO s3_objects AS o (id, bucket, key, etag, size_bytes)
VALUES (%(id)s, %(bucket)s, %(key)s, %(etag)s, %(size)s)
ON CONFLICT (bucket, key) DO UPDATE SET
    etag = excluded.etag, size_bytes = excluded.size_bytes, fetched = '{}', sha256 = NULL,
    verified_by = NULL, refused_for = NULL, started_at = now(), fetched_at = NULL,
    is_finished = false
WHERE o.is_finished OR (o.etag, o.size_bytes) IS DISTINCT FROM (excluded.etag, excluded.size_bytes)
   OR o.fetched = '{}' AND o.refused_for IS NULL  -- announced long ago, and begun only now
"""

SELECT = """
SELECT bucket, key, id, size_bytes, sha256, refused_for, (
    SELECT json_agg(json_build_array(lower(piece), upper(piece))) FROM unnest(fetched) AS piece
) AS fetched
FROM s3_objects
"""

GET = SELECT + "WHERE bucket = %(bucket)s AND key = %(key)s"

BEGUN = (
    SELECT
    + """
JOIN unnest(%s::text[], %s::text[], %s::text[], %s::bigint[])
    AS asked (bucket, key, etag, size_bytes) USING (bucket, key, etag, size_bytes)
WHERE NOT is_finished
"""
)

ADD_FETCHED = """
UPDATE s3_objects SET fetched = fetched + int8multirange(int8range(%s, %s)) WHERE id = %s
"""

FORGET_FETCHED = """
UPDATE s3_objects SET fetched = '{}', sha256 = NULL, fetched_at = NULL WHERE id = %s
"""

SET_VERIFIED = """
UPDATE s3_objects SET sha256 = %s, verified_by = %s, fetched_at = now() WHERE id = %s
"""

REFUSE = "UPDATE s3_objects SET refused_for = %s WHERE id = %s"

TAKE = """
UPDATE s3_modules m SET taken_at = now(), is_local = true,
    etag = o.etag, size_bytes = o.size_bytes, sha256 = o.sha256
FROM s3_objects o
WHERE m.module_id = %s AND m.object_id = %s AND m.taken_at IS NULL AND o.id = m.object_id
RETURNING m.video_id
"""

TAKEN = """
SELECT module_id FROM s3_modules WHERE module_id = ANY(%s) AND taken_at IS NOT NULL
"""

FINISH = "UPDATE s3_objects SET is_finished = true WHERE id = %s"

# An import that was not resumed for a month can be started anew: no user sees its file.
UNFINISHED = """
SELECT id FROM s3_objects
WHERE id = ANY(%s::uuid[]) AND refused_for IS NULL AND NOT is_finished
  AND started_at > now() - interval '30 days'
"""


async def begin(
    transaction: Transaction, bucket: str, key: str, etag: str, size_bytes: int
) -> ImportedObject:
    """The object with its progress; reset when its content has changed."""
    facts: dict[str, Any] = {
        "id": uuid4(),
        "bucket": bucket,
        "key": key,
        "etag": etag,
        "size": size_bytes,
    }
    await transaction.execute(BEGIN, facts)
    return _build_object(await transaction.fetch_one(GET, facts))


async def add_fetched(transaction: Transaction, object_id: UUID, start: int, stop: int) -> None:
    await transaction.execute(ADD_FETCHED, (start, stop, object_id))


async def clear_fetched(transaction: Transaction, object_id: UUID) -> None:
    """Forget the fetched pieces: the bytes on disk are not the object's."""
    await transaction.execute(FORGET_FETCHED, (object_id,))


async def set_verified(
    transaction: Transaction, object_id: UUID, sha256: str, verified_by: str
) -> None:
    await transaction.execute(SET_VERIFIED, (sha256, verified_by, object_id))


async def refuse(transaction: Transaction, object_id: UUID, reason: str) -> None:
    """Record that these bytes are refused and not to be fetched again."""
    await transaction.execute(REFUSE, (reason, object_id))


async def take_over(transaction: Transaction, module_id: str, object_id: UUID) -> UUID | None:
    """Have the module show its video, which is locked until the transaction ends.

    None when it shows it already, or waits for another object.
    """
    row = await transaction.fetch_one(TAKE, (module_id, object_id))
    return UUID(str(row.video_id)) if row else None


async def finish(transaction: Transaction, object_id: UUID) -> None:
    """Mark the object finished: every requested module shows it."""
    await transaction.execute(FINISH, (object_id,))


async def list_taken(queries: Queries, module_ids: Collection[str]) -> set[str]:
    """Filter for the modules that were taken over."""
    return {row.module_id for row in await queries.fetch_all(TAKEN, (list(module_ids),))}


async def list_begun(
    queries: Queries, objects: Sequence[tuple[str, str, str, int]]
) -> dict[tuple[str, str], ImportedObject]:
    """Objects that are partly fetched or refused, and unchanged, by bucket and key."""
    columns = [list(column) for column in zip(*objects, strict=True)] or [[], [], [], []]
    rows = await queries.fetch_all(BEGUN, columns)
    return {(row.bucket, row.key): _build_object(row) for row in rows}


async def list_unfinished(queries: Queries, object_ids: Sequence[UUID]) -> set[UUID]:
    """Filter for the objects whose files are still needed."""
    rows = await queries.fetch_all(UNFINISHED, ([str(one) for one in object_ids],))
    return {UUID(str(row.id)) for row in rows}


def _build_object(row: Row) -> ImportedObject:
    pieces = tuple((start, stop) for start, stop in row.fetched or ())
    return ImportedObject(UUID(str(row.id)), row.size_bytes, pieces, row.sha256, row.refused_for)
