"""Reads positions and watched intervals of users in videos.

They are written by `report_batch`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from db.pool import Queries, Row

STATE = """
p.position_s, p.watched_s, p.watched_ratio, p.watched::text AS watched, p.completed_at, p.updated_at
"""

GET = f"SELECT {STATE} FROM progress p WHERE user_id = %s AND video_id = %s"

LIST_FOR_COURSE = f"""
SELECT p.video_id, p.user_id, p.created_at, {STATE}
FROM progress p JOIN videos v ON v.id = p.video_id AND v.deleted_at IS NULL
WHERE p.course_id = %(course_id)s {{narrowed}}
ORDER BY p.created_at, p.video_id, p.user_id LIMIT %(limit)s
"""
OF_USER = "AND p.user_id = %(user_id)s"
AFTER = "AND (p.created_at, p.video_id, p.user_id) > (%(created_at)s, %(video_id)s, %(after_user)s)"

STATES_OF_VIDEOS = f"""
SELECT p.video_id, {STATE} FROM progress p
WHERE user_id = %s AND video_id = ANY(%s::uuid[])
"""

_AS_JSON = str.maketrans("{)}", "[]]")
_pieces = msgspec.json.Decoder(tuple[tuple[float, float], ...]).decode


class ProgressState(msgspec.Struct, frozen=True):
    """The state that a report is answered with; `position_s` is the float that a report sent.

    `is_capped` belongs to one report: not all that it claims was counted.
    """

    position_s: float
    watched_s: float
    watched_ratio: float
    watched: tuple[tuple[float, float], ...]
    completed_at: datetime | None
    updated_at: datetime
    is_capped: bool = False

    @property
    def completed(self) -> bool:
        return self.completed_at is not None


@dataclass(frozen=True, slots=True)
class CourseProgress:
    """One user's state in one video; the first three fields are its position in the list."""

    created_at: datetime
    video_id: UUID
    user_id: str
    state: ProgressState


ListPosition = tuple[
    datetime, UUID, str
]  # created_at, video_id, user_id of the last item of a page


async def get(queries: Queries, user_id: str, video_id: UUID) -> ProgressState | None:
    row = await queries.fetch_one(GET, (user_id, str(video_id)))
    return build_state(row) if row else None


async def list_for_course(
    queries: Queries, course_id: str, user_id: str | None, after: ListPosition | None, limit: int
) -> list[CourseProgress]:
    """Progress of all users, or of one, in the order of their first reports."""
    narrowed = [OF_USER] if user_id is not None else []
    parameters: dict[str, Any] = {"course_id": course_id, "user_id": user_id, "limit": limit}
    if after is not None:
        narrowed.append(AFTER)
        created_at, video_id, after_user = after
        parameters |= {
            "created_at": created_at,
            "video_id": str(video_id),
            "after_user": after_user,
        }
    sql = LIST_FOR_COURSE.format(narrowed=" ".join(narrowed))
    rows = await queries.fetch_all(sql, parameters)
    return [
        CourseProgress(row.created_at, UUID(str(row.video_id)), row.user_id, build_state(row))
        for row in rows
    ]


async def list_states(
    queries: Queries, user_id: str, video_ids: Iterable[UUID]
) -> dict[UUID, ProgressState]:
    """States of the videos that the user has reported on."""
    rows = await queries.fetch_all(STATES_OF_VIDEOS, (user_id, [str(one) for one in video_ids]))
    return {UUID(str(row.video_id)): build_state(row) for row in rows}


def build_state(row: Row) -> ProgressState:
    return ProgressState(
        row.position_s,
        row.watched_s,
        row.watched_ratio,
        parse_pieces(row.watched),
        row.completed_at,
        row.updated_at,
    )


def parse_pieces(multirange: str) -> tuple[tuple[float, float], ...]:
    """Parse a nummultirange in PostgreSQL's text form, `{[0.00,2.50),[7.00,9.00)}`."""
    return _pieces(multirange.translate(_AS_JSON))
