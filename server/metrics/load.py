"""Metrics of load: what waits for a thread, a connection or a child, and what the caches hold."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from aiohttp import web

from db.pool import Database
from events.distributions import SHORT_BOUNDS_S
from events.metrics import Metrics
from handlers import keys
from server.metrics.loop_lag import LoopLag
from storage.concurrency.bounded_cache import CacheFigures
from storage.concurrency.threads import Threads
from storage.disk import Disk
from storage.sandbox.pool import ChildPool


class Load(NamedTuple):
    """A pool at the moment."""

    size: int
    busy_count: int
    waiting_count: int
    oldest_wait_s: float


class Cache(Protocol):
    def cache_figures(self) -> CacheFigures: ...


ReadLoad = Callable[[], Load]


def follow_load(metrics: Metrics, app: web.Application, lag: LoopLag) -> None:
    """Follows the application's pools, its caches and its loop."""
    _follow_pools(metrics, _pools(app))
    _follow_caches(metrics, app)
    metrics.histogram(
        "loop_lag_seconds",
        "Delay of a timer of the event loop: every client of the process waits as long.",
        lambda: {"": lag.seconds},
        SHORT_BOUNDS_S,
    )


def _pools(app: web.Application) -> dict[str, ReadLoad]:
    database, sandbox, texts = app[keys.DATABASE], app[keys.SANDBOX], app[keys.TEXT_SANDBOX]
    threads = {
        "upload_threads": app[keys.DISK],
        "file_threads": app[keys.FILE_DISK],
    }
    return {
        "database": lambda: _load_of(database),
        "media_children": lambda: _load_of(sandbox.pool),
        "text_children": lambda: _load_of(texts.pool),
        **{name: _reader(disk) for name, disk in threads.items()},
    }


def _reader(disk: Disk) -> ReadLoad:
    threads = disk.threads
    assert isinstance(threads, Threads)
    return lambda: _load_of(threads)


def _load_of(pool: ChildPool | Database | Threads) -> Load:
    return Load(pool.size, pool.busy_count, len(pool.waits), pool.waits.oldest_s())


def _follow_pools(metrics: Metrics, pools: dict[str, ReadLoad]) -> None:
    metrics.gauge(
        "pool_size",
        "Connections, threads or children that there may be.",
        lambda: {name: read().size for name, read in pools.items()},
        label="pool",
    )
    metrics.gauge(
        "pool_busy",
        "Connections, threads or children at work.",
        lambda: {name: read().busy_count for name, read in pools.items()},
        label="pool",
    )
    metrics.gauge(
        "pool_waiting",
        "Calls that wait for a connection, a thread or a child.",
        lambda: {name: read().waiting_count for name, read in pools.items()},
        label="pool",
    )
    metrics.gauge(
        "pool_oldest_wait_seconds",
        "How long the first waiting call has waited; of all processes the longest.",
        lambda: {name: read().oldest_wait_s for name, read in pools.items()},
        label="pool",
        mode="livemax",
    )


def _follow_caches(metrics: Metrics, app: web.Application) -> None:
    metrics.gauge(
        "cache_entries",
        "Entries of the caches in memory; none grows beyond its bound.",
        lambda: {name: one.entry_count for name, one in _caches(app).items()},
        label="cache",
    )
    metrics.count(
        "cache_hits",
        "Look-ups that found what they needed in memory.",
        lambda: {name: one.hit_count for name, one in _caches(app).items()},
        label="cache",
    )
    metrics.count(
        "cache_misses",
        "Look-ups that had to read, open or verify it.",
        lambda: {name: one.miss_count for name, one in _caches(app).items()},
        label="cache",
    )


def _caches(app: web.Application) -> dict[str, CacheFigures]:
    caches: dict[str, Cache] = {
        "enrolments": app[keys.ACCESS],
        "grants": app[keys.GRANTS],
        "open_files": app[keys.OPEN_FILES],
        "representations": app[keys.REPRESENTATIONS],
        "tokens": app[keys.VERIFIER],
        "videos": app[keys.CATALOG],
    }
    if keys.RANGE_SHORTCUT in app:
        caches["requests"] = app[keys.RANGE_SHORTCUT]
    return {name: one.cache_figures() for name, one in caches.items()}
