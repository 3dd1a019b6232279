"""Order of the modules of a course and of the videos of a module, as a teacher sets it.

Each is one transaction with its events in the log: all of them move, or none.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar
from uuid import UUID

from db import positions
from db.pool import Database
from db.videos import videos
from events.courses.positions import changed_positions
from events.errors import OrderMismatch
from events.log import log
from events.log.snapshots import video_event
from events.log.types import VideoUpdated

Key = TypeVar("Key")


async def order_modules(
    database: Database, course_id: str, order: Sequence[str]
) -> dict[str, int | None]:
    """Returns the positions in the new order. Raises: OrderMismatch, DatabaseError."""
    async with database.transaction() as transaction:
        present = await positions.of_modules(transaction, course_id)
        changed = _changed(present, order)
        if changed:
            await positions.set_modules(transaction, changed)
    return _in_order(present, changed, order)


async def order_videos(
    database: Database, module_id: str, order: Sequence[UUID], user_id: str
) -> dict[UUID, int | None]:
    """Returns the positions in the new order; each video that got another one is published as
    changed by the user. Raises: OrderMismatch, DatabaseError.
    """
    async with database.transaction() as transaction:
        present = await positions.of_videos(transaction, module_id)
        changed = _changed(present, order)
        if changed:
            await positions.set_videos(transaction, changed)
            found = await videos.list_matching(transaction, module_id=module_id)
            moved = [video for video in found if video.id in changed]
            events = [video_event(VideoUpdated, video, user_id) for video in moved]
            await log.append(transaction, events)
    return _in_order(present, changed, order)


def _changed(present: Mapping[Key, int | None], order: Sequence[Key]) -> dict[Key, int]:
    if len(order) != len(present) or set(order) != set(present):
        raise OrderMismatch
    return changed_positions(present, order)


def _in_order(
    present: Mapping[Key, int | None], changed: Mapping[Key, int], order: Sequence[Key]
) -> dict[Key, int | None]:
    return {key: changed.get(key, present[key]) for key in order}
