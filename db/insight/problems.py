"""Problems of a service that its operator may want to look at, the newest first.

Nothing is stored for them: they are what other tables say of videos, renditions and deliveries.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from db.pool import Queries

MOST_DEAD = 1_000  # deliveries of a webhook that are counted

Kind = Literal["video", "replacement", "rendition", "webhook"]

# A rendition says once for all of its heights what failed; a webhook says what the last of the
# events failed with, and counts no further than is worth a look.
PROBLEMS = """
SELECT 'video' AS kind, v.id::text AS subject_id, v.course_id, v.title, v.failure_code AS code,
    v.failure_detail AS detail, 1 AS count, v.updated_at AS at
FROM videos v WHERE v.status = 'failed' AND v.deleted_at IS NULL
UNION ALL
SELECT 'replacement', v.id::text, v.course_id, v.title, r.failure_code, r.failure_detail, 1, NULL
FROM replacements r JOIN videos v ON v.id = r.video_id AND v.deleted_at IS NULL
WHERE r.failure_code IS NOT NULL
UNION ALL
SELECT 'rendition', v.id::text, v.course_id, v.title, min(r.failure_code), min(r.failure_detail),
    count(*), l.updated_at
FROM rungs r JOIN ladders l ON l.video_id = r.video_id
JOIN videos v ON v.id = r.video_id AND v.deleted_at IS NULL
WHERE r.state = 'failed' GROUP BY v.id, l.updated_at
UNION ALL
SELECT 'webhook', w.id, NULL, NULL, NULL, newest.failure, counted.dead, newest.died_at
FROM webhooks w CROSS JOIN LATERAL (
    SELECT d.failure, d.died_at FROM webhook_deliveries d
    WHERE d.webhook_id = w.id AND d.died_at IS NOT NULL ORDER BY d.event_id DESC LIMIT 1
) AS newest CROSS JOIN LATERAL (
    SELECT count(*) AS dead FROM (
        SELECT FROM webhook_deliveries d
        WHERE d.webhook_id = w.id AND d.died_at IS NOT NULL LIMIT %(most_dead)s
    ) AS dead
) AS counted
ORDER BY at DESC NULLS LAST, subject_id LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class ServiceProblem:
    """`subject_id` is of a video or a webhook; `count` how many renditions, or deliveries up to
    `MOST_DEAD`."""

    kind: Kind
    subject_id: str
    course_id: str | None
    title: str | None
    code: str | None
    detail: str | None
    count: int
    at: datetime | None


async def list_problems(queries: Queries, limit: int) -> list[ServiceProblem]:
    parameters = {"limit": limit, "most_dead": MOST_DEAD}
    return [ServiceProblem(*row) for row in await queries.fetch_all(PROBLEMS, parameters)]
