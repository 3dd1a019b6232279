"""Metrics wiring: follows the components' counters, and serves METRICS_PORT.

With several web processes, their parent sets `PROMETHEUS_MULTIPROC_DIR` (see `events/metrics.py`);
they share the port, and each of them returns the sum of all.
"""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib import metadata
from pathlib import Path

from aiohttp import web

from events.log.log import Tail
from events.metrics import Metrics
from events.progress.persister import ProgressPersister
from events.stream.hub import Hub
from events.upkeep.damage import DamagedFiles
from events.upkeep.ledger import LedgerWriter
from events.usage.exchange import Exchange
from handlers import keys
from handlers.connection.protocols import protocol_factory
from handlers.metrics import show_metrics
from server.config.settings import Config
from server.delivery_metrics import follow_refusals, follow_transfers
from server.web import middlewares
from server.web.listener import ListenError
from storage.tasks import end

LOOPBACK = "127.0.0.1"
SHARED_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"  # prometheus-client reads it when it is imported
SAMPLE_INTERVAL_S = 5.0  # bounds the age of other processes' numbers


def make_metrics(environ: Mapping[str, str] = os.environ) -> Metrics:
    shared = environ.get(SHARED_DIRECTORY)
    return Metrics(_version(), Path(shared) if shared else None)


def follow(app: web.Application, persister: ProgressPersister) -> None:
    """Follows the counters of the application's components."""
    metrics, database = app[keys.METRICS], app[keys.DATABASE]
    follow_transfers(metrics, app[keys.TRANSFERS])
    follow_refusals(metrics, app[keys.PLAYING_LIMITS], app[keys.REPORT_LIMITS])
    _follow_damage(metrics, app[keys.DAMAGED_FILES])
    _follow_shortcuts(metrics, app)
    _follow_event_streams(metrics, app[keys.HUB])
    _follow_reports(metrics, persister)
    metrics.gauge("tasks", "Tasks of the event loop.", lambda: {"": len(asyncio.all_tasks())})
    metrics.count("database_queries", "Statements sent.", lambda: {"": database.query_count})


def _follow_damage(metrics: Metrics, damaged: DamagedFiles) -> None:
    metrics.gauge(
        "damaged_files",
        "Published files that are not as recorded, as far as somebody asked for them.",
        lambda: {"": len(damaged)},
    )
    metrics.count(
        "damaged_files_noted",
        "Published files that were to be sent and were not as recorded.",
        lambda: {"": damaged.noted_count},
    )


def _follow_shortcuts(metrics: Metrics, app: web.Application) -> None:
    if keys.RANGE_SHORTCUT in app:
        ranges, reports = app[keys.RANGE_SHORTCUT], app[keys.REPORT_SHORTCUT]
        metrics.count_answered(lambda: ranges.answered)
        metrics.count(
            "requests_replayed",
            "Requests answered as one like them was before; among those of http_requests.",
            lambda: {"": ranges.answered.total() + reports.answered_count},
        )


def _follow_event_streams(metrics: Metrics, hub: Hub) -> None:
    metrics.gauge("event_subscribers", "Open event streams.", lambda: {"": len(hub)})
    metrics.count(
        "event_subscribers_evicted",
        "Event streams dropped because nobody read them.",
        lambda: {"": hub.evicted_count},
    )
    metrics.count(
        "event_subscribers_refused",
        "Event streams not opened: their user, or the process, had as many as allowed.",
        lambda: hub.refused_counts,
        label="limit",
    )
    metrics.gauge(
        "events_waiting",
        "Events in the backlogs of streams whose clients do not keep up.",
        lambda: {"": hub.waiting_count},
    )


def _follow_reports(metrics: Metrics, persister: ProgressPersister) -> None:
    metrics.gauge(
        "progress_reports_waiting",
        "Progress reports that no commit has taken up yet.",
        lambda: {"": persister.waiting_count},
    )
    metrics.gauge(
        "progress_commit_age_seconds",
        "How long the oldest commit of reports under way has taken; reports wait as long.",
        lambda: {"": persister.longest_commit_s()},
        mode="livemax",
    )
    metrics.count(
        "progress_reports_committed", "Progress reports.", lambda: {"": persister.report_count}
    )
    metrics.count(
        "progress_reports_capped",
        "Progress reports that claimed more seconds than could have been played.",
        lambda: {"": persister.capped_count},
    )
    metrics.count(
        "progress_capped_seconds",
        "Seconds that progress reports claimed beyond what could be played; not counted.",
        lambda: {"": persister.capped_s},
    )
    metrics.count(
        "progress_commits",
        "Transactions that stored progress reports.",
        lambda: {"": persister.commit_count},
    )


