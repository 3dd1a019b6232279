"""Positions: where a module stands in its course, and a video in its module."""

from collections.abc import Mapping
from uuid import UUID

from db.pool import Queries, Transaction

# The row above is locked first, so that two orders of the same things come one after the other.
LOCK_COURSE = "SELECT FROM courses WHERE id = %s FOR NO KEY UPDATE"
LOCK_MODULE = "SELECT FROM modules WHERE id = %s FOR NO KEY UPDATE"

MODULES = """
SELECT id, position FROM modules WHERE course_id = %s AND deleted_at IS NULL ORDER BY position, id
"""

VIDEOS = """
SELECT id, position FROM videos
WHERE module_id = %s AND deleted_at IS NULL ORDER BY position, created_at, id FOR UPDATE
"""

SET_MODULES = """
UPDATE modules SET position = new.position, updated_at = now()
FROM unnest(%(ids)s::text[], %(positions)s::integer[]) AS new (id, position)
WHERE modules.id = new.id
"""

SET_VIDEOS = """
UPDATE videos SET position = new.position, updated_at = now()
FROM unnest(%(ids)s::uuid[], %(positions)s::integer[]) AS new (id, position)
WHERE videos.id = new.id
"""

SET_VIDEO = """
UPDATE videos SET position = %(position)s, updated_at = now()
WHERE id = %(id)s AND deleted_at IS NULL AND position IS DISTINCT FROM %(position)s RETURNING id
"""


async def of_modules(transaction: Transaction, course_id: str) -> dict[str, int | None]:
    """Positions of a course's modules in their order; none of them changes before the commit."""
    await transaction.fetch_all(LOCK_COURSE, (course_id,))
    rows = await transaction.fetch_all(MODULES, (course_id,))
    return {row.id: row.position for row in rows}


async def of_videos(transaction: Transaction, module_id: str) -> dict[UUID, int | None]:
    """Positions of a module's videos in their order; none of them changes before the commit."""
    await transaction.fetch_all(LOCK_MODULE, (module_id,))
    rows = await transaction.fetch_all(VIDEOS, (module_id,))
    return {row.id: row.position for row in rows}


async def set_modules(transaction: Transaction, positions: Mapping[str, int]) -> None:
    parameters = {"ids": list(positions), "positions": list(positions.values())}
    await transaction.execute(SET_MODULES, parameters)


async def set_videos(transaction: Transaction, positions: Mapping[UUID, int]) -> None:
    parameters = {"ids": list(positions), "positions": list(positions.values())}
    await transaction.execute(SET_VIDEOS, parameters)


async def set_video(queries: Queries, video_id: UUID, position: int | None) -> bool:
    """False when the position is unchanged or the video is deleted."""
    parameters = {"id": video_id, "position": position}
    return await queries.fetch_one(SET_VIDEO, parameters) is not None
