"""From an uploaded file to a video that can be watched: what follows what, and what is told of it.

`enter` makes row, event and job in one transaction. The job remuxes where the index stands at the
end, hashes, makes JPEG pictures, and then the video is `ready`; further pictures follow. Every step
may run again: a worker that was killed costs the step it was in.
"""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from db import assets, jobs, space, uploads, videos
from db.assets import RepresentationRow, ThumbnailRow
from db.pool import Database, Transaction
from db.videos import NewVideo, Video
from events import log, pictures
from events.pictures import Pictures, PictureSettings
from events.scratch import scratch_directory
from events.snapshots import told
from events.types import (
    VideoFailed,
    VideoProcessing,
    VideoReady,
    VideoUploaded,
)
from storage.errors import FINAL, StorageFull, Undecodable
from storage.hashing import sha256_file
from storage.paths import StoragePaths, asset_name, original_name
from storage.sandbox import Sandbox
from storage.sniff import Container, is_fragmented, moov_is_last
from storage.videos import adopt_asset, link_asset, remove_asset

PROCESS_VIDEO = "process_video"
QUEUE = "media"

# Adding pictures to videos of an older version can wait for what was uploaded just now.
LEISURELY = -1
QUEUED_AT_ONCE = 200

# The share of the work that is done once a step has ended, as `processing_ratio` shows it.
SERVED_RATIO, HASHED_RATIO, PICTURED_RATIO = 0.4, 0.7, 0.9


class Unplayable(Undecodable):
    """Browsers cannot play these codecs, and converting them is not supported yet."""


async def enter(database: Database, new: NewVideo, upload_id: UUID) -> Video | None:
    """Make a stored file a video: its row, its job and the event, or none of them.

    From the commit on its size counts as used, and no longer as reserved for the upload.
    None when the module it was sent to is gone.
    Raises: CommitUnknown when it may have become one, any other DatabaseError when it has not.
    """
    async with database.transaction() as transaction:
        if not await videos.insert(transaction, new):
            return None
        video = await _existing(transaction, new.id)
        await enqueue(transaction, new.id)
        await space.release(transaction, upload_id)
        await uploads.complete(transaction, upload_id, new.id)
        await log.append(transaction, [told(VideoUploaded, video, video.uploaded_by)])
    return video


async def enqueue(transaction: Transaction, video_id: UUID, *, priority: int = 0) -> None:
    """Have a worker take up the video; a job too many does no harm."""
    name = str(video_id)
    await jobs.defer(
        transaction, PROCESS_VIDEO, {"video_id": name}, queue=QUEUE, lock=name, priority=priority
    )


async def enqueue_unpictured(database: Database) -> None:
    """Have pictures and storyboards made for videos that were ready before there were any."""
    found = None
    while found is None or len(found) == QUEUED_AT_ONCE:
        async with database.transaction() as transaction:
            found = await pictures.unpictured(transaction, QUEUED_AT_ONCE)
            for video_id in found:
                await enqueue(transaction, video_id, priority=LEISURELY)