def follow_tail(metrics: Metrics, tail: Tail) -> None:
    metrics.count(
        "events_unknown",
        "Events of types that only a newer version knows, passed over.",
        lambda: {"": tail.unknown_count},
    )
    metrics.gauge(
        "event_log_lag_seconds",
        "Since this process had emitted all of the event log: a second while all is well.",
        lambda: {"": tail.lag_s},
        mode="livemax",
    )


def follow_exchange(metrics: Metrics, exchange: Exchange) -> None:
    metrics.gauge(
        "processes_sharing_limits",
        "Web processes whose exchange of limits works; the others count for themselves.",
        lambda: {"": exchange.is_up},
    )
    metrics.count(
        "limits_exchange_failures",
        "Exchanges of limits with other processes that failed.",
        lambda: {"": exchange.failure_count},
    )
    metrics.gauge(
        "cluster_streams",
        "Streams of viewers in all processes that share limits, equal on every machine.",
        exchange.totals,
        label="limit",
        mode="livemostrecent",
    )


def follow_ledger(metrics: Metrics, writer: LedgerWriter) -> None:
    metrics.gauge(
        "ledger_accounts_waiting",
        "Accounts with bytes sent that are not written to the database yet.",
        lambda: {"": writer.waiting_count},
    )
    metrics.gauge(
        "ledger_unwritten_seconds",
        "Since all bytes sent were in the ledger: seconds while all is well.",
        lambda: {"": writer.unwritten_s},
        mode="livemax",
    )
    metrics.count(
        "ledger_write_failures",
        "Batches of the ledger that the database did not take; they are sent again.",
        lambda: {"": writer.failure_count},
    )
    metrics.count(
        "ledger_lost_bytes",
        "Bytes sent that the ledger does not tell, their batch having been refused.",
        lambda: {"": writer.lost_bytes},
    )


@asynccontextmanager
async def metrics_listener(app: web.Application, config: Config) -> AsyncIterator[None]:
    """Serves `/metrics` without a token on loopback, and samples for the other processes.

    Raises: ListenError.
    """
    sampling = asyncio.create_task(_sample_for_others(app), name="metrics sampler")
    try:
        if config.metrics_port is None:
            yield
        else:
            async with _listening(app, config.metrics_port, is_shared=config.workers > 1):
                yield
    finally:
        await end(sampling)


@asynccontextmanager
async def _listening(app: web.Application, port: int, *, is_shared: bool) -> AsyncIterator[None]:
    runner = web.AppRunner(_loopback_app(app), access_log=None, shutdown_timeout=0.0)
    await runner.setup()
    try:
        server = await _listen(runner, port, is_shared=is_shared)
        try:
            yield
        finally:
            server.close()
    finally:
        await runner.cleanup()


def _loopback_app(app: web.Application) -> web.Application:
    """Serves `/metrics` alone, with the error responses and headers of the main application."""

    async def get_metrics(_: web.Request) -> web.Response:
        return await show_metrics(app)

    own = web.Application(middlewares=[middlewares.observe, middlewares.answer_errors])
    own.on_response_prepare.append(middlewares.add_common_headers)
    own[keys.METRICS] = app[keys.METRICS]
    own.router.add_get("/metrics", get_metrics)
    return own


async def _listen(runner: web.AppRunner, port: int, *, is_shared: bool) -> asyncio.Server:
    """Raises: ListenError."""
    assert runner.server is not None
    protocol = protocol_factory(runner.server)
    loop = asyncio.get_running_loop()
    try:
        return await loop.create_server(protocol, LOOPBACK, port, reuse_port=is_shared)
    except OSError as exc:
        reason = "in use" if exc.errno == errno.EADDRINUSE else os.strerror(exc.errno or 0)
        raise ListenError(f"cannot listen on {LOOPBACK}:{port} for metrics: {reason}") from exc


async def _sample_for_others(app: web.Application) -> None:
    """Sample periodically: other processes see only values in the shared directory."""
    while app[keys.METRICS].is_shared:
        app[keys.METRICS].sample()
        await asyncio.sleep(SAMPLE_INTERVAL_S)


def _version() -> str:
    try:
        return metadata.version("coursestream")
    except metadata.PackageNotFoundError:
        return "unknown"
