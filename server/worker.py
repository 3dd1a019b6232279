"""The media worker: runs jobs from the queue, one at a time, until it is cancelled."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from functools import wraps
from typing import Any
from uuid import UUID

from procrastinate import App, JobContext, RetryStrategy
from procrastinate.contrib.aiopg import AiopgConnector
from procrastinate.exceptions import ConnectorException

from db.errors import DatabaseUnavailable
from db.pool import Database, connection_options, open_database
from db.writable_host import await_writable
from events.ladder import queue, start
from events.ladder.ladders import Ladders
from events.ladder.options import LadderOptions, LadderSettings
from events.media import pipeline
from events.media.pictures import PictureSettings
from events.media.pipeline import Pipeline
from events.media.steps import MediaSteps
from events.media.traces import Traces
from events.upkeep.pairing import pair
from server.config.settings import Config
from server.tracing.collector import open_traces
from storage.disk import SHARED_DISK
from storage.paths import StoragePaths
from storage.sandbox.children import Sandbox, Timing

ATTEMPTS = 3
# Time for the running step to end. Whoever stops the worker must wait longer, or the queue closes
# before it has recorded that the job is to be retried.
STOP_TIMEOUT_S = 8.0
STOP_PATIENCE_S = STOP_TIMEOUT_S + 2.0
CONNECTIONS = 3  # of the queue: one listens, one fetches, one acknowledges

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Liveness:
    """Heartbeat timing: the jobs of a worker without heartbeats are retried by others."""

    heartbeat_s: float = 10.0
    stalled_after_s: float = 30.0
    looks: str = "* * * * * */30"  # cron, the seconds last


@dataclass(frozen=True, slots=True)
class MediaWork:
    """The bodies of all jobs; each runs in a block of `timing`, by its name."""

    pipeline: Pipeline
    ladders: Ladders
    timing: Timing = nullcontext
    traces: Traces = field(default_factory=Traces)


async def run(config: Config, dsn: str) -> None:
    """Runs jobs until cancelled; an interrupted job is retried later."""
    async with (
        open_traces(config, "worker") as traces,
        open_database(dsn, size=CONNECTIONS) as database,
    ):
        storage = await SHARED_DISK.run(StoragePaths, config.storage_path)
        storage = await pair(database, storage)
        await pipeline.enqueue_missing_pictures(database)
        if config.alternate_format:
            await pipeline.enqueue_without_alternate(database)
        await _look_for_ladders(config, database)
        sandbox, steps = Sandbox(1), MediaSteps(database, traces)
        sandbox.timing = steps.timing
        ladders = Ladders(database, storage, sandbox, ladder_settings(config))
        pictures = PictureSettings(list(config.thumbnail_sizes), config.thumbnail_quality)
        pipeline_work = Pipeline(
            database,
            storage,
            sandbox,
            pictures,
            has_alternate=config.alternate_format,
            completion_ratio=config.completion_ratio,
            begin_ladder=ladders.begin,
            traces=traces,
        )
        work = MediaWork(pipeline_work, ladders, steps.timing, traces)
        async with steps.kept():
            await take_jobs(await await_writable(dsn), work, Liveness())


def ladder_settings(config: Config) -> LadderSettings:
    options = None
    if config.renditions != "none":
        heights = None if config.renditions == "auto" else config.renditions
        options = LadderOptions(heights, config.renditions_av1)
    return LadderSettings(options, config.storage_quota_bytes, config.storage_reserve_bytes)


async def _look_for_ladders(config: Config, database: Database) -> None:
    """Begins what is missing since a change of the setting, or ends what is under way."""
    options = ladder_settings(config).options
    if options is None:
        await start.end_unfinished(database)
    else:
        await start.begin_missing(database, options)


async def take_jobs(dsn: str, work: MediaWork, liveness: Liveness) -> None:
    """Runs one job after the other, until cancelled."""
    app = build_queue(dsn, work, liveness)
    async with app.open_async(), _queue_errors():
        await app.run_worker_async(
            queues=[pipeline.QUEUE],
            concurrency=1,
            install_signal_handlers=False,
            shutdown_graceful_timeout=STOP_TIMEOUT_S,
            update_heartbeat_interval=liveness.heartbeat_s,
            stalled_worker_timeout=liveness.stalled_after_s,
            delete_jobs="successful",
        )


@asynccontextmanager
async def _queue_errors() -> AsyncIterator[None]:
    """Raises: DatabaseUnavailable in place of procrastinate's connection errors."""
    try:
        yield
    except ConnectorException as exc:
        raise DatabaseUnavailable(f"the job queue lost its database: {exc.__cause__}") from exc


