"""Moments of playback sessions: what their players said, and what the server saw."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from db.pool import Queries, Transaction
from db.progress.report_batch import Moment

# What is of a video that is gone meanwhile is left out.
ADD = """
INSERT INTO session_moments (user_id, video_id, session_id, at, kind, details)
SELECT m.user_id, m.video_id, m.session_id, m.at, m.kind, m.details
FROM json_to_recordset(%s) AS m (
    user_id text, video_id uuid, session_id text, at timestamptz, kind text, details jsonb
)
JOIN videos v ON v.id = m.video_id
"""

# The server's are of the viewer: those of the time of a session are of that session.
READ = """
SELECT at, kind, details FROM session_moments
WHERE user_id = %(user_id)s AND video_id = %(video_id)s AND at >= %(since)s AND at <= %(until)s
  AND session_id IN ('', %(session_id)s)
ORDER BY at, id LIMIT %(limit)s
"""

STALLS_AFTER = """
SELECT id, user_id, video_id::text AS video_id FROM session_moments
WHERE id > %s AND kind = 'stalled' ORDER BY id LIMIT %s
"""

NEWEST = "SELECT coalesce(max(id), 0) AS newest FROM session_moments WHERE kind = 'stalled'"

DELETE_OLD = """
DELETE FROM session_moments WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM session_moments WHERE at < %s ORDER BY at LIMIT %s FOR UPDATE SKIP LOCKED
))
RETURNING 1
"""


@dataclass(frozen=True, slots=True)
class ReadMoment:
    at: datetime
    kind: str
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ReportedStall:
    id: int
    user_id: str
    video_id: UUID


async def add(transaction: Transaction, moments: Iterable[Moment]) -> None:
    rows = msgspec.json.encode(list(moments)).decode()
    await transaction.execute(ADD, (rows,))


async def read(
    queries: Queries,
    user_id: str,
    video_id: UUID,
    session_id: str,
    since: datetime,
    until: datetime,
    limit: int,
) -> list[ReadMoment]:
    """Moments of a session in their order, and the server's of that time."""
    parameters = {
        "user_id": user_id,
        "video_id": str(video_id),
        "session_id": session_id,
        "since": since,
        "until": until,
        "limit": limit,
    }
    rows = await queries.fetch_all(READ, parameters)
    return [ReadMoment(row.at, row.kind, row.details) for row in rows]


async def list_stalls_after(queries: Queries, after_id: int, limit: int) -> Sequence[ReportedStall]:
    rows = await queries.fetch_all(STALLS_AFTER, (after_id, limit))
    return [ReportedStall(row.id, row.user_id, UUID(row.video_id)) for row in rows]


async def newest_stall(queries: Queries) -> int:
    row = await queries.fetch_one(NEWEST)
    assert row is not None
    return int(row.newest)


async def delete_old(transaction: Transaction, before: datetime, limit: int) -> int:
    """Deletes moments before that; returns their number."""
    return len(await transaction.fetch_all(DELETE_OLD, (before, limit)))
