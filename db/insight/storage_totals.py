"""Totals of storage by course: changes moved into them, compared with the files' rows, corrected.

Triggers insert a change for each file that is stored or removed. Totals and changes together are
exact in every snapshot, so moving a change is no more than tidiness.
"""

from dataclasses import dataclass

from db.advisory_locks import AdvisoryLock, lock_until_commit
from db.pool import Queries, Transaction

LOCK = lock_until_commit(AdvisoryLock.STORAGE_TOTALS)

FOLD = """
WITH taken AS (
    DELETE FROM storage_changes WHERE ctid = ANY(ARRAY(SELECT ctid FROM storage_changes LIMIT %s))
    RETURNING course_id, bytes
), added AS (
    INSERT INTO storage_of_courses AS s (course_id, bytes)
    SELECT course_id, sum(bytes) FROM taken GROUP BY course_id
    ON CONFLICT (course_id) DO UPDATE SET bytes = s.bytes + excluded.bytes
)
SELECT count(*) FROM taken
"""

DIFFERENCES = "SELECT course_id, recorded_bytes, counted_bytes FROM storage_differences"

# A change of what the total lacks, so that other changes may come at the same time.
CORRECT = f"""
WITH found AS MATERIALIZED ({DIFFERENCES}), corrected AS (
    INSERT INTO storage_changes (course_id, bytes)
    SELECT course_id, counted_bytes - recorded_bytes FROM found
)
SELECT course_id, recorded_bytes, counted_bytes FROM found
"""


@dataclass(frozen=True, slots=True)
class StorageDifference:
    """A course whose total is not the sum over its files."""

    course_id: str
    recorded_bytes: int
    counted_bytes: int


async def fold(transaction: Transaction, limit: int) -> int:
    """Move up to `limit` changes into the totals; returns their number."""
    await transaction.execute(LOCK)
    [row] = await transaction.fetch_all(FOLD, (limit,))
    return int(row.count)


async def list_differences(queries: Queries) -> list[StorageDifference]:
    return [StorageDifference(*row) for row in await queries.fetch_all(DIFFERENCES)]


async def correct(transaction: Transaction) -> list[StorageDifference]:
    """Correct the totals that differ, and return them."""
    await transaction.execute(LOCK)
    return [StorageDifference(*row) for row in await transaction.fetch_all(CORRECT)]
