"""The media pipeline: turns an uploaded file into a video that can be watched.

`enter` makes row, event and job in one transaction. The job makes a file that browsers play and
JPEG pictures; then the video is `ready`. More pictures follow, and the other format in a job of its
own with a lower priority than new uploads. Every step is repeatable: a killed worker costs only the
step it was in. A deletion cancels the work within seconds; a restored video is processed again. A
film that replaces another one is made by the same job, before anything else of the video.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from uuid import UUID

from db import jobs, space
from db.errors import DatabaseUnavailable
from db.insight import rollups
from db.media import assets
from db.media.assets import ThumbnailRow
from db.pool import Database, Transaction
from db.upkeep import file_rows
from db.uploads import uploads
from db.videos import processing, replacements, videos
from db.videos.video import NewVideo, Video
from events.errors import NoLongerWanted
from events.log import log
from events.log.snapshots import video_event
from events.log.types import (
    PlaybackCompleted,
    VideoFailed,
    VideoReady,
    VideoUploaded,
)
from events.log.video_events import append_processing
from events.media import pictures
from events.media.completion_recount import recount_completions
from events.media.pictures import Pictures, PictureSettings
from events.media.replacement_work import (
    INTERNAL,
    PICTURED_RATIO,
    SERVED_RATIO,
    ReplacementWork,
    fail,
)
from events.media.scratch import scratch_directory
from events.media.served_files import ServedFiles, lacks_alternate, lacks_sounds
from events.media.traces import Traces
from storage.disk import SHARED_DISK
from storage.errors import FINAL, MediaInterrupted, StorageFull
from storage.paths import StoragePaths
from storage.sandbox.children import Sandbox

PROCESS_VIDEO, MAKE_ALTERNATE = "process_video", "make_alternate"
QUEUE = "media"

# Priorities below that of new uploads: nobody waits for these. The other format comes last, after
# all ladders: one conversion takes a worker for hours.
LEISURELY, MORE_LEISURELY = -1, -100
QUEUED_AT_ONCE = 200
logger = logging.getLogger(__name__)

# The statuses of videos without a file that could be worked on.
NOTHING_TO_DO = ("announced", "failed")


async def enter(
    database: Database, new: NewVideo, upload_id: UUID, holder: int | None = None
) -> Video | None:
    """Makes a stored file a video: row, job and event in one transaction.

    From the commit on its size counts as used, no longer as reserved for the upload.
    Returns None when its module is gone, or when the resumable upload was terminated or has another
    holder.
    Raises: CommitUnknown when the commit may have happened, another DatabaseError when not.
    """
    try:
        async with database.transaction() as transaction:
            if not await videos.insert(transaction, new):
                return None
            upload = await uploads.get_settled(transaction, upload_id)
            if upload is not None and (upload.is_gone or upload.holder != holder):
                raise NoLongerWanted
            await uploads.complete(transaction, upload_id, new.id)
            return await begin_within(transaction, new.id, upload_id)
    except NoLongerWanted:
        return None


async def begin_within(transaction: Transaction, video_id: UUID, reservation_id: UUID) -> Video:
    """Queues a new row in `processing`, appends VideoUploaded and releases the reservation."""
    video = await _get_existing(transaction, video_id)
    await enqueue(transaction, video_id)
    await space.release(transaction, reservation_id)
    await log.append(transaction, [video_event(VideoUploaded, video, video.uploaded_by)])
    return video


async def enqueue(transaction: Transaction, video_id: UUID, *, priority: int = 0) -> None:
    """Queues the video's processing; a superfluous job is harmless."""
    await _defer(transaction, PROCESS_VIDEO, video_id, priority)


async def enqueue_alternate(transaction: Transaction, video_id: UUID) -> None:
    """Queues the other format; a superfluous job is harmless."""
    await _defer(transaction, MAKE_ALTERNATE, video_id, MORE_LEISURELY)


async def enqueue_missing_pictures(database: Database) -> None:
    """Queues ready videos that lack pictures or a storyboard."""
    await _enqueue_all(database, pictures.missing_pictures, partial(enqueue, priority=LEISURELY))


