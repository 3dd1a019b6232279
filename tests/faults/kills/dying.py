"""Does one piece of work in a child that kills itself with SIGKILL right before its n-th step.

A step is whatever can be seen from outside: a statement sent to PostgreSQL, a change of the file
system, a media function. Each line on standard input is a JSON object {"work", "die_at", ...}; the
answer is {"was_killed", "steps"}, the last of them the one that was not taken. One process forks
for each line, since importing costs more than the work.
"""

import asyncio
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from db.pool import Database, open_database
from db.videos import videos
from db.videos.replacements import NewReplacement
from db.videos.video import MediaFacts, ReceivedFile
from events.deletion import Deletion
from events.ladder.ladders import Ladders
from events.ladder.options import LadderOptions, LadderSettings
from events.media import replacements
from events.media.pictures import PictureSettings
from events.media.pipeline import Pipeline
from events.upkeep import ladder_sweep, replaced_files
from events.upkeep.trash import sweep
from server.worker import Liveness, MediaWork, build_queue, take_jobs
from storage.paths import StoragePaths, original_name
from storage.sandbox.children import Sandbox
from storage.videos import adopt_asset
from tests.faults.kills.ladder_media import RememberedLadder
from tests.faults.kills.steps import Steps
from tests.films.plain_media import PlainMedia
from tests.harness.waiting import wait_until

PICTURES = PictureSettings([("small", 160), ("large", 640)], 82)
PATIENT = Liveness(looks="0 0 1 1 *")  # a victim takes over from no other victim
QUICK = Liveness(heartbeat_s=0.2, stalled_after_s=1.0, looks="* * * * * *")
PROCESSING = "SELECT id FROM videos WHERE status = 'processing'"
QUEUED = "SELECT id FROM procrastinate_jobs WHERE task_name <> 'retry_stalled'"
RETENTION_S = 3600.0


class DyingMedia(PlainMedia):
    """Each of its functions is a step."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps

    async def begin(self, name: str) -> None:
        self._steps.take(name)


class DyingPipeline(Pipeline):
    """Its steps count from where the job begins, so that the queue's own are not among them."""

    steps: Steps

    async def run(self, video_id: UUID, *, is_last_attempt: bool) -> None:
        self.steps.arm()
        await super().run(video_id, is_last_attempt=is_last_attempt)
        self.steps.take("the job is done")

    async def add_alternate(self, video_id: UUID, *, is_last_attempt: bool) -> None:
        self.steps.arm()
        await super().add_alternate(video_id, is_last_attempt=is_last_attempt)
        self.steps.take("the job is done")


class DyingLadders(Ladders):
    """Its steps count from where the first job begins."""

    steps: Steps

    async def plan(self, video_id: UUID, *, is_last_attempt: bool) -> None:
        self.steps.arm()
        await super().plan(video_id, is_last_attempt=is_last_attempt)
        self.steps.take("planned")

    async def make_piece(self, video_id: UUID, lane: int, *, is_last_attempt: bool) -> None:
        await super().make_piece(video_id, lane, is_last_attempt=is_last_attempt)
        self.steps.take("a piece is made")

    async def finish(self, video_id: UUID, *, is_last_attempt: bool) -> None:
        await super().finish(video_id, is_last_attempt=is_last_attempt)
        self.steps.take("finished")


async def work_job(order: dict[str, Any], database: Database, steps: Steps) -> None:
    """The next job of the queue, as the worker does it."""
    pipeline = _pipeline(DyingPipeline, order, database, steps)
    pipeline.steps = steps
    ladders = _ladders(DyingLadders, order, database, steps)
    ladders.steps = steps
    app = build_queue(order["dsn"], MediaWork(pipeline, ladders), PATIENT)
    async with app.open_async():
        await app.run_worker_async(
            queues=["media"], wait=False, install_signal_handlers=False, delete_jobs="successful"
        )


async def work_jobs(order: dict[str, Any], database: Database, steps: Steps) -> None:
    """A worker that lives, and takes over what the killed ones left, until nothing is left."""
    pipeline = _pipeline(Pipeline, order, database, steps)
    work = MediaWork(pipeline, _ladders(Ladders, order, database, steps))
    taking = asyncio.create_task(take_jobs(order["dsn"], work, QUICK))
    for unfinished in (PROCESSING, QUEUED):
        await wait_until(
            partial(database.fetch_all, unfinished),
            lambda rows: not rows,
            within_s=order["timeout_s"],
        )
    taking.cancel()
    await asyncio.wait([taking])


