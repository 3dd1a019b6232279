"""Imported viewer positions: those that would change stored progress, and completion marks.

Positions themselves are stored by `report_batch`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from db.pool import Queries, Transaction

# A position in percent needs the duration.
LECTURES = """
SELECT m.module_id, m.video_id, v.course_id, v.duration_s
FROM s3_modules m JOIN videos v ON v.id = m.video_id AND v.deleted_at IS NULL
WHERE v.duration_s IS NOT NULL
"""

CHANGING = """
SELECT k.place - 1 AS place
FROM ROWS FROM (json_to_recordset(%s) AS (
    user_id text, video_id uuid, position_at timestamptz, seen_s numeric, completed_at timestamptz
)) WITH ORDINALITY AS k (user_id, video_id, position_at, seen_s, completed_at, place)
LEFT JOIN progress p ON p.user_id = k.user_id AND p.video_id = k.video_id
WHERE p.position_at IS NULL OR k.position_at > p.position_at
   OR NOT p.watched @> nummultirange(numrange(0, k.seen_s))
   OR (k.completed_at IS NOT NULL AND p.completed_at IS NULL)
ORDER BY place
"""

COMPLETE = """
UPDATE progress p SET completed_at = k.completed_at, updated_at = now()
FROM json_to_recordset(%s) AS k (user_id text, video_id uuid, completed_at timestamptz)
WHERE p.user_id = k.user_id AND p.video_id = k.video_id AND p.completed_at IS NULL
  AND k.completed_at IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Lecture:
    """The video that was taken over for a module."""

    video_id: UUID
    course_id: str
    duration_s: float


class ViewerPosition(msgspec.Struct, frozen=True):
    """A user's position at a time; all before `seen_s` (rounded to 10 ms) counts as watched."""

    user_id: str
    course_id: str
    video_id: UUID
    position_s: float
    position_at: datetime
    seen_s: float
    completed_at: datetime | None


async def list_lectures(queries: Queries) -> dict[str, Lecture]:
    """Videos that were taken over and still exist, by module."""
    return {
        row.module_id: Lecture(UUID(str(row.video_id)), row.course_id, row.duration_s)
        for row in await queries.fetch_all(LECTURES)
    }


async def list_changing(queries: Queries, places: Sequence[ViewerPosition]) -> list[ViewerPosition]:
    """Filter for the positions that are new, newer, or add watched time."""
    rows = await queries.fetch_all(CHANGING, (_json(places),))
    return [places[row.place] for row in rows]


async def mark_completed(transaction: Transaction, places: Sequence[ViewerPosition]) -> None:
    """Mark completion where a position has it; existing completion stays."""
    await transaction.execute(COMPLETE, (_json(places),))


def _json(places: Sequence[ViewerPosition]) -> str:
    return msgspec.json.encode(places).decode()
