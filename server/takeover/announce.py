"""Announcement step of an import: its modules play from S3 before the first byte is fetched."""

from collections.abc import Sequence

from db.pool import Database
from db.takeover.announcements import Announcement
from db.takeover.legacy import LegacyModule
from events.takeover.announce import announce
from events.takeover.object_import import IMPORTER, filename_of
from server.takeover.inventory import Entry
from storage.s3.objects import S3Object

PLAYABLE = ("found", "too-large")  # too large for an import, but playable from S3


async def announce_entries(
    database: Database, entries: Sequence[Entry], endpoint_url: str | None, region: str | None
) -> list[Entry]:
    """Announces the playable entries; returns all, marking those failed that were refused.

    The server needs endpoint and region later to sign URLs.
    """
    wanted = [
        _announcement(entry.module, entry.object, endpoint_url, region)
        for entry in entries
        if entry.state in PLAYABLE and entry.object
    ]
    faults = await announce(database, wanted)
    return [
        entry.failed(faults[entry.module.id])
        if entry.state in PLAYABLE and entry.module.id in faults
        else entry
        for entry in entries
    ]


def _announcement(
    module: LegacyModule, found: S3Object, endpoint_url: str | None, region: str | None
) -> Announcement:
    return Announcement(
        module_id=module.id,
        course_id=module.course_id,
        title=module.title,
        position=module.position,
        video_url=module.video_url,
        bucket=found.location.bucket,
        key=found.location.key,
        etag=found.etag,
        size_bytes=found.size_bytes,
        endpoint_url=endpoint_url,
        region=region,
        filename=filename_of(found.location.key),
        uploaded_by=IMPORTER,
    )