async def work_delete(order: dict[str, Any], database: Database, steps: Steps) -> None:
    steps.arm()
    await Deletion(database, RETENTION_S).delete_video(UUID(order["video_id"]), "tess")
    steps.take("deleted")


async def work_restore(order: dict[str, Any], database: Database, steps: Steps) -> None:
    steps.arm()
    video = await videos.get_deleted(database, UUID(order["video_id"]), RETENTION_S)
    if video is not None:
        await Deletion(database, RETENTION_S).restore(video, "tess")
    steps.take("restored")


async def work_sweep(order: dict[str, Any], database: Database, steps: Steps) -> None:
    steps.arm()
    await sweep(database, StoragePaths(Path(order["root"])), 0)
    steps.take("swept")


async def work_enter(order: dict[str, Any], database: Database, steps: Steps) -> None:
    """Another film arrives for a video, in a file of its own, as the web process does it."""
    storage, new = StoragePaths(Path(order["root"])), _replacement(order)
    upload = storage.upload(new.id)
    upload.write_bytes(order["content"].encode("latin-1"))
    steps.arm()
    name = original_name(new.file.source_format, new.id)
    adopt_asset(storage, upload, new.course_id, new.video_id, name)
    await replacements.enter(database, new, uuid4())
    steps.take("entered")


async def work_sweep_replaced(order: dict[str, Any], database: Database, steps: Steps) -> None:
    steps.arm()
    await replaced_files.sweep(database, StoragePaths(Path(order["root"])), 0.0)
    steps.take("swept")


async def work_sweep_ladders(order: dict[str, Any], database: Database, steps: Steps) -> None:
    steps.arm()
    await ladder_sweep.sweep(database, StoragePaths(Path(order["root"])), 0.0)
    steps.take("swept")


Work = Callable[[dict[str, Any], Database, Steps], Coroutine[Any, Any, None]]
WORKS: dict[str, Work] = {
    "job": work_job,
    "jobs": work_jobs,
    "delete": work_delete,
    "restore": work_restore,
    "sweep": work_sweep,
    "enter": work_enter,
    "sweep replaced": work_sweep_replaced,
    "sweep ladders": work_sweep_ladders,
}


def _replacement(order: dict[str, Any]) -> NewReplacement:
    media = MediaFacts(30.0, 640, 360, 25.0, 0, "mp4", "h264", None, "video/mp4", is_playable=True)
    file = ReceivedFile("better.mp4", "mp4", media, len(order["content"]), "tom")
    return NewReplacement(uuid4(), UUID(order["video_id"]), "c1", file)


def _pipeline(kind: type[Any], order: dict[str, Any], database: Database, steps: Steps) -> Any:
    storage, has_alternate = StoragePaths(Path(order["root"])), order.get("has_alternate", False)
    return kind(database, storage, DyingMedia(steps), PICTURES, has_alternate=has_alternate)


def _ladders(kind: type[Any], order: dict[str, Any], database: Database, steps: Steps) -> Any:
    storage = StoragePaths(Path(order["root"]))
    if "film" not in order:
        return kind(database, storage, Sandbox(1), LadderSettings(None))
    options = LadderOptions(tuple(order["heights"]))
    sandbox = RememberedLadder(Path(order["film"]), steps)
    return kind(database, storage, sandbox, LadderSettings(options))


async def obey(order: dict[str, Any], told: int) -> None:
    steps = Steps(order.get("die_at"), told)
    async with open_database(order["dsn"], size=3) as database:
        await WORKS[order["work"]](order, database, steps)


def in_a_child(order: dict[str, Any]) -> dict[str, Any]:
    """Carries out an order in a child; its traceback goes to standard error."""
    listening, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            asyncio.run(obey(order, told))
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    os.close(told)
    with os.fdopen(listening) as told_steps:
        steps = told_steps.read().splitlines()
    _, status = os.waitpid(pid, 0)
    was_killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    if not was_killed and status != 0:
        raise SystemExit(f"{order} ended with {status}")
    return {"was_killed": was_killed, "steps": steps}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(in_a_child(json.loads(line))), flush=True)