class Pipeline:
    """The media work on one video, for whichever worker takes the job."""

    def __init__(
        self,
        database: Database,
        storage: StoragePaths,
        sandbox: Sandbox,
        settings: PictureSettings,
    ) -> None:
        self._database = database
        self._storage = storage
        self._sandbox = sandbox
        self._pictures = Pictures(database, storage, sandbox, settings)

    async def run(self, video_id: UUID, *, is_last_attempt: bool) -> None:
        """Make the video ready, or failed with a reason; raises what another attempt may mend."""
        video = await videos.get(self._database, video_id)
        if video is None or video.status == "failed":
            return
        try:
            if video.status == "ready" or await self._make_ready(video):
                await self._drop_original(video)
                await self._pictures.complete(video_id)
        except FINAL as error:
            await self._fail(video, error.code, error.sentence)
        except StorageFull as error:
            if not is_last_attempt:
                raise
            await self._fail(video, error.code, error.sentence)
        except Exception:
            if is_last_attempt:
                await self.give_up(video_id)
            raise

    async def give_up(self, video_id: UUID) -> None:
        """Failed for a reason that nobody foresaw."""
        video = await videos.get(self._database, video_id)
        if video is not None:
            await self._fail(video, "internal", "The video could not be processed.")

    async def _make_ready(self, video: Video) -> bool:
        """False when it was deleted meanwhile: restored, it begins anew with the original."""
        if not video.media.is_playable:
            raise Unplayable
        original = self._original(video)
        async with scratch_directory(self._storage) as directory:
            await self._tell(video, 0.0)
            source = await self._source(video, original, directory)
            await self._tell(video, SERVED_RATIO)
            original_sha256 = await asyncio.to_thread(sha256_file, original)
            sha256 = original_sha256
            if source != original:
                sha256 = await asyncio.to_thread(sha256_file, source)
            await self._tell(video, HASHED_RATIO)
            made = await self._pictures.make_first(video, source, directory)
            await self._tell(video, PICTURED_RATIO)
            served = await asyncio.to_thread(self._place, video, source, sha256)
            thumbnails = await asyncio.to_thread(self._pictures.place, video, made)
        return await self._commit(video, original_sha256, served, thumbnails)

    def _original(self, video: Video) -> Path:
        name = original_name(video.media.container)
        return self._storage.asset(video.course_id, video.id, name)

    async def _drop_original(self, video: Video) -> None:
        name = original_name(video.media.container)
        await asyncio.to_thread(remove_asset, self._storage, video.course_id, video.id, name)

    async def _source(self, video: Video, original: Path, directory: Path) -> Path:
        """The file to serve: remuxed where the index stands at the end, else the original."""
        container = video.media.container
        if not await asyncio.to_thread(_needs_remux, original, container):
            return original
        remuxed = directory / "remuxed"
        await self._sandbox.remux(original, remuxed, container)
        return remuxed

    def _place(self, video: Video, source: Path, sha256: str) -> RepresentationRow:
        container, original = video.media.container, self._original(video)
        name = asset_name("source", sha256, container)
        if source == original:
            path = link_asset(self._storage, video.course_id, video.id, original.name, name)
        else:
            path = adopt_asset(self._storage, source, video.course_id, video.id, name)
        size_bytes = path.stat().st_size
        return RepresentationRow(container, name, video.media.mime_type, size_bytes, sha256, True)

    async def _commit(
        self,
        video: Video,
        original_sha256: str,
        served: RepresentationRow,
        thumbnails: list[ThumbnailRow],
    ) -> bool:
        """False, and nothing is changed, when the video is no longer being processed."""
        async with self._database.transaction() as transaction:
            if not await videos.set_ready(transaction, video.id, original_sha256):
                return False
            await assets.add_representation(transaction, video.id, served)
            await assets.add_thumbnails(transaction, video.id, thumbnails)
            ready = await _existing(transaction, video.id)
            await log.append(transaction, [told(VideoReady, ready, ready.uploaded_by)])
        return True

    async def _tell(self, video: Video, ratio: float) -> None:
        event = VideoProcessing(
            video_id=video.id,
            course_id=video.course_id,
            user_id=video.uploaded_by,
            occurred_at=datetime.now(UTC),
            processing_ratio=ratio,
        )
        async with self._database.transaction() as transaction:
            if await videos.set_processing_ratio(transaction, video.id, ratio):
                await log.append(transaction, [event])

    async def _fail(self, video: Video, code: str, detail: str) -> None:
        async with self._database.transaction() as transaction:
            if not await videos.set_failed(transaction, video.id, code, detail):
                return
            failed = await _existing(transaction, video.id)
            await log.append(transaction, [told(VideoFailed, failed, failed.uploaded_by)])


def _needs_remux(path: Path, container: Container) -> bool:
    """Whether players would have to fetch more than its beginning before they can seek. Blocks."""
    if container == "webm":
        return True  # recorders write the index last, or none
    with path.open("rb") as file:
        return moov_is_last(file) or is_fragmented(file)


async def _existing(transaction: Transaction, video_id: UUID) -> Video:
    video = await videos.get(transaction, video_id)
    assert video is not None
    return video
