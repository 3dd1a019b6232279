"""Publication of received bytes as a video: examined, put in place, entered as a row.

Both ways of uploading end here. The file has its place before its row: a crash in between leaves a
stray file only, which the reconcile takes.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from db import videos
from db.errors import CommitUnknown, DatabaseError
from db.pool import Database
from db.videos import MediaFacts, NewVideo, Video
from events.media import pipeline
from events.media.renditions import media_facts
from events.uploads.settings import UploadSettings
from storage.disk import Disk
from storage.errors import StorageError
from storage.partials import PartialFile
from storage.paths import StoragePaths
from storage.sandbox.children import Sandbox
from storage.uploads import UploadFile
from storage.videos import publish_original, publish_partial, remove_video


@dataclass(frozen=True, slots=True)
class Received:
    """What a received file is by its content."""

    source_format: str
    media: MediaFacts


class Publication:
    def __init__(
        self,
        database: Database,
        storage: StoragePaths,
        disk: Disk,
        sandbox: Sandbox,
        settings: UploadSettings,
    ) -> None:
        self._database = database
        self._storage = storage
        self._disk = disk
        self._sandbox = sandbox
        self._settings = settings

    async def examine(self, path: Path) -> Received:
        """The facts of the file by its content. Raises: RefusedFormat, the media errors."""
        settings = self._settings
        found = await self._sandbox.examine(path, settings.media_limits, settings.allowed_formats)
        return Received(found.source, media_facts(found.probe))

    async def publish_whole(self, file: UploadFile, new: NewVideo, upload_id: UUID) -> Video | None:
        """Give the file its place and its row; None, and no file either, without the module.

        Raises: StorageError, CommitUnknown, DatabaseError.
        """
        extension = new.source_format
        await publish_original(self._storage, file, new.course_id, new.id, extension, self._disk)
        return await self._enter(new, upload_id)

    async def publish_resumed(
        self, file: PartialFile, new: NewVideo, upload_id: UUID
    ) -> Video | None:
        """As `publish_whole`; the file keeps the name that it has beside the new one."""
        await self._disk.run_to_its_end(
            publish_partial, self._storage, file.path, new.course_id, new.id, new.source_format
        )
        return await self._enter(new, upload_id)

    async def _enter(self, new: NewVideo, upload_id: UUID) -> Video | None:
        try:
            video = await pipeline.enter(self._database, new, upload_id)
        except CommitUnknown:
            return await self._perhaps_entered(new.id)
        except DatabaseError:
            await self._unpublish(new)
            raise
        if video is None:
            await self._unpublish(new)
        return video

    async def _perhaps_entered(self, video_id: UUID) -> Video:
        """The video if its commit took place after all.

        Raises: CommitUnknown. The file stays then: a row that nobody can see yet may name it, and
        the reconcile takes it when none does.
        """
        try:
            video = await videos.get(self._database, video_id)
        except DatabaseError as exc:
            raise CommitUnknown from exc
        if video is None:
            raise CommitUnknown
        return video

    async def _unpublish(self, new: NewVideo) -> None:
        """Take back a file that no row names; the reconcile takes what cannot be removed now."""
        with suppress(StorageError):
            await self._disk.run(remove_video, self._storage, new.course_id, new.id)
