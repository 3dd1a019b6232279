"""Resources of the application, opened in a fixed order and closed in reverse."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial

from aiohttp import web

from db.pool import open_database
from db.postgres.migrations import MIGRATIONS
from events.deletion import Deletion
from events.delivery.carriers import Carrier, WebhookCarrier
from events.delivery.courier import DeliverySettings
from events.delivery.deliverer import Deliverer
from events.delivery.record_store import StatementCarrier, keep_subscribed
from events.erasure import Erasures
from events.errors import OUTAGES
from events.insight.folding import folding
from events.insight.ranking import standings
from events.insight.sessions.cmcd_sessions import CmcdSessions
from events.insight.sessions.observations import Observations
from events.insight.stored_bytes import stored_bytes
from events.log.emitter import Emitter
from events.log.log import Tail
from events.log.packing import progress_packing
from events.log.retention import Retention
from events.log.types import Event
from events.media.pictures import Pictures, PictureSettings
from events.media.steps import MediaSteps
from events.offline.file_pieces import FilePieces
from events.privacy.people import People
from events.progress.persister import ProgressPersister
from events.progress.sessions import silence_watch
from events.stream.hub import Hub, HubLimits
from events.takeover.s3_urls import S3Sources
from events.upkeep.damage import LOOK_INTERVAL_S as DAMAGE_INTERVAL_S
from events.upkeep.damage import DamagedFiles, Repairs
from events.upkeep.installation import InstallationFigures
from events.upkeep.ladder_sweep import ladder_sweep
from events.upkeep.ledger import Ledger, LedgerWriter
from events.upkeep.membership import Membership
from events.upkeep.pairing import pair
from events.upkeep.reconcile import Reconcile
from events.upkeep.replaced_files import replaced_files_sweep
from events.upkeep.storage_totals import storage_folding
from events.upkeep.trash import trash_sweep
from events.uploads.receivers import LOOK_INTERVAL_S
from events.uploads.sweep import upload_sweep
from events.uploads.uploads import Uploads
from events.usage.board import Board
from events.usage.exchange import ConcurrencyLimit, Exchange, SharedLimits
from events.usage.postings import Others
from handlers import keys
from handlers.access.revocation import Revocations
from handlers.access.rules import Access
from handlers.access.signatures.document_keys import PublishedKeys
from handlers.connection.sender import Sender
from handlers.connection.shortcuts.range_shortcut import RangeShortcut
from handlers.connection.shortcuts.report_shortcut import ReportShortcut
from handlers.delivery.handover import Handover
from handlers.delivery.open_files import OpenFiles
from handlers.delivery.output.pump import PumpSettings
from handlers.delivery.output.read_ahead import ReadAhead
from handlers.delivery.output.room import RoomWatch
from handlers.delivery.representations import Representations
from handlers.operating.health import migration_ids
from handlers.transfers.media_measurer import MediaMeasurer
from handlers.transfers.transfers import Tally, Transfer, Transfers
from handlers.transfers.unsent import StallWatch
from handlers.transfers.watching import TransferWatch
from handlers.user_agents import UserAgents
from server.config.settings import Config
from server.credentials.identity import token_verifier
from server.credentials.secrets import secrets_sha256
from server.hot_videos import hot_videos
from server.metrics.components import (
    follow,
    follow_exchange,
    follow_ledger,
    follow_tail,
)
from server.metrics.load import follow_load
from server.metrics.loop_lag import LoopLag
from server.recovery import read_revocations, recovery
from server.subscriptions import join
from server.tracing.collector import open_traces
from storage.concurrency.tasks import Periodic, end
from storage.disk import SHARED_DISK, open_disk, open_threads
from storage.paths import StoragePaths
from storage.sandbox.children import Sandbox

UPLOAD_THREADS = 4  # not the default executor: it has few threads, and resolves host names
FILE_THREADS = 4
S3_SOURCE_THREADS = 4  # they sign URLs or wait for S3; started on demand
PROBES_AT_ONCE = 2
TEXTS_AT_ONCE = 2
LAST_STORE_S = 5.0
STREAMS, EVENT_STREAMS = "streams", "event_streams"  # limits of things at once, as they are shared
FORGET_INTERVAL_S = 5.0  # bounds how long a deleted file still takes space

Resource = Callable[[web.Application], AsyncIterator[None]]


def resources(config: Config, dsn: str, board: Board | None = None) -> list[Resource]:
    """Returns the contexts for `Application.cleanup_ctx`.

    Limits are shared over Redis, if it is set, else over the `board` of the machine's processes.
    """
    ledger, others, lag = Ledger(), Others(), LoopLag()
    known = others if _is_shared(config, board) else None
    return [
        partial(_traces, config),
        partial(_identity, config),
        partial(_storage, config, dsn),
        partial(_delivery, config, ledger, known, lag),
        _s3_sources,
        partial(_database, config, dsn),
        partial(hot_videos, config),
        partial(_membership, config),
        partial(_accounting, ledger),
        _uploads,
        _offline,
        partial(_upkeep, config, dsn),
        partial(_events, config, dsn, known),
        partial(_delivery_to_others, config, dsn),
        partial(_persister, config),
        _media_measures,
        partial(_shared_limits, config, others, board),
        partial(_metrics, lag),
    ]


async def _traces(config: Config, app: web.Application) -> AsyncIterator[None]:
    async with open_traces(config, "web") as traces:
        app[keys.TRACES] = traces
        yield


async def _identity(config: Config, app: web.Application) -> AsyncIterator[None]:
    async with token_verifier(config) as verifier:
        app[keys.VERIFIER] = verifier
        yield


async def _storage(config: Config, dsn: str, app: web.Application) -> AsyncIterator[None]:
    async with open_database(dsn, size=1) as database:
        storage = await SHARED_DISK.run(StoragePaths, config.storage_path)
        app[keys.STORAGE] = await pair(database, storage)
    app[keys.SANDBOX] = Sandbox(PROBES_AT_ONCE)
    app[keys.TEXT_SANDBOX] = Sandbox(TEXTS_AT_ONCE)
    async with open_disk(UPLOAD_THREADS, "upload") as disk:
        app[keys.DISK] = disk
        yield


async def _delivery(
    config: Config,
    ledger: Ledger,
    others: Others | None,
    lag: LoopLag,
    app: web.Application,
) -> AsyncIterator[None]:
    observations = app[keys.OBSERVATIONS] = Observations()
    finish = partial(_finish, ledger, app)
    transfers = app[keys.TRANSFERS] = Transfers(finish, _elsewhere(others, STREAMS))
    app[keys.TRANSFER_WATCH] = TransferWatch(transfers, observations, lag.take_longest_s)
    app[keys.DAMAGED_FILES] = DamagedFiles()
    user_agents = app[keys.USER_AGENTS] = await asyncio.to_thread(UserAgents)
    sessions = app[keys.CMCD_SESSIONS] = CmcdSessions()
    measurer = app[keys.MEDIA_MEASURER] = MediaMeasurer(sessions, user_agents)
    async with open_disk(FILE_THREADS, "file") as disk:
        app[keys.FILE_DISK] = disk
        app[keys.REPRESENTATIONS] = Representations(app[keys.STORAGE], disk)
        stalls = StallWatch(config.stream_stall_timeout_s)
        with OpenFiles(disk) as files, RoomWatch() as room:
            settings = PumpSettings(ReadAhead(disk), room, stalls, config.stream_window_bytes)
            app[keys.OPEN_FILES] = files
            if config.accel_redirect is not None:
                app[keys.HANDOVER] = Handover(config.accel_redirect, app[keys.STORAGE].root)
            # It sends bytes, and knows no nginx.
            elif has_shortcuts(config):
                app[keys.RANGE_SHORTCUT] = RangeShortcut(
                    files, settings, app[keys.STOPPING].is_set, measurer
                )
            app[keys.SENDER] = Sender(settings, app.get(keys.RANGE_SHORTCUT))
            yield


def _finish(ledger: Ledger, app: web.Application, ended: Transfer | Tally) -> None:
    ledger.finish(ended)
    app[keys.TRANSFER_WATCH].finished(ended)


async def _s3_sources(app: web.Application) -> AsyncIterator[None]:
    async with open_threads(S3_SOURCE_THREADS, "s3") as executor:
        app[keys.S3_SOURCES] = S3Sources(executor)
        yield


async def _database(config: Config, dsn: str, app: web.Application) -> AsyncIterator[None]:
    app[keys.MIGRATIONS] = await asyncio.to_thread(migration_ids, MIGRATIONS)
    async with open_database(dsn, config.database_pool_size) as pool:
        app[keys.DATABASE] = pool
        published = app[keys.PUBLISHED_KEYS] = PublishedKeys(pool, app[keys.DOCUMENT_SIGNER])
        await published.publish()
        access = app[keys.ACCESS] = Access(pool)
        pseudonyms = app[keys.PSEUDONYMS] if config.pseudonyms else None
        app[keys.PEOPLE] = People(pool, pseudonyms)
        app[keys.ERASURES] = Erasures(pool, app[keys.PSEUDONYMS], app[keys.SEALED_PEOPLE])
        app[keys.DELETION] = Deletion(pool, config.trash_retention_s)
        app[keys.STANDINGS] = standings(pool)
        app[keys.STORED_BYTES] = stored_bytes(pool)
        settings = PictureSettings(list(config.thumbnail_sizes), config.thumbnail_quality)
        app[keys.PICTURES] = Pictures(pool, app[keys.STORAGE], app[keys.SANDBOX], settings)
        steps = MediaSteps(pool, app[keys.TRACES])
        app[keys.SANDBOX].timing = app[keys.TEXT_SANDBOX].timing = steps.timing
        async with steps.kept():
            yield
        await access.stop()


async def _membership(config: Config, app: web.Application) -> AsyncIterator[None]:
    fingerprint = await asyncio.to_thread(secrets_sha256, config)
    membership = Membership(app[keys.DATABASE], socket.gethostname(), fingerprint)
    app[keys.MEMBERSHIP] = membership
    await membership.start()
    yield
    await membership.stop()


async def _accounting(ledger: Ledger, app: web.Application) -> AsyncIterator[None]:
    """The ledger's writer; closes after the last transfer and before the database."""
    transfers = app[keys.TRANSFERS]
    writer = LedgerWriter(app[keys.DATABASE], ledger, transfers)
    follow_ledger(app[keys.METRICS], writer)
    writer.start()
    yield
    await writer.stop()