async def enqueue_without_alternate(database: Database) -> None:
    """Queues ready videos that lack the other format."""
    await _enqueue_all(database, file_rows.list_missing_alternates, enqueue_alternate)


async def _enqueue_all(
    database: Database,
    find: Callable[[Transaction, int], Awaitable[list[UUID]]],
    enqueue_one: Callable[[Transaction, UUID], Awaitable[None]],
) -> None:
    """Queues videos in batches, a transaction each; `find` skips those that have a job."""
    found = None
    while found is None or len(found) == QUEUED_AT_ONCE:
        async with database.transaction() as transaction:
            found = await find(transaction, QUEUED_AT_ONCE)
            for video_id in found:
                await enqueue_one(transaction, video_id)


async def _defer(transaction: Transaction, task: str, video_id: UUID, priority: int) -> None:
    """Defers a job with the video's id as its lock: jobs of one video never overlap."""
    name = str(video_id)
    await jobs.defer(
        transaction, task, {"video_id": name}, queue=QUEUE, lock=name, priority=priority
    )


class Pipeline:
    """Job bodies: the media work on one video."""

    def __init__(
        self,
        database: Database,
        storage: StoragePaths,
        sandbox: Sandbox,
        settings: PictureSettings,
        *,
        has_alternate: bool = False,
        completion_ratio: float = 0.9,
        must_be_faithful: bool = False,
        begin_ladder: Callable[[UUID], Awaitable[None]] | None = None,
        traces: Traces | None = None,
    ) -> None:
        """`must_be_faithful`: a file that differs from its upload is an error, for tests.

        `begin_ladder` is called with each video that is ready, possibly again.
        """
        self._database = database
        self._storage = storage
        self._has_alternate = has_alternate
        self._completion_ratio = completion_ratio
        self._begin_ladder = begin_ladder
        self._traces = traces or Traces()
        self._served_files = ServedFiles(
            database, storage, sandbox, must_be_faithful=must_be_faithful
        )
        self._pictures = Pictures(database, storage, sandbox, settings)
        self._replacement_work = ReplacementWork(
            database, storage, self._served_files, self._pictures, completion_ratio
        )

    async def run(self, video_id: UUID, *, is_last_attempt: bool) -> None:
        """Makes the video ready or failed; raises errors that a retry may resolve."""
        video = await self._replaced(video_id, is_last_attempt=is_last_attempt)
        if video is None or video.status in NOTHING_TO_DO:
            return
        try:
            if video.status != "ready":
                await self._make_ready(video)
            await self._served_files.drop_original(video)
            await self._enqueue_alternate(video_id)
            if self._begin_ladder is not None:
                await self._begin_ladder(video_id)
            await self._pictures.complete(video_id)
            if lacks_sounds(video):
                await self._served_files.measure_sounds(video)
        except NoLongerWanted:
            logger.info("video %s was deleted, or replaced, while it was worked on", video_id)
        except FINAL as exc:
            await self._fail(video, exc.code, exc.sentence, is_final=True)
        except (StorageFull, MediaInterrupted) as exc:
            if not is_last_attempt:
                raise
            await self._fail(video, exc.code, exc.sentence, is_final=False)
        except DatabaseUnavailable:  # no fault of the film's; what has no job gets another
            raise
        except Exception:
            if is_last_attempt:
                await self.give_up(video_id)
            raise

    async def enqueue_stuck(self) -> None:
        """Queues unfinished videos whose jobs ended, as in an outage of the database."""
        async with self._database.transaction() as transaction:
            for stuck in await file_rows.list_stuck(transaction):
                logger.warning("video %s is unfinished without a job; it gets another", stuck.id)
                await enqueue(transaction, stuck.id)

    async def _replaced(self, video_id: UUID, *, is_last_attempt: bool) -> Video | None:
        """Returns the video after its replacement was made, or failed, if there is one."""
        video = await videos.get(self._database, video_id)
        if video is None or not video.is_being_replaced:
            return video
        await self._replacement_work.run(video, is_last_attempt=is_last_attempt)
        return await videos.get(self._database, video_id)

    async def add_alternate(self, video_id: UUID, *, is_last_attempt: bool) -> None:
        """Adds the other format if it is enabled; raises errors that a retry may resolve."""
        try:
            if self._has_alternate:
                await self._served_files.add_alternate(video_id)
        except StorageFull:
            if not is_last_attempt:
                raise
            logger.warning("video %s keeps only its first format: no space is left", video_id)

    async def give_up(self, video_id: UUID) -> None:
        """Marks the video failed after an unexpected error, or its replacement."""
        replacement = await replacements.get(self._database, video_id)
        if replacement is not None:
            await fail(self._database, replacement, *INTERNAL)
            return
        video = await videos.get(self._database, video_id)
        if video is not None:
            await self._fail(video, *INTERNAL, is_final=False)

    async def _make_ready(self, video: Video) -> None:
        """Raises: NoLongerWanted. A restored video starts again from the files made by then."""

        async def report(ratio: float) -> bool:
            return await self._report_progress(video, ratio * SERVED_RATIO)

        await report(0.0)
        served = await self._served_files.serve(video, report)
        video = replace(video, probed=served.media)
        async with scratch_directory(self._storage) as directory:
            await self._report_progress(video, SERVED_RATIO)
            made = await self._pictures.make_first(video, served.path, directory)
            await self._report_progress(video, PICTURED_RATIO)
            thumbnails = await SHARED_DISK.run(self._pictures.place, video, made)
        await self._commit(video, thumbnails)

    async def _commit(self, video: Video, thumbnails: list[ThumbnailRow]) -> None:
        """Marks the video ready. Raises: NoLongerWanted, changing nothing, if not processing."""
        async with self._database.transaction() as transaction:
            if not await processing.set_ready(transaction, video.id, video.media):
                raise NoLongerWanted
            await assets.add_thumbnails(transaction, video.id, thumbnails)
            await rollups.uncount(transaction, video.id)
            ready = await _get_existing(transaction, video.id)
            completed = await self._completions(transaction, ready)
            await log.append(
                transaction, [video_event(VideoReady, ready, ready.uploaded_by), *completed]
            )
        self._traces.settle(video.id, video.created_at)

    async def _completions(self, transaction: Transaction, video: Video) -> list[PlaybackCompleted]:
        """Completions of viewers who watched in S3, before the video's duration was known."""
        if not video.s3_source:
            return []
        ratio = self._completion_ratio
        return await recount_completions(transaction, video, ratio, cuts_watched=True)

    async def _enqueue_alternate(self, video_id: UUID) -> None:
        video = await videos.get(self._database, video_id)
        if self._has_alternate and video is not None and lacks_alternate(video):
            async with self._database.transaction() as transaction:
                await enqueue_alternate(transaction, video_id)

    async def _report_progress(self, video: Video, ratio: float) -> bool:
        """Stores the progress and publishes changed values; False once processing is unwanted."""
        async with self._database.transaction() as transaction:
            before = await processing.set_processing_ratio(transaction, video.id, ratio)
            return await append_processing(transaction, video, video.uploaded_by, ratio, before)

    async def _fail(self, video: Video, code: str, detail: str, *, is_final: bool) -> None:
        """Marks the video failed and removes its served files; the original stays for a retry."""
        async with self._database.transaction() as transaction:
            if not await processing.set_failed(
                transaction, video.id, code, detail, is_final=is_final
            ):
                return
            made = await assets.remove_representations(transaction, video.id)
            failed = await _get_existing(transaction, video.id)
            await log.append(transaction, [video_event(VideoFailed, failed, failed.uploaded_by)])
        self._traces.settle(video.id, video.created_at, code)
        await self._served_files.discard(video, made)


async def _get_existing(transaction: Transaction, video_id: UUID) -> Video:
    video = await videos.get(transaction, video_id)
    assert video is not None
    return video
