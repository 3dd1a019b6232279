"""The media worker: runs jobs from the queue, one at a time, until it is cancelled."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from procrastinate import App, JobContext, RetryStrategy
from procrastinate.contrib.aiopg import AiopgConnector
from procrastinate.exceptions import ConnectorException

from db.errors import DatabaseUnavailable
from db.pool import connection_options, open_database
from events.media import pipeline
from events.media.pictures import PictureSettings
from events.media.pipeline import Pipeline
from events.upkeep.pairing import pair
from server.config.settings import Config
from storage.disk import SHARED_DISK
from storage.paths import StoragePaths
from storage.sandbox.children import Sandbox

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


async def run(config: Config, dsn: str) -> None:
    """Runs jobs until cancelled; an interrupted job is retried later."""
    async with open_database(dsn, size=CONNECTIONS) as database:
        storage = await SHARED_DISK.run(StoragePaths, config.storage_path)
        storage = await pair(database, storage)
        await pipeline.enqueue_missing_pictures(database)
        if config.alternate_format:
            await pipeline.enqueue_without_alternate(database)
        pictures = PictureSettings(list(config.thumbnail_sizes), config.thumbnail_quality)
        work = Pipeline(
            database,
            storage,
            Sandbox(1),
            pictures,
            has_alternate=config.alternate_format,
            completion_ratio=config.completion_ratio,
        )
        await take_jobs(dsn, work, Liveness())


async def take_jobs(dsn: str, work: Pipeline, liveness: Liveness) -> None:
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


TaskBody = Callable[[JobContext, str], Awaitable[None]]


def build_queue(dsn: str, work: Pipeline, liveness: Liveness) -> App:
    """Builds the job queue's application; the task bodies are in `events.media.pipeline`."""
    app = App(connector=AiopgConnector(dsn=dsn, maxsize=CONNECTIONS, **connection_options()))
    _add_media_tasks(app, work)
    _add_retry_of_stalled(app, liveness)
    return app


def _add_media_tasks(app: App, work: Pipeline) -> None:
    def media_task(name: str) -> Callable[[TaskBody], Any]:
        retry = RetryStrategy(max_attempts=ATTEMPTS - 1, wait=2)
        register: Callable[[TaskBody], Any] = app.task(
            name=name, queue=pipeline.QUEUE, retry=retry, pass_context=True
        )
        return register

    @media_task(pipeline.PROCESS_VIDEO)
    async def process_video(context: JobContext, video_id: str) -> None:
        if context.job.attempts >= ATTEMPTS:  # it took its workers down with it
            await work.give_up(UUID(video_id))
        else:
            is_last_attempt = context.job.attempts == ATTEMPTS - 1
            await work.run(UUID(video_id), is_last_attempt=is_last_attempt)

    @media_task(pipeline.MAKE_ALTERNATE)
    async def make_alternate(context: JobContext, video_id: str) -> None:
        if context.job.attempts < ATTEMPTS:  # else it took its workers down with it
            is_last_attempt = context.job.attempts == ATTEMPTS - 1
            await work.add_alternate(UUID(video_id), is_last_attempt=is_last_attempt)


def _add_retry_of_stalled(app: App, liveness: Liveness) -> None:
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