TaskBody = Callable[..., Awaitable[None]]


def build_queue(dsn: str, work: MediaWork, liveness: Liveness) -> App:
    """Builds the job queue's application; the task bodies are in `events.media.pipeline` and
    `events.ladder.ladders`."""
    options = connection_options(dsn)
    app = App(connector=AiopgConnector(dsn=dsn, maxsize=CONNECTIONS, **options))
    tasks = _Tasks(app, work.timing, work.traces)
    _add_media_tasks(tasks, work.pipeline)
    _add_ladder_tasks(tasks, work.ladders)
    _add_retry_of_stalled(app, work, liveness)
    return app


@dataclass(frozen=True, slots=True)
class _Tasks:
    """Registers the bodies of jobs."""

    app: App
    timing: Timing
    traces: Traces

    def task(self, name: str) -> Callable[[TaskBody], Any]:
        retry = RetryStrategy(max_attempts=ATTEMPTS - 1, wait=2)
        register: Callable[[TaskBody], Any] = self.app.task(
            name=name, queue=pipeline.QUEUE, retry=retry, pass_context=True
        )
        return lambda body: register(self._timed(name, body))

    def _timed(self, name: str, body: TaskBody) -> TaskBody:
        @wraps(body)
        async def timed(context: JobContext, video_id: str, **named: Any) -> None:
            with self.traces.of(UUID(video_id)), self.timing(name):
                await body(context, video_id, **named)

        return timed


def _add_media_tasks(tasks: _Tasks, work: Pipeline) -> None:
    @tasks.task(pipeline.PROCESS_VIDEO)
    async def process_video(context: JobContext, video_id: str) -> None:
        if context.job.attempts >= ATTEMPTS:  # it took its workers down with it
            await work.give_up(UUID(video_id))
        else:
            is_last_attempt = context.job.attempts == ATTEMPTS - 1
            await work.run(UUID(video_id), is_last_attempt=is_last_attempt)

    @tasks.task(pipeline.MAKE_ALTERNATE)
    async def make_alternate(context: JobContext, video_id: str) -> None:
        if context.job.attempts < ATTEMPTS:  # else it took its workers down with it
            is_last_attempt = context.job.attempts == ATTEMPTS - 1
            await work.add_alternate(UUID(video_id), is_last_attempt=is_last_attempt)


def _add_ladder_tasks(tasks: _Tasks, ladders: Ladders) -> None:
    @tasks.task(queue.PLAN_LADDER)
    async def plan_ladder(context: JobContext, video_id: str) -> None:
        if context.job.attempts >= ATTEMPTS:  # it took its workers down with it
            await ladders.give_up(UUID(video_id))
        else:
            await ladders.plan(UUID(video_id), is_last_attempt=_is_last(context))

    @tasks.task(queue.MAKE_PIECE)
    async def make_ladder_piece(context: JobContext, video_id: str, lane: int) -> None:
        if context.job.attempts >= ATTEMPTS:
            await ladders.give_up_piece(UUID(video_id), lane)
        else:
            await ladders.make_piece(UUID(video_id), lane, is_last_attempt=_is_last(context))

    @tasks.task(queue.FINISH_LADDER)
    async def finish_ladder(context: JobContext, video_id: str) -> None:
        if context.job.attempts >= ATTEMPTS:
            await ladders.give_up(UUID(video_id))
        else:
            await ladders.finish(UUID(video_id), is_last_attempt=_is_last(context))

    @tasks.task(queue.WRITE_PLAYLISTS)
    async def write_playlists(context: JobContext, video_id: str) -> None:
        if context.job.attempts < ATTEMPTS:
            await ladders.write_playlists(UUID(video_id))


def _is_last(context: JobContext) -> bool:
    return context.job.attempts == ATTEMPTS - 1


def _add_retry_of_stalled(app: App, work: MediaWork, liveness: Liveness) -> None:
    @app.periodic(cron=liveness.looks)
    @app.task(name="retry_stalled", queue=pipeline.QUEUE, queueing_lock="retry_stalled")
    async def retry_stalled(timestamp: int) -> None:
        """procrastinate leaves a killed worker's job as it was; it is retried from here."""
        stalled = await app.job_manager.get_stalled_jobs(
            seconds_since_heartbeat=liveness.stalled_after_s
        )
        for job in stalled:
            logger.warning("job %s was left by a worker that died; it is tried again", job.id)
            await app.job_manager.retry_job(job)
        await work.pipeline.enqueue_stuck()
        await work.ladders.go_on_with_stuck()