async def _uploads(app: web.Application) -> AsyncIterator[None]:
    uploads = app[keys.UPLOADS] = Uploads(
        app[keys.DATABASE],
        app[keys.STORAGE],
        app[keys.DISK],
        app[keys.SANDBOX],
        app[keys.UPLOAD_SETTINGS],
        app[keys.TRACES],
    )
    looking = Periodic(
        "claimed uploads",
        uploads.look,
        LOOK_INTERVAL_S,
        OUTAGES,
        while_set=uploads.are_received,
    )
    looking.start()
    yield
    await looking.stop()


async def _offline(app: web.Application) -> AsyncIterator[None]:
    pieces = app[keys.FILE_PIECES] = FilePieces(app[keys.DATABASE], app[keys.STORAGE])
    yield
    await pieces.stop()


async def end_uploads(app: web.Application) -> None:
    """Stores received bytes while connections are still open (an `on_shutdown` signal)."""
    await app[keys.UPLOADS].close()


async def _upkeep(config: Config, dsn: str, app: web.Application) -> AsyncIterator[None]:
    pool, stored = app[keys.DATABASE], app[keys.STORAGE]
    retention = Retention(
        pool,
        config.event_retention_s,
        config.progress_event_retention_s,
        config.session_retention_s,
    )
    repairs = Repairs(pool, stored, app[keys.DAMAGED_FILES])
    others = (
        silence_watch(pool),
        folding(pool),
        storage_folding(pool),
        # A day is dropped with the progress that is left of it.
        progress_packing(pool, min(config.progress_event_retention_s, config.event_retention_s)),
        trash_sweep(pool, stored, config.trash_retention_s),
        Reconcile(pool, dsn, stored, config.upload_expiry_s),
        upload_sweep(pool, stored),
        app[keys.ERASURES],
        ladder_sweep(pool, stored, config.grant_ttl_s),
        replaced_files_sweep(pool, stored),
        Periodic("damaged files", repairs.look, DAMAGE_INTERVAL_S, OUTAGES),
        Periodic("removed files", app[keys.OPEN_FILES].forget_removed, FORGET_INTERVAL_S, OUTAGES),
    )
    await retention.start()
    for one in others:
        one.start()
    yield
    for one in reversed(others):
        await one.stop()
    await retention.stop()


