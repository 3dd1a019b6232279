"""Moments of playback sessions: what their players said, and what the server saw."""

from collections.abc import Collection, Iterable, Sequence
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

# The server's bear the session of the grant, or none. One that never reported is of a player that
# names its sessions by itself, so what was seen then may be of this session.
READ = """
SELECT m.at, m.kind, m.details FROM session_moments m
WHERE m.user_id = %(user_id)s AND m.video_id = %(video_id)s
  AND m.at >= %(since)s AND m.at <= %(until)s
  AND (m.session_id IN ('', %(session_id)s) OR (m.kind IN ('served', 'refused') AND NOT EXISTS (
    SELECT FROM playback_sessions s WHERE s.user_id = m.user_id AND s.video_id = m.video_id
      AND s.session_id = m.session_id
  )))
ORDER BY m.at, m.id LIMIT %(limit)s
"""

# The people whom these processes waited for at each of some times, of those who reported stalls.
WAITING = """
SELECT asked.place, count(DISTINCT m.user_id) AS people
FROM unnest(%(since)s::timestamptz[], %(until)s::timestamptz[]) WITH ORDINALITY
    AS asked (since, until, place)
JOIN session_moments m ON m.at >= asked.since AND m.at <= asked.until
WHERE m.kind = 'served' AND m.user_id <> '' AND m.details->>'process' = ANY(%(processes)s)
  AND (m.details->>'waited_for_client_s')::float8 >= 1
GROUP BY asked.place
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


async def count_waiting(
    queries: Queries, spans: Sequence[tuple[datetime, datetime]], processes: Collection[str]
) -> list[int]:
    """Returns for each span of time the number of people who waited for their bytes in it, of
    those who have reported stalls and were served by these processes."""
    parameters = {
        "since": [since for since, _ in spans],
        "until": [until for _, until in spans],
        "processes": list(processes),
    }
    rows = await queries.fetch_all(WAITING, parameters)
    found = {row.place: row.people for row in rows}
    return [found.get(place, 0) for place in range(1, len(spans) + 1)]


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
