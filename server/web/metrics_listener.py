"""The metrics of this process, and METRICS_PORT, which serves them without a token.

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

from events.metrics import Metrics
from handlers import keys
from handlers.connection.protocols import prepare, protocol_factory
from handlers.operating.metrics import show_metrics
from server.config.settings import Config
from server.web import middlewares
from server.web.listener import ListenError
from storage.concurrency.tasks import end

LOOPBACK = "127.0.0.1"
SHARED_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"  # prometheus-client reads it when it is imported
SAMPLE_INTERVAL_S = 5.0  # bounds the age of other processes' numbers


def make_metrics(environ: Mapping[str, str] = os.environ) -> Metrics:
    shared = environ.get(SHARED_DIRECTORY)
    return Metrics(_version(), Path(shared) if shared else None)


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
        server = await loop.create_server(protocol, LOOPBACK, port, reuse_port=is_shared)
    except OSError as exc:
        reason = "in use" if exc.errno == errno.EADDRINUSE else os.strerror(exc.errno or 0)
        raise ListenError(f"cannot listen on {LOOPBACK}:{port} for metrics: {reason}") from exc
    for one in server.sockets:
        prepare(one)
    return server


async def _sample_for_others(app: web.Application) -> None:
    """Sample periodically and at the end: others see only values in the shared directory."""
    metrics = app[keys.METRICS]
    if not metrics.is_shared:
        return
    try:
        while True:
            metrics.sample()
            await asyncio.sleep(SAMPLE_INTERVAL_S)
    finally:
        metrics.sample()


def _version() -> str:
    try:
        return metadata.version("coursestream")
    except metadata.PackageNotFoundError:
        return "unknown"
