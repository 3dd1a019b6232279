"""Jobs of ladders: names, locks and priorities.

A job makes one piece, about a minute of film, so that no upload waits longer for a worker. The
pieces of a video are made in lanes: a lane takes one piece after the other, a job each, and the
first lanes of all videos come before the second ones. So workers are shared evenly between videos,
and a video that is alone has as many workers as there are lanes.
"""

from uuid import UUID

from db import jobs
from db.media import ladders
from db.pool import Transaction
from events.media.pipeline import LEISURELY, QUEUE

PLAN_LADDER, MAKE_PIECE = "plan_ladder", "make_ladder_piece"
FINISH_LADDER, WRITE_PLAYLISTS = "finish_ladder", "write_playlists"

LANES = 16
# Below those of uploads and pictures. What is nearly done comes first.
FINISH_PRIORITY, PLAN_PRIORITY, FIRST_LANE_PRIORITY = -3, -4, -10
# Old videos come one by one: each is begun when a worker has nothing else to do.
BACKLOG_PRIORITY = -50


async def enqueue_plan(transaction: Transaction, video_id: UUID, *, is_backlog: bool) -> None:
    priority = BACKLOG_PRIORITY if is_backlog else PLAN_PRIORITY
    await _defer(transaction, PLAN_LADDER, video_id, priority)


async def enqueue_lanes(transaction: Transaction, video_id: UUID, piece_count: int) -> None:
    """Queue as many lanes as are of use for that many pieces."""
    for lane in range(min(LANES, piece_count)):
        await enqueue_lane(transaction, video_id, lane)


async def enqueue_lane(transaction: Transaction, video_id: UUID, lane: int) -> None:
    """Queue the lane's next piece; a superfluous job is harmless."""
    await jobs.defer(
        transaction,
        MAKE_PIECE,
        {"video_id": str(video_id), "lane": lane},
        queue=QUEUE,
        lock=f"{_prefix(video_id)}{lane}",
        priority=FIRST_LANE_PRIORITY - lane,
    )


async def enqueue_next(transaction: Transaction, video_id: UUID, lane: int | None) -> None:
    """Queue what follows a piece of the lane: its next one, or the end of the work."""
    waiting, unfinished = await ladders.count_unfinished(transaction, video_id)
    if unfinished == 0:
        await enqueue_finish(transaction, video_id)
    elif waiting and lane is not None:
        await enqueue_lane(transaction, video_id, lane)


async def enqueue_finish(transaction: Transaction, video_id: UUID) -> None:
    await _defer(transaction, FINISH_LADDER, video_id, FINISH_PRIORITY)


async def enqueue_playlists(transaction: Transaction, video_id: UUID) -> None:
    """Queue the playlists to be written again; a superfluous job is harmless."""
    await _defer(transaction, WRITE_PLAYLISTS, video_id, LEISURELY)


async def has_jobs(transaction: Transaction, video_id: UUID) -> bool:
    """True while a job of the video's ladder waits or runs."""
    return await jobs.is_any_queued(transaction, _prefix(video_id))


async def _defer(transaction: Transaction, task: str, video_id: UUID, priority: int) -> None:
    """Queues a job that never overlaps others: each reads or replaces the whole ladder."""
    lock = f"{_prefix(video_id)}ladder"
    arguments = {"video_id": str(video_id)}
    await jobs.defer(transaction, task, arguments, queue=QUEUE, lock=lock, priority=priority)


def _prefix(video_id: UUID) -> str:
    return f"{video_id}/"
