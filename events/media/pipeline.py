"""From an uploaded file to a video that can be watched: what follows what, and what is told of it.

`enter` makes row, event and job in one transaction. The job makes a file that browsers play and
JPEG pictures, and then the video is `ready`; further pictures follow, and the other format in a job
of its own, which gives way to new uploads. Every step may run again: a worker that was killed costs
the step it was in. A deletion ends the work within seconds; restored, it is taken up anew.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from db import assets, jobs, space, uploads, videos
from db.assets import ThumbnailRow
from db.pool import Database, Transaction
from db.progress import recounting
from db.upkeep import file_rows
from db.videos import NewVideo, Video
from events.errors import NoLongerWanted
from events.log import log
from events.log.snapshots import video_event
from events.log.types import (
    PlaybackCompleted,
    VideoFailed,
    VideoProcessing,
    VideoReady,
    VideoUploaded,
)
from events.media import pictures
from events.media.pictures import Pictures, PictureSettings
from events.media.renditions import Renditions, lacks_alternate
from events.media.scratch import scratch_directory
from storage.errors import FINAL, MediaInterrupted, StorageFull
from storage.paths import StoragePaths
from storage.sandbox.children import Sandbox

PROCESS_VIDEO, MAKE_ALTERNATE = "process_video", "make_alternate"
QUEUE = "media"

# What nobody waits for gives way to what was uploaded just now: the other format last.
LEISURELY, MORE_LEISURELY = -1, -2
QUEUED_AT_ONCE = 200
logger = logging.getLogger(__name__)

# The statuses of videos without a file that could be worked on.
NOTHING_TO_DO = ("announced", "failed")

# The share of the work that is done once a step has ended, as `processing_ratio` shows it.
SERVED_RATIO, PICTURED_RATIO = 0.9, 0.95


async def enter(database: Database, new: NewVideo, upload_id: UUID) -> Video | None:
    """Make a stored file a video: its row, its job and the event, or none of them.

    From the commit on its size counts as used, and no longer as reserved for the upload.
    None when the module it was sent to is gone, or the upload was ended.
    Raises: CommitUnknown when it may have become one, any other DatabaseError when it has not.
    """
    try:
        async with database.transaction() as transaction:
            if not await videos.insert(transaction, new):
                return None
            upload = await uploads.get_settled(transaction, upload_id)
            if upload is not None and upload.is_gone:
                raise NoLongerWanted
            await uploads.complete(transaction, upload_id, new.id)
            return await begin_within(transaction, new.id, upload_id)
    except NoLongerWanted:
        return None


async def begin_within(transaction: Transaction, video_id: UUID, reservation_id: UUID) -> Video:
    """Have a row that is new in `processing` worked on, and say so; its size counts as used."""
    video = await _existing(transaction, video_id)
    await enqueue(transaction, video_id)
    await space.release(transaction, reservation_id)
    await log.append(transaction, [video_event(VideoUploaded, video, video.uploaded_by)])
    return video


async def enqueue(transaction: Transaction, video_id: UUID, *, priority: int = 0) -> None:
    """Have a worker take up the video; a job too many does no harm."""
    await _defer(transaction, PROCESS_VIDEO, video_id, priority)


async def enqueue_alternate(transaction: Transaction, video_id: UUID) -> None:
    """Have the other format made; as harmless."""
    await _defer(transaction, MAKE_ALTERNATE, video_id, MORE_LEISURELY)


async def enqueue_missing_pictures(database: Database) -> None:
    """Have pictures and storyboards made for videos that were ready before there were any."""
    await _enqueue_all(database, pictures.missing_pictures, partial(enqueue, priority=LEISURELY))


async def enqueue_without_alternate(database: Database) -> None:
    """Have the other format made for videos that were ready before it was asked for."""
    await _enqueue_all(database, file_rows.without_alternate, enqueue_alternate)


async def _enqueue_all(
    database: Database,
    find: Callable[[Transaction, int], Awaitable[list[UUID]]],
    enqueue_one: Callable[[Transaction, UUID], Awaitable[None]],
) -> None:
    """A transaction for some of them at a time: those that have a job are not found again."""
    found = None
    while found is None or len(found) == QUEUED_AT_ONCE:
        async with database.transaction() as transaction:
            found = await find(transaction, QUEUED_AT_ONCE)
            for video_id in found:
                await enqueue_one(transaction, video_id)


async def _defer(transaction: Transaction, task: str, video_id: UUID, priority: int) -> None:
    """With the video's id as lock: jobs of one video never overlap."""
    name = str(video_id)
    await jobs.defer(
        transaction, task, {"video_id": name}, queue=QUEUE, lock=name, priority=priority
    )


