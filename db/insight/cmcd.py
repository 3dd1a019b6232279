"""Sessions that media requests report (CMCD): their sums, stored beside those of reports."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from db.pool import Transaction
from db.progress.report_batch import MEASURES

# Locked in the order of their keys; a session that reports by itself counts by its reports.
LOCK_AND_READ = f"""
INSERT INTO cmcd_sessions (user_id, video_id, session_id)
SELECT k.user_id, k.video_id, k.session_id
FROM json_to_recordset(%(keys)s) AS k (user_id text, video_id uuid, session_id text)
JOIN videos v ON v.id = k.video_id
WHERE NOT EXISTS (
    SELECT FROM playback_sessions s WHERE s.user_id = k.user_id AND s.video_id = k.video_id
      AND s.session_id = k.session_id AND {MEASURES} IS NOT NULL
)
ORDER BY k.user_id, k.video_id, k.session_id
ON CONFLICT DO NOTHING;

SELECT c.user_id, c.video_id::text AS video_id, c.session_id,
    (c.started_at AT TIME ZONE 'UTC')::date AS day, c.measures::text AS measures,
    EXISTS (
        SELECT FROM playback_sessions s WHERE s.user_id = c.user_id AND s.video_id = c.video_id
          AND s.session_id = c.session_id AND {MEASURES} IS NOT NULL
    ) AS has_reports
FROM cmcd_sessions c
WHERE (c.user_id, c.video_id, c.session_id) IN (
    SELECT user_id, video_id, session_id FROM json_to_recordset(%(keys)s)
        AS k (user_id text, video_id uuid, session_id text)
)
ORDER BY c.user_id, c.video_id, c.session_id FOR UPDATE
"""

WRITE = """
UPDATE cmcd_sessions c SET measures = w.measures, last_at = clock_timestamp()
FROM json_to_recordset(%s) AS w (
    user_id text, video_id uuid, session_id text, measures jsonb
)
WHERE c.user_id = w.user_id AND c.video_id = w.video_id AND c.session_id = w.session_id
"""

DELETE_OLD = """
DELETE FROM cmcd_sessions WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM cmcd_sessions
    WHERE started_at < %s ORDER BY started_at LIMIT %s FOR UPDATE SKIP LOCKED
))
RETURNING 1
"""


class CmcdKey(msgspec.Struct, frozen=True, order=True):
    user_id: str
    video_id: UUID
    session_id: str


@dataclass(frozen=True, slots=True)
class StoredSession:
    """`day` is that on which it began; `measures` are JSON, None for a new one. `has_reports`: it
    measures by reports since."""

    day: date
    measures: str | None
    has_reports: bool


async def lock_and_read(
    transaction: Transaction, keys: Iterable[CmcdKey]
) -> dict[CmcdKey, StoredSession]:
    """Adds the sessions that are new; those of missing videos are left out."""
    rows = await transaction.fetch_all(LOCK_AND_READ, {"keys": _json(sorted(keys))})
    return {
        CmcdKey(row.user_id, UUID(row.video_id), row.session_id): StoredSession(
            row.day, row.measures, row.has_reports
        )
        for row in rows
    }


async def write(transaction: Transaction, sessions: Mapping[CmcdKey, msgspec.Struct]) -> None:
    rows = [
        {**msgspec.structs.asdict(key), "measures": msgspec.structs.asdict(measures)}
        for key, measures in sessions.items()
    ]
    await transaction.execute(WRITE, (_json(rows),))


async def delete_old(transaction: Transaction, before: datetime, limit: int) -> int:
    """Deletes sessions that began before that; returns their number."""
    return len(await transaction.fetch_all(DELETE_OLD, (before, limit)))


def _json(values: Any) -> str:
    return msgspec.json.encode(values).decode()
