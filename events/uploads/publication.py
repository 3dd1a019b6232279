"""Publication of received bytes as a video, or as another film for one: examined, put in place,
inserted as a row.

Both ways of uploading end here. The file has its place before its row: a crash in between leaves
only a stray file, which the reconcile removes.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import UUID

from db.errors import CommitUnknown, DatabaseError
from db.pool import Database
from db.uploads.uploads import Upload
from db.videos import videos
from db.videos.replacements import NewReplacement
from db.videos.video import NewVideo, ReceivedFile, Video
from events.media import pipeline, replacements
from events.media.served_files import media_facts
from events.media.traces import Traces
from events.uploads.settings import UploadSettings
from storage.disk import Disk
from storage.errors import StorageError
from storage.paths import StoragePaths, original_name
from storage.receiving.partials import PartialFile
from storage.receiving.uploads import UploadFile
from storage.sandbox.children import Sandbox
from storage.videos import publish_original, publish_partial, remove_asset, remove_video

NewFilm = NewVideo | NewReplacement


class Publication:
    def __init__(
        self,
        database: Database,
        storage: StoragePaths,
        disk: Disk,
        sandbox: Sandbox,
        settings: UploadSettings,
        traces: Traces | None = None,
    ) -> None:
        self._database = database
        self._storage = storage
        self._disk = disk
        self._sandbox = sandbox
        self._settings = settings
        self._traces = traces or Traces()

    async def examine(
        self, path: Path, size_bytes: int, filename: str, user_id: str
    ) -> ReceivedFile:
        """A user's file by its content. Raises: RefusedFormat, the media errors."""
        settings, sandbox = self._settings, self._sandbox.for_owner(user_id)
        found = await sandbox.examine(path, settings.media_limits, settings.allowed_formats)
        return ReceivedFile(filename, found.source, media_facts(found.probe), size_bytes, user_id)

    async def publish_whole(
        self, file: UploadFile, new: NewFilm, upload_id: UUID, began_ns: int
    ) -> Video | None:
        """Publish the file and insert its row; None, and no file either, if the module is gone, or
        the video that the film is for. The upload began at `began_ns`.

        Raises: StorageError, CommitUnknown, DatabaseError.
        """
        with self._traced(new, began_ns):
            await publish_original(self._storage, file, new.course_id, *_place(new), self._disk)
            return await self._enter(new, upload_id)

    async def publish_resumed(self, file: PartialFile, new: NewFilm, held: Upload) -> Video | None:
        """Like `publish_whole`; the file also keeps its own name, and None also for one fenced."""
        with self._traced(new, int(held.created_at.timestamp() * 1e9)):
            await self._disk.run_to_its_end(
                publish_partial, self._storage, file.path, new.course_id, *_place(new)
            )
            return await self._enter(new, held.id, held.holder)

    @contextmanager
    def _traced(self, new: NewFilm, began_ns: int) -> Iterator[None]:
        """Begins the video's trace with its upload; the block publishes it."""
        video_id, _ = _place(new)
        self._traces.note(video_id, "upload", began_ns, time.time_ns())
        with self._traces.of(video_id), self._traces.step("publish"):
            yield

    async def _enter(
        self, new: NewFilm, upload_id: UUID, holder: int | None = None
    ) -> Video | None:
        try:
            if isinstance(new, NewVideo):
                video = await pipeline.enter(self._database, new, upload_id, holder)
            else:
                video = await replacements.enter(self._database, new, upload_id, holder)
        except CommitUnknown:
            return await self._perhaps_entered(new)
        except DatabaseError:
            await self._unpublish(new)
            raise
        if video is None:
            await self._unpublish(new)
        return video

    async def _perhaps_entered(self, new: NewFilm) -> Video:
        """The video, if the film's commit took place after all.

        Raises: CommitUnknown. The file stays then: a row that is not visible yet may name it, and
        otherwise the reconcile removes it.
        """
        try:
            video = await videos.get(self._database, _place(new)[0])
        except DatabaseError as exc:
            raise CommitUnknown from exc
        if video is None or not _is_of(video, new):
            raise CommitUnknown
        return video

    async def _unpublish(self, new: NewFilm) -> None:
        """Remove a file without a row; if that fails, the reconcile removes it."""
        video_id, name = _place(new)
        with suppress(StorageError):
            if isinstance(new, NewVideo):
                await self._disk.run(remove_video, self._storage, new.course_id, video_id)
            else:
                await self._disk.run(remove_asset, self._storage, new.course_id, video_id, name)


def _place(new: NewFilm) -> tuple[UUID, str]:
    """The video that the file belongs to, and its name there."""
    if isinstance(new, NewVideo):
        return new.id, original_name(new.file.source_format)
    return new.video_id, original_name(new.file.source_format, new.id)


def _is_of(video: Video, new: NewFilm) -> bool:
    if isinstance(new, NewVideo):
        return video.id == new.id
    return video.replacement is not None and video.replacement.id == new.id