class Pipeline:
    """The media work on one video, for whichever worker takes the job."""

    def __init__(
        self,
        database: Database,
        storage: StoragePaths,
        sandbox: Sandbox,
        settings: PictureSettings,
        *,
        has_alternate: bool = False,
        completion_ratio: float = 0.9,
    ) -> None:
        self._database = database
        self._storage = storage
        self._has_alternate = has_alternate
        self._completion_ratio = completion_ratio
        self._renditions = Renditions(database, storage, sandbox)
        self._pictures = Pictures(database, storage, sandbox, settings)

    async def run(self, video_id: UUID, *, is_last_attempt: bool) -> None:
        """Make the video ready, or failed with a reason; raises what another attempt may mend."""
        video = await videos.get(self._database, video_id)
        if video is None or video.status in NOTHING_TO_DO:
            return
        try:
            if video.status != "ready":
                await self._make_ready(video)
            await self._renditions.drop_original(video)
            await self._ask_for_alternate(video_id)
            await self._pictures.complete(video_id)
        except NoLongerWanted:
            logger.info("video %s was deleted while it was worked on", video_id)
        except FINAL as exc:
            await self._fail(video, exc.code, exc.sentence, is_final=True)
        except (StorageFull, MediaInterrupted) as exc:
            if not is_last_attempt:
                raise
            await self._fail(video, exc.code, exc.sentence, is_final=False)
        except Exception:
            if is_last_attempt:
                await self.give_up(video_id)
            raise

    async def add_alternate(self, video_id: UUID, *, is_last_attempt: bool) -> None:
        """The other format, if it is still asked for; raises what another attempt may mend."""
        try:
            if self._has_alternate:
                await self._renditions.add_alternate(video_id)
        except StorageFull:
            if not is_last_attempt:
                raise
            logger.warning("video %s keeps only its first format: no space is left", video_id)

    async def give_up(self, video_id: UUID) -> None:
        """Failed for a reason that nobody foresaw."""
        video = await videos.get(self._database, video_id)
        if video is not None:
            await self._fail(video, "internal", "The video could not be processed.", is_final=False)

    async def _make_ready(self, video: Video) -> None:
        """Raises: NoLongerWanted; restored, it begins anew with what is there by then."""

        async def tell(ratio: float) -> bool:
            return await self._tell(video, ratio * SERVED_RATIO)

        await tell(0.0)
        served = await self._renditions.serve(video, tell)
        video = replace(video, probed=served.media)
        async with scratch_directory(self._storage) as directory:
            await self._tell(video, SERVED_RATIO)
            made = await self._pictures.make_first(video, served.path, directory)
            await self._tell(video, PICTURED_RATIO)
            thumbnails = await asyncio.to_thread(self._pictures.place, video, made)
        await self._commit(video, thumbnails)

    async def _commit(self, video: Video, thumbnails: list[ThumbnailRow]) -> None:
        """Nothing is changed when the video is no longer being processed."""
        async with self._database.transaction() as transaction:
            if not await videos.set_ready(transaction, video.id, video.media):
                raise NoLongerWanted
            await assets.add_thumbnails(transaction, video.id, thumbnails)
            ready = await _existing(transaction, video.id)
            completed = await self._recount(transaction, ready) if ready.s3_source else []
            await log.append(
                transaction, [video_event(VideoReady, ready, ready.uploaded_by), *completed]
            )

    async def _recount(self, transaction: Transaction, video: Video) -> list[PlaybackCompleted]:
        """What was watched in the old place, before anybody knew how long the video is."""
        found = await recounting.recount(transaction, video.id, self._completion_ratio)
        return [
            PlaybackCompleted(
                video_id=video.id,
                course_id=video.course_id,
                user_id=one.user_id,
                occurred_at=datetime.now(UTC),
                position_s=one.position_s,
                watched_ratio=one.watched_ratio,
                session_id=one.session_id or "",
            )
            for one in found
        ]

    async def _ask_for_alternate(self, video_id: UUID) -> None:
        video = await videos.get(self._database, video_id)
        if self._has_alternate and video is not None and lacks_alternate(video):
            async with self._database.transaction() as transaction:
                await enqueue_alternate(transaction, video_id)

    async def _tell(self, video: Video, ratio: float) -> bool:
        """Whether the video is still to be processed; a whole percent is an event."""
        event = VideoProcessing(
            video_id=video.id,
            course_id=video.course_id,
            user_id=video.uploaded_by,
            occurred_at=datetime.now(UTC),
            processing_ratio=ratio,
        )
        async with self._database.transaction() as transaction:
            before = await videos.set_processing_ratio(transaction, video.id, ratio)
            if before is not None and before != ratio:
                await log.append(transaction, [event])
        return before is not None

    async def _fail(self, video: Video, code: str, detail: str, *, is_final: bool) -> None:
        """What was made of it goes; the original stays, to be examined or tried again."""
        async with self._database.transaction() as transaction:
            if not await videos.set_failed(transaction, video.id, code, detail, is_final=is_final):
                return
            made = await assets.remove_representations(transaction, video.id)
            failed = await _existing(transaction, video.id)
            await log.append(transaction, [video_event(VideoFailed, failed, failed.uploaded_by)])
        await self._renditions.discard(video, made)


async def _existing(transaction: Transaction, video_id: UUID) -> Video:
    video = await videos.get(transaction, video_id)
    assert video is not None
    return video
