"""Switches modules between playing from S3 and from the imported file.

One transaction per object. Files and objects stay in place; only the active source switches, so
switching back fetches nothing.
"""

from collections.abc import Collection

from db.pool import Database, Transaction
from db.takeover import references
from db.takeover.references import SwitchedModule
from db.videos import videos
from events.log import log
from events.log.snapshots import video_event
from events.log.types import VideoUpdated


async def switch_source(
    database: Database,
    *,
    is_local: bool,
    module_ids: Collection[str] | None = None,
    bucket: str | None = None,
    prefix: str = "",
) -> list[str]:
    """Switches the given modules, by default all; returns the ids of those that changed."""
    switched: list[str] = []
    for object_id, modules in await references.switchable(
        database, is_local=is_local, module_ids=module_ids, bucket=bucket, prefix=prefix
    ):
        async with database.transaction() as transaction:
            found = await references.switch(transaction, object_id, modules, is_local=is_local)
            await _append_updates(transaction, found)
        switched += [one.module_id for one in found]
    return switched


async def _append_updates(transaction: Transaction, switched: list[SwitchedModule]) -> None:
    found = [await videos.get(transaction, one.video_id) for one in switched if one.video_id]
    if events := [video_event(VideoUpdated, video, video.uploaded_by) for video in found if video]:
        await log.append(transaction, events)
