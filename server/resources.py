"""What lives as long as the application does, opened in this order and closed in the reverse.

Also the one place where listeners are joined to the emitter.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from aiohttp import web

from db import enrollments, videos
from db.migrate import MIGRATIONS
from db.pool import open_database
from events.emitter import Emitter
from events.ending import end
from events.hub import Hub, HubLimits
from events.ledger import Ledger, LedgerWriter
from events.log import Tail
from events.periodic import Periodic
from events.persister import ProgressPersister
from events.reconcile import Reconcile
from events.retention import Retention
from events.sessions import SilenceWatch
from events.trash import TrashSweep
from events.types import EnrollmentChanged, Event, VideoDeleted, VideoTold, VideoUpdated
from handlers import keys
from handlers.access.revocation import REMEMBERED_S, Revocations
from handlers.access.rules import Access
from handlers.delivery.catalog import Catalog
from handlers.delivery.open_files import OpenFiles
from handlers.delivery.pump import PumpSettings
from handlers.delivery.read_ahead import ReadAhead
from handlers.delivery.replay import Replay
from handlers.delivery.representations import Representations
from handlers.delivery.transfer import Sender
from handlers.delivery.transfers import Transfers
from handlers.health import migration_ids
from server.config import Config
from server.identity import token_verifier
from server.metrics import follow, follow_ledger, metrics_listener
from storage.paths import prepared
from storage.sandbox import Sandbox

UPLOAD_THREADS = 4  # the loop's default executor is shared with name look-ups and has few threads
FILE_THREADS = 4
PROBES_AT_ONCE = 2
FORGET_INTERVAL_S = 5.0  # a deleted file takes its space for so long at most

Resource = Callable[[web.Application], AsyncIterator[None]]


def resources(config: Config, dsn: str) -> list[Resource]:
    """What `Application.cleanup_ctx` runs."""
    ledger = Ledger()

    async def storage(app: web.Application) -> AsyncIterator[None]:
        app[keys.STORAGE] = await asyncio.to_thread(prepared, config.storage_path)
        app[keys.SANDBOX] = Sandbox(PROBES_AT_ONCE)
        async with _threads(UPLOAD_THREADS, "upload") as executor:
            app[keys.UPLOAD_EXECUTOR] = executor
            yield

    async def identity(app: web.Application) -> AsyncIterator[None]:
        async with token_verifier(config) as verifier:
            app[keys.VERIFIER] = verifier
            yield

    async def delivery(app: web.Application) -> AsyncIterator[None]:
        app[keys.TRANSFERS] = Transfers(on_finished=ledger.finish)
        async with _threads(FILE_THREADS, "file") as executor:
            app[keys.REPRESENTATIONS] = Representations(app[keys.STORAGE], executor)
            settings = PumpSettings(
                ReadAhead(executor), config.stream_window_bytes, config.stream_stall_timeout_s
            )
            with OpenFiles(executor) as files:
                app[keys.OPEN_FILES] = files
                if replays(config):
                    app[keys.REPLAY] = Replay(files, settings, app[keys.STOPPING].is_set)
                app[keys.SENDER] = Sender(settings, app.get(keys.REPLAY))
                yield

    async def database(app: web.Application) -> AsyncIterator[None]:
        app[keys.MIGRATIONS] = await asyncio.to_thread(migration_ids, MIGRATIONS)
        async with open_database(dsn, config.database_pool_size) as pool:
            app[keys.DATABASE] = pool
            app[keys.ACCESS] = Access(pool)
            app[keys.CATALOG] = Catalog(pool)
            yield

    async def upkeep(app: web.Application) -> AsyncIterator[None]:
        retention = Retention(
            app[keys.DATABASE], config.event_retention_s, config.session_retention_s
        )
        silence = SilenceWatch(app[keys.DATABASE])
        pool, stored = app[keys.DATABASE], app[keys.STORAGE]
        trash = TrashSweep(pool, stored, config.trash_retention_s)
        reconcile = Reconcile(pool, dsn, stored, config.upload_expiry_s)
        removed = Periodic("removed files", app[keys.OPEN_FILES].forget_removed, FORGET_INTERVAL_S)
        await retention.start()
        silence.start()
        trash.start()
        reconcile.start()
        removed.start()
        yield
        await removed.stop()
        await reconcile.stop()
        await trash.stop()
        await silence.stop()
        await retention.stop()

    async def events(app: web.Application) -> AsyncIterator[None]:
        """The log is followed before the tables are read, so that nothing falls in between."""
        pool, emitter = app[keys.DATABASE], Emitter()
        app[keys.EMITTER] = emitter
        limits = HubLimits(config.sse_backlog, config.sse_per_user, config.sse_total)
        hub = app[keys.HUB] = Hub(pool, limits, config.sse_heartbeat_s)
        revocations = app[keys.REVOCATIONS] = Revocations()
        _join(emitter, app)
        tail = Tail(pool, dsn, emitter, hub.deliver)
        await tail.start()
        beating = Periodic("event heartbeats", hub.beat, hub.tick_s)
        beating.start()
        closer = asyncio.create_task(_close_when_stopping(app), name="hub closer")
        try:
            revocations.load(
                await enrollments.changed_versions(pool, REMEMBERED_S),
                # Grants may be older than today's GRANT_TTL.
                await videos.deleted_since(pool, max(config.grant_ttl_s, config.trash_retention_s)),
            )
            hub.open(tail.cursor)
            yield
        finally:
            hub.close()
            await end(closer)
            await beating.stop()
            await tail.stop()

    async def accounting(app: web.Application) -> AsyncIterator[None]:
        """Closed when the last transfer has ended, and before the database."""
        transfers = app[keys.TRANSFERS]
        writer = LedgerWriter(app[keys.DATABASE], ledger, transfers)
        follow_ledger(app[keys.METRICS], writer)
        writer.start()
        yield
        await writer.stop()

    async def persister(app: web.Application) -> AsyncIterator[None]:
        reports = ProgressPersister(app[keys.DATABASE], config.completion_ratio)
        app[keys.EMITTER].subscribe_reports(reports.on_report)
        follow(app, reports)
        reports.start()
        yield
        await reports.stop()

    async def metrics(app: web.Application) -> AsyncIterator[None]:
        async with metrics_listener(app, config):
            yield

    return [identity, storage, delivery, database, accounting, upkeep, events, persister, metrics]


def replays(config: Config) -> bool:
    """A repeated request leaves no line in the log, where at `debug` each has one."""
    return config.stream_replay and config.log_level != "debug"


@asynccontextmanager
async def _threads(count: int, name: str) -> AsyncIterator[ThreadPoolExecutor]:
    """An executor of its own; work that has begun is awaited at the end, off the loop."""
    executor = ThreadPoolExecutor(count, name)
    try:
        yield executor
    finally:
        await asyncio.to_thread(executor.shutdown, cancel_futures=True)


def _join(emitter: Emitter, app: web.Application) -> None:
    """Who follows the log. The hub comes last: what it lets out must hold already."""
    access, revocations = app[keys.ACCESS], app[keys.REVOCATIONS]
    catalog, transfers, hub = app[keys.CATALOG], app[keys.TRANSFERS], app[keys.HUB]

    def enrollment_changed(_: int, event: EnrollmentChanged) -> None:
        access.apply(event)
        revocations.apply(event)
        transfers.end_for(
            event.user_id, event.course_id, event.version, is_withdrawn=event.role is None
        )

    def video_told(_: int, event: VideoTold) -> None:
        catalog.forget(event.video_id)

    def video_deleted(_: int, event: VideoDeleted) -> None:
        revocations.apply(event)
        transfers.end_for_video(event.video_id)

    def video_updated(_: int, event: VideoUpdated) -> None:
        revocations.apply(event)

    emitter.subscribe(EnrollmentChanged, enrollment_changed)
    emitter.subscribe(VideoTold, video_told)
    emitter.subscribe(VideoDeleted, video_deleted)
    emitter.subscribe(VideoUpdated, video_updated)
    emitter.subscribe(Event, hub.publish)


async def _close_when_stopping(app: web.Application) -> None:
    await app[keys.STOPPING].wait()
    app[keys.HUB].close()
