"""Announcement of an import: gives each module a video that plays from S3, before any fetch.

Modules are announced in batches, a transaction each: short locks, yet thousands finish quickly.
Announcing again keeps the module's video and its progress.
"""

from collections.abc import Sequence
from itertools import islice

from db import courses
from db.pool import Database, Transaction
from db.takeover import announcements
from db.takeover.announcements import Announcement
from db.videos import videos
from events.errors import NotTaken, deleted_video_fault
from events.log import log
from events.log.snapshots import video_event
from events.log.types import VideoReady

MODULES_AT_ONCE = 50


async def announce(database: Database, wanted: Sequence[Announcement]) -> dict[str, NotTaken]:
    """Announces the modules; returns, by module id, why one cannot have a video."""
    faults: dict[str, NotTaken] = {}
    waiting = iter(wanted)
    while batch := list(islice(waiting, MODULES_AT_ONCE)):
        async with database.transaction() as transaction:
            found = await _faults(transaction, batch)
            await _announce(transaction, [one for one in batch if one.module_id not in found])
        faults |= found
    return faults


async def _faults(transaction: Transaction, batch: Sequence[Announcement]) -> dict[str, NotTaken]:
    """Checks the modules before anything is created for them."""
    module_ids = [one.module_id for one in batch]
    course_of = await announcements.read_courses(transaction, module_ids)
    elsewhere = {
        one.module_id: NotTaken(
            "unusable", f"the module {one.module_id} stands under another course here"
        )
        for one in batch
        if course_of.get(one.module_id, one.course_id) != one.course_id
    }
    gone = await announcements.list_deleted(transaction, module_ids)
    return elsewhere | {module_id: deleted_video_fault() for module_id in gone}


async def _announce(transaction: Transaction, batch: Sequence[Announcement]) -> None:
    """Appends VideoReady for new videos, which can be watched from S3."""
    new = []
    for one in batch:
        await _have_module(transaction, one)
        new.append(await announcements.announce(transaction, one))
    found = [await videos.get(transaction, video_id) for video_id in new if video_id is not None]
    if events := [video_event(VideoReady, video, video.uploaded_by) for video in found if video]:
        await log.append(transaction, events)


async def _have_module(transaction: Transaction, one: Announcement) -> None:
    """Creates the course and module if missing; existing ones keep title and position."""
    if await courses.get_course(transaction, one.course_id) is None:
        await courses.put_course(transaction, one.course_id, one.course_id)
    if await courses.get_module(transaction, one.module_id) is None:
        await courses.put_module(transaction, one.course_id, one.module_id, one.title, one.position)