async def _events(
    config: Config, dsn: str, others: Others | None, app: web.Application
) -> AsyncIterator[None]:
    """Emitter, hub and tail; follows the log before reading the tables, so no event is missed."""
    pool, emitter = app[keys.DATABASE], Emitter()
    app[keys.EMITTER] = emitter
    limits = HubLimits(config.sse_backlog, config.sse_per_user, config.sse_total)
    elsewhere = _elsewhere(others, EVENT_STREAMS)
    hub = app[keys.HUB] = Hub(pool, limits, config.sse_heartbeat_s, elsewhere=elsewhere)
    revocations = app[keys.REVOCATIONS] = Revocations()
    join(emitter, app)
    # Grants may be older than today's GRANT_TTL.
    deleted_s = max(config.grant_ttl_s, config.trash_retention_s)
    people = app[keys.SEALED_PEOPLE]
    tail = Tail(pool, dsn, emitter, hub.deliver, recovery(app, deleted_s), people.reveal)
    follow_tail(app[keys.METRICS], tail)
    await tail.start()
    beating = Periodic("event heartbeats", hub.beat, hub.tick_s, while_set=hub.has_streams)
    beating.start()
    closer = asyncio.create_task(_close_when_stopping(app), name="hub closer")
    try:
        revocations.load(*await read_revocations(pool, people, deleted_s))
        hub.open(tail.cursor)
        yield
    finally:
        hub.close()
        await end(closer)
        await beating.stop()
        await tail.stop()


