"""Names of playback sessions that clients chose, and what is known of a session that is named."""

from dataclasses import dataclass
from datetime import datetime

from db.pool import Database, Queries, Transaction
from db.progress.report_batch import SessionKey

READ = """
SELECT clock_timestamp() AS now, s.last_sequence, n.named_at IS NOT NULL AS has_name
FROM (VALUES (%s, %s::uuid, %s)) AS k (user_id, video_id, session_id)
LEFT JOIN playback_sessions s USING (user_id, video_id, session_id)
LEFT JOIN playback_session_names n USING (user_id, video_id, session_id)
"""

ADD = """
INSERT INTO playback_session_names (user_id, video_id, session_id) VALUES (%s, %s, %s)
ON CONFLICT DO NOTHING
"""

DELETE_OLD = """
DELETE FROM playback_session_names WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM playback_session_names
    WHERE named_at < %s ORDER BY named_at LIMIT %s FOR UPDATE SKIP LOCKED
))
RETURNING 1
"""


@dataclass(frozen=True, slots=True)
class KnownSession:
    """`next_sequence` is 0 for a session without reports; `is_known`: reported or named before."""

    next_sequence: int
    is_known: bool
    read_at: datetime


async def read(queries: Queries, key: SessionKey) -> KnownSession:
    row = await queries.fetch_one(READ, _parameters(key))
    assert row is not None
    has_reported = row.last_sequence is not None
    next_sequence = row.last_sequence + 1 if has_reported else 0
    return KnownSession(next_sequence, has_reported or row.has_name, row.now)


async def add(database: Database, key: SessionKey) -> None:
    """Names a session now; one that has a name keeps it."""
    async with database.transaction() as transaction:
        await transaction.execute(ADD, _parameters(key))


async def delete_old(transaction: Transaction, before: datetime, limit: int) -> int:
    """Deletes names given before that; returns their number."""
    return len(await transaction.fetch_all(DELETE_OLD, (before, limit)))


def _parameters(key: SessionKey) -> tuple[str, str, str]:
    return key.user_id, str(key.video_id), key.session_id
