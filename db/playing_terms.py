"""Terms on which users may play videos, read for many of them at once.

One statement returns all that a press of the play button needs of the present: the enrolment, the
progress, the clock, and the version of the video's facts, by which a copy of them is known to be
true.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from db.pool import Queries

# Not the watched seconds: a long set of them costs more to read than everything else together.
# LIMIT keeps each a look-up by key, however many are asked: joined freely, hundreds of viewers make
# PostgreSQL read a table of enrolments from end to end.
READ = """
SELECT v.course_id, coalesce(n.event_id, 0) AS video_version, e.role,
    CASE WHEN e.role IS NOT NULL THEN e.version END AS enrollment_version, p.position_s,
    p.completed_at IS NOT NULL AS is_completed, clock_timestamp() AS read_at
FROM unnest(%s::text[], %s::uuid[]) WITH ORDINALITY AS asked (user_id, video_id, place)
LEFT JOIN LATERAL (
    SELECT id, course_id FROM videos WHERE id = asked.video_id AND deleted_at IS NULL LIMIT 1
) v ON true
LEFT JOIN LATERAL (
    SELECT event_id FROM video_versions WHERE video_id = v.id LIMIT 1
) n ON true
LEFT JOIN LATERAL (
    SELECT role, version FROM enrollments
    WHERE course_id = v.course_id AND user_id = asked.user_id LIMIT 1
) e ON true
LEFT JOIN LATERAL (
    SELECT position_s, completed_at FROM progress
    WHERE user_id = asked.user_id AND video_id = v.id LIMIT 1
) p ON true
ORDER BY asked.place
"""


class Viewing(NamedTuple):
    """A user who wants to play a video."""

    user_id: str
    video_id: UUID


class PlayingTerms(msgspec.Struct, frozen=True):
    """A row of the statement.

    `course_id` is None for a video that does not exist, or no longer; `role` is None, and
    `enrollment_version`, for a user who is not enrolled; `position_s` is None before the first
    report. `read_at` is the database's clock.
    """

    course_id: str | None
    video_version: int
    role: str | None
    enrollment_version: int | None
    position_s: float | None
    is_completed: bool
    read_at: datetime


async def read(queries: Queries, viewings: Sequence[Viewing]) -> list[PlayingTerms]:
    """Returns the terms of each, in order."""
    user_ids = [one.user_id for one in viewings]
    video_ids = [str(one.video_id) for one in viewings]
    return [PlayingTerms(*row) for row in await queries.fetch_all(READ, (user_ids, video_ids))]