async def _delivery_to_others(
    config: Config, dsn: str, app: web.Application
) -> AsyncIterator[None]:
    pool, store = app[keys.DATABASE], app.get(keys.RECORD_STORE)
    private = config.webhook_private
    carriers: dict[str, Carrier] = {
        "webhook": WebhookCarrier(app[keys.SEAL], may_call_private=private)
    }
    if store is not None:
        carriers["xapi"] = StatementCarrier(pool, store)
    await keep_subscribed(pool, store)
    deliverer = Deliverer(pool, dsn, carriers, DeliverySettings())
    app[keys.EMITTER].subscribe(Event, deliverer.on_event)
    deliverer.start()
    yield
    await deliverer.stop()


async def _persister(config: Config, app: web.Application) -> AsyncIterator[None]:
    named_at = app[keys.SESSION_NAMES].named_at if config.seen_claims == "bounded" else None
    reports = ProgressPersister(app[keys.DATABASE], config.completion_ratio, named_at=named_at)
    app[keys.PERSISTER] = reports
    app[keys.EMITTER].subscribe_reports(reports.on_report)
    if has_shortcuts(config):
        app[keys.REPORT_SHORTCUT] = ReportShortcut(
            app[keys.GRANTS],
            app[keys.REVOCATIONS],
            app[keys.EMITTER],
            app[keys.METRICS],
            app[keys.REPORT_LIMITS],
            app[keys.STOPPING].is_set,
            config.max_duration_s,
            app[keys.USER_AGENTS],
        )
    follow(app, reports)
    reports.start()
    yield
    await reports.stop()


async def _media_measures(app: web.Application) -> AsyncIterator[None]:
    sessions, pool = app[keys.CMCD_SESSIONS], app[keys.DATABASE]
    observations = app[keys.OBSERVATIONS]
    tasks = (
        sessions.storing(pool),
        app[keys.TRANSFER_WATCH].looking,
        observations.storing(pool),
    )
    for task in tasks:
        task.start()
    yield
    for task in reversed(tasks):
        await task.stop()
    with suppress(TimeoutError, *OUTAGES):
        async with asyncio.timeout(LAST_STORE_S):
            await sessions.store(pool)
            await observations.store(pool)


def _is_shared(config: Config, board: Board | None) -> bool:
    return config.redis_url is not None or board is not None


def _elsewhere(others: Others | None, limit: str) -> Callable[[str], int] | None:
    """Returns the counter of what a user has in other processes, if they are known."""
    return None if others is None else others.counter(limit)


def _board(config: Config, local: Board | None) -> Board | None:
    if config.redis_url is None:
        return local
    # Costs each process 7 MB and a tenth of a second, which only those pay who share.
    from events.usage.redis_board import RedisBoard

    return RedisBoard(config.redis_url.reveal())


async def _shared_limits(
    config: Config, others: Others, local: Board | None, app: web.Application
) -> AsyncIterator[None]:
    board = _board(config, local)
    if board is None:
        yield
        return
    transfers, hub = app[keys.TRANSFERS], app[keys.HUB]
    running = {
        STREAMS: ConcurrencyLimit(
            transfers.streams_by_user, config.streams_per_user, transfers.end_surplus
        ),
        EVENT_STREAMS: ConcurrencyLimit(hub.count_by_user, config.sse_per_user),
    }
    taken = {**app[keys.PLAYING_LIMITS].shared(), **app[keys.REPORT_LIMITS].shared()}
    limits = SharedLimits(taken, running)
    exchange = Exchange(board, limits, others)
    follow_exchange(app[keys.METRICS], exchange)
    exchange.start()
    yield
    await exchange.stop()


async def _metrics(lag: LoopLag, app: web.Application) -> AsyncIterator[None]:
    disk = app[keys.DISK]
    installation = InstallationFigures(app[keys.DATABASE], app[keys.STORAGE].root, disk)
    app[keys.INSTALLATION] = installation
    follow_load(app[keys.METRICS], app, lag)
    lag.start()
    yield
    await installation.stop()
    lag.stop()


def has_shortcuts(config: Config) -> bool:
    """A request answered by a shortcut is not logged, as each must be at `debug`."""
    return config.stream_replay and config.log_level != "debug"


async def _close_when_stopping(app: web.Application) -> None:
    await app[keys.STOPPING].wait()
    app[keys.HUB].close()
