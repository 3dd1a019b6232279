"""References go to and fro between S3 and what was taken over: per object, in one transaction.

Files and objects stay where they are, so nothing is fetched when a reference comes back.
"""

from collections.abc import Collection

from db import videos
from db.pool import Database, Transaction
from db.takeover import references
from db.takeover.references import SwitchedModule
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
    """The modules that show the other place from now on; without `module_ids` all that can."""
    switched: list[str] = []
    for object_id, modules in await references.switchable(
        database, is_local=is_local, module_ids=module_ids, bucket=bucket, prefix=prefix
    ):
        async with database.transaction() as transaction:
            found = await references.switch(transaction, object_id, modules, is_local=is_local)
            await _tell(transaction, found)
        switched += [one.module_id for one in found]
    return switched


async def _tell(transaction: Transaction, switched: list[SwitchedModule]) -> None:
    found = [await videos.get(transaction, one.video_id) for one in switched if one.video_id]
    if events := [video_event(VideoUpdated, video, video.uploaded_by) for video in found if video]:
        await log.append(transaction, events)
