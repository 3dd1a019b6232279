"""Recounts watched intervals when a video's duration becomes known, or changes with its film."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from db.pool import Transaction

# The video first: a viewer's first report waits for it, or has been committed. Then the viewers in
# the order in which reports lock them.
LOCK = """
SELECT FROM videos WHERE id = %(video_id)s FOR UPDATE;
SELECT FROM progress WHERE video_id = %(video_id)s ORDER BY user_id FOR UPDATE;
"""

# As in report_batch.WRITE.
RECOUNT = """
WITH measured AS MATERIALIZED (
    SELECT p.user_id, p.completed_at AS before, s.seen, l.seen_s, d.duration_s
    FROM progress p JOIN videos v ON v.id = p.video_id
    CROSS JOIN LATERAL (
        SELECT greatest(round(v.duration_s::numeric, 2), 0.01) AS duration_s
    ) AS d
    CROSS JOIN LATERAL (
        SELECT p.watched * nummultirange(numrange(0, d.duration_s)) AS seen
    ) AS s
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(upper(piece) - lower(piece)), 0) AS seen_s FROM unnest(s.seen) AS piece
    ) AS l
    WHERE p.video_id = %(video_id)s
)
UPDATE progress p SET
    watched = CASE WHEN %(cuts_watched)s THEN m.seen ELSE p.watched END,
    watched_s = m.seen_s,
    watched_ratio = least(m.seen_s / m.duration_s, 1),
    completed_at = coalesce(
        p.completed_at,
        CASE WHEN m.seen_s / m.duration_s >= %(completion_ratio)s THEN now() END
    ),
    updated_at = now()
FROM measured m
WHERE p.video_id = %(video_id)s AND p.user_id = m.user_id
RETURNING p.user_id, p.position_s, p.watched_ratio, p.position_session_id,
    m.before IS NULL AND p.completed_at IS NOT NULL AS is_completed_now
"""


@dataclass(frozen=True, slots=True)
class Completion:
    """A viewer who now completes it; `session_id` is None if no session sent a position."""

    user_id: str
    position_s: float
    watched_ratio: float
    session_id: str | None


async def recount(
    transaction: Transaction, video_id: UUID, completion_ratio: float, *, cuts_watched: bool
) -> list[Completion]:
    """Compute ratios from what lies within the duration; returns the new completions.

    `cuts_watched`: what lies beyond it is forgotten.
    """
    facts: dict[str, Any] = {
        "video_id": str(video_id),
        "completion_ratio": completion_ratio,
        "cuts_watched": cuts_watched,
    }
    await transaction.execute(LOCK, facts)
    rows = await transaction.fetch_all(RECOUNT, facts)
    return [
        Completion(row.user_id, row.position_s, row.watched_ratio, row.position_session_id)
        for row in sorted(rows, key=lambda row: row.user_id)
        if row.is_completed_now
    ]
