"""Bytes served, per UTC day, video, user and purpose."""

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple
from uuid import UUID

import msgspec

from db.pool import Queries, Transaction

# In key order, so that two processes with the same rows never deadlock. Nothing is added when the
# writer's row shows that this batch was committed before.
ADD = """
WITH fresh AS (
    INSERT INTO bytes_served_writers AS w (id, batch_number) VALUES (%s, %s)
    ON CONFLICT (id) DO UPDATE SET batch_number = excluded.batch_number, written_at = now()
    WHERE w.batch_number < excluded.batch_number
    RETURNING id
)
INSERT INTO bytes_served AS b (day, course_id, video_id, user_id, purpose, bytes)
SELECT day, course_id, video_id, user_id, purpose, bytes
FROM json_to_recordset(%s) AS added (
    day date, course_id text, video_id uuid, user_id text, purpose text, bytes bigint
)
WHERE EXISTS (SELECT FROM fresh)
ORDER BY day, course_id, video_id, user_id, purpose
ON CONFLICT (day, course_id, video_id, user_id, purpose)
DO UPDATE SET bytes = b.bytes + excluded.bytes
"""

SENT_TO = """
SELECT coalesce(sum(bytes), 0)::bigint AS bytes FROM bytes_served
WHERE user_id = %s AND video_id = %s AND purpose IN ('stream', 'download')
"""

DELETE_BEFORE = """
DELETE FROM bytes_served WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM bytes_served WHERE day < %s ORDER BY day LIMIT %s FOR UPDATE SKIP LOCKED
))
RETURNING 1
"""

DELETE_WRITERS_BEFORE = "DELETE FROM bytes_served_writers WHERE written_at < %s"


class Account(NamedTuple):
    """Key of a row of bytes served; the fields are the table's columns."""

    day: date
    course_id: str
    video_id: UUID
    user_id: str
    purpose: str


async def add(
    transaction: Transaction, writer_id: UUID, batch_number: int, amounts: Mapping[Account, int]
) -> None:
    """Add a batch; no effect if this batch or a later one of the writer was added before."""
    rows = [{**account._asdict(), "bytes": size_bytes} for account, size_bytes in amounts.items()]
    await transaction.execute(
        ADD, (str(writer_id), batch_number, msgspec.json.encode(rows).decode())
    )


async def sent_to(queries: Queries, user_id: str, video_id: UUID) -> int:
    """Returns the bytes of a video that were sent to a user on the days that are kept."""
    row = await queries.fetch_one(SENT_TO, (user_id, str(video_id)))
    return max(0, row.bytes) if row else 0


async def delete_before(transaction: Transaction, day: date, limit: int) -> int:
    """Delete rows of earlier days, and writers not active since; returns the number of rows."""
    await transaction.execute(DELETE_WRITERS_BEFORE, (day,))
    return len(await transaction.fetch_all(DELETE_BEFORE, (day, limit)))
