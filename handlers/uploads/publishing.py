"""From received bytes to a video: what they are is judged, then the row is made.

Shared by both ways of uploading. The file has its place before its row: a crash in between leaves a
stray file only.
"""

from contextlib import suppress
from pathlib import Path
from uuid import UUID

from aiohttp import web

from db import videos
from db.errors import CommitUnknown, DatabaseError
from db.videos import MediaFacts, NewVideo, Video
from events.media import pipeline
from events.media.renditions import media_facts
from handlers import keys
from handlers.errors import UnsupportedMediaType
from storage.errors import StorageError
from storage.videos import remove_video


async def judge(app: web.Application, path: Path) -> MediaFacts:
    """What the file is by its content. Raises UnsupportedMediaType, the media errors of storage."""
    settings = app[keys.UPLOAD_SETTINGS]
    found = await app[keys.SANDBOX].examine(path, settings.media_limits)
    if found.container not in settings.allowed_formats:
        raise UnsupportedMediaType(f"{found.container} files are not accepted here.")
    return media_facts(found.container, found.probe)


async def enter(app: web.Application, new: NewVideo, upload_id: UUID) -> Video | None:
    """Make the published file of a video its row.

    None, and no file either, when the module is gone. Raises: CommitUnknown, DatabaseError.
    """
    try:
        video = await pipeline.enter(app[keys.DATABASE], new, upload_id)
    except CommitUnknown:
        return await _perhaps_entered(app, new.id)
    except DatabaseError:
        await _unpublish(app, new)
        raise
    if video is None:
        await _unpublish(app, new)
    return video


async def _perhaps_entered(app: web.Application, video_id: UUID) -> Video:
    """The video if its commit took place after all.

    Raises: CommitUnknown. The file stays then: a row that nobody can see yet may name it, and the
    reconcile takes it when none does.
    """
    try:
        video = await videos.get(app[keys.DATABASE], video_id)
    except DatabaseError as exc:
        raise CommitUnknown from exc
    if video is None:
        raise CommitUnknown
    return video


async def _unpublish(app: web.Application, new: NewVideo) -> None:
    """Take back a file that no row names; what cannot be removed now the reconcile takes."""
    storage, disk = app[keys.STORAGE], app[keys.DISK]
    with suppress(StorageError):
        await disk.run(remove_video, storage, new.course_id, new.id)
