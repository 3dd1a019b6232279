"""Before anything is fetched from S3, every module that is to show it has a video that plays there.

Some modules a transaction, which is small enough to be no one's burden and large enough to be soon
done with thousands. Announced again, a module keeps its video, and what was seen of it.
"""

from collections.abc import Sequence
from itertools import islice

from db import courses, videos
from db.pool import Database, Transaction
from db.takeover import announced
from db.takeover.announced import Announcement
from events.errors import NotTaken, was_deleted
from events.log import log
from events.log.snapshots import video_event
from events.log.types import VideoReady

MODULES_AT_ONCE = 50


async def announce(database: Database, wanted: Sequence[Announcement]) -> dict[str, NotTaken]:
    """By module, why it cannot have a video."""
    faults: dict[str, NotTaken] = {}
    waiting = iter(wanted)
    while batch := list(islice(waiting, MODULES_AT_ONCE)):
        async with database.transaction() as transaction:
            found = await _faults(transaction, batch)
            await _announce(transaction, [one for one in batch if one.module_id not in found])
        faults |= found
    return faults


async def _faults(transaction: Transaction, batch: Sequence[Announcement]) -> dict[str, NotTaken]:
    """Found out before anything is made for the module."""
    module_ids = [one.module_id for one in batch]
    course_of = await announced.courses_of(transaction, module_ids)
    elsewhere = {
        one.module_id: NotTaken(
            "unusable", f"the module {one.module_id} stands under another course here"
        )
        for one in batch
        if course_of.get(one.module_id, one.course_id) != one.course_id
    }
    gone = await announced.gone(transaction, module_ids)
    return elsewhere | {module_id: was_deleted() for module_id in gone}


async def _announce(transaction: Transaction, batch: Sequence[Announcement]) -> None:
    """Also tell of those that are new: from now on they can be watched."""
    new = []
    for one in batch:
        await _have_module(transaction, one)
        new.append(await announced.announce(transaction, one))
    found = [await videos.get(transaction, video_id) for video_id in new if video_id is not None]
    if events := [video_event(VideoReady, video, video.uploaded_by) for video in found if video]:
        await log.append(transaction, events)


async def _have_module(transaction: Transaction, one: Announcement) -> None:
    """What is there keeps its title and its place."""
    if await courses.get_course(transaction, one.course_id) is None:
        await courses.put_course(transaction, one.course_id, one.course_id)
    if await courses.get_module(transaction, one.module_id) is None:
        await courses.put_module(transaction, one.course_id, one.module_id, one.title, one.position)
