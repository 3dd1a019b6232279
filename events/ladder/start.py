"""Start of the work on ladders: after a video is ready, and for older videos at a worker's start.

What is published stays while its successor is made; it goes only when it shows another file than
the one that is served.
"""

import logging
from fractions import Fraction
from uuid import UUID

from db.media import ladders, rungs
from db.media.ladders import LadderRow
from db.media.rungs import RungRow
from db.pool import Database, Transaction
from db.videos import videos
from db.videos.video import Video
from events.ladder import queue
from events.ladder.options import LadderOptions
from events.ladder.rung_rows import video_row
from events.log.video_events import append_updated
from storage.ladder.facts import VideoCodec
from storage.ladder.rungs import PictureSize, choose_rungs

logger = logging.getLogger(__name__)

BEFORE_ALL = UUID(int=0)
VIDEOS_AT_ONCE = 200
USUAL_RATE = Fraction(25)


async def begin(
    database: Database, video_id: UUID, options: LadderOptions, *, is_backlog: bool = False
) -> None:
    """Begins the ladder of a ready video that lacks one, or goes on with it; idempotent."""
    async with database.transaction() as transaction:
        ladder = await ladders.lock(transaction, video_id)
        video = await videos.get(transaction, video_id)
        if video is None or video.status != "ready" or video.primary is None:
            return
        if ladder is None or not _is_current(ladder, video, options):
            await _begin_anew(transaction, video, options, ladder, is_backlog=is_backlog)
        elif not await queue.has_jobs(transaction, video_id):
            await _go_on(transaction, ladder, is_backlog=is_backlog)


async def begin_missing(database: Database, options: LadderOptions) -> None:
    """Begins the ladders that ready videos lack, after a change of the setting, too; goes on with
    those whose jobs were lost."""
    await go_on_with_stuck(database, options)
    after = BEFORE_ALL
    while found := await ladders.list_lacking(database, options.text, after, VIDEOS_AT_ONCE):
        for video_id in found:
            await begin(database, video_id, options, is_backlog=True)
        after = found[-1]


async def go_on_with_stuck(database: Database, options: LadderOptions) -> None:
    """Queues unfinished ladders that have no job."""
    for video_id, _ in await ladders.list_stuck(database):
        await begin(database, video_id, options, is_backlog=True)


async def end_unfinished(database: Database) -> None:
    """Ends all work on ladders, since none are wanted any more. What is published stays."""
    for video_id in await ladders.list_unfinished(database):
        async with database.transaction() as transaction:
            if await ladders.lock(transaction, video_id) is None:
                continue
            await rungs.set_planned(transaction, video_id, [])
            await ladders.end(transaction, video_id)
            if await videos.get(transaction, video_id) is not None:
                await append_updated(transaction, video_id)


def _is_current(ladder: LadderRow, video: Video, options: LadderOptions) -> bool:
    is_same = (ladder.options, ladder.source_sha256) == (options.text, video.served_file.sha256)
    return is_same and (ladder.state != "failed" or ladder.is_failure_final)


async def _begin_anew(
    transaction: Transaction,
    video: Video,
    options: LadderOptions,
    before: LadderRow | None,
    *,
    is_backlog: bool,
) -> None:
    source_sha256 = video.served_file.sha256
    if before is not None and before.published_source_sha256 not in (None, source_sha256):
        await rungs.clear(transaction, video.id)
    await ladders.begin(transaction, video.id, options.text, source_sha256)
    await rungs.set_planned(transaction, video.id, _expected(video, options))
    await queue.enqueue_plan(transaction, video.id, is_backlog=is_backlog)
    await append_updated(transaction, video.id)
    logger.info("the ladder of video %s is begun", video.id)


async def _go_on(transaction: Transaction, ladder: LadderRow, *, is_backlog: bool) -> None:
    """Queues what is left of an unfinished ladder."""
    if ladder.state == "waiting":
        await queue.enqueue_plan(transaction, ladder.video_id, is_backlog=is_backlog)
    elif ladder.state == "processing":
        await ladders.release_lanes(transaction, ladder.video_id)
        _, unfinished = await ladders.count_unfinished(transaction, ladder.video_id)
        if unfinished:
            await queue.enqueue_lanes(transaction, ladder.video_id, unfinished)
        else:
            await queue.enqueue_finish(transaction, ladder.video_id)


def _expected(video: Video, options: LadderOptions) -> list[RungRow]:
    """The rungs as far as they are known before the file is looked at."""
    codecs: tuple[VideoCodec, ...] = ("h264", "av1") if options.has_av1 else ("h264",)
    source = PictureSize(video.media.width, video.media.height)
    found = choose_rungs(source, options.heights, USUAL_RATE, is_copied=False, codecs=codecs)
    return [video_row(one, "waiting") for one in found]
