"""The web side of `serve`: this process, or several processes that share the port.

With several, this process binds and keeps the listeners, so that connections are queued even if
all web processes end; it serves nothing itself.
"""

import asyncio
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from server.config.settings import Config
from server.processes import Children
from server.stop_signals import StopSignals
from server.web.app import build_app
from server.web.garbage import calm_collector
from server.web.gunicorn_workers import GRACE_S
from server.web.listener import DRAIN_TIMEOUT_S, ListenError, base_url, bind, listening
from server.web.metrics_listener import SHARED_DIRECTORY

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = DRAIN_TIMEOUT_S + GRACE_S + 5.0
HURRY_TIMEOUT_S = 5.0


def web_side(config: Config, dsn: str, signals: StopSignals) -> AbstractAsyncContextManager[str]:
    """Yields the base URL once it listens; leaving the block stops the web side in order."""
    if config.workers == 1:
        app = build_app(config, dsn)
        calm_collector()
        return listening(app, config, signals)
    return _several(config, signals)


@asynccontextmanager
async def _several(config: Config, signals: StopSignals) -> AsyncIterator[str]:
    sockets = await bind(config)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        async with _shared_metrics(), _arbiter(sockets, writing) as arbiter:
            try:
                await _wait_until_serving(arbiter, reading, config.workers)
                yield base_url(config, sockets)
            finally:
                for one in sockets:
                    one.close()
                await signals.unless_hurried(arbiter.stop(STOP_TIMEOUT_S))
                await arbiter.stop(HURRY_TIMEOUT_S, signal.SIGINT)
    finally:
        for one in sockets:
            one.close()
        os.close(writing)


@asynccontextmanager
async def _shared_metrics() -> AsyncIterator[None]:
    """Creates the directory of the web processes' metrics, and sets it in the environment."""
    with tempfile.TemporaryDirectory(prefix="coursestream-metrics-") as directory:
        os.environ[SHARED_DIRECTORY] = directory
        try:
            yield
        finally:
            del os.environ[SHARED_DIRECTORY]


def _arbiter(sockets: Sequence[socket.socket], ready: int) -> Children:
    descriptors = [ready, *(one.fileno() for one in sockets)]
    numbers = [os.getpid(), *descriptors]
    command = [sys.executable, sys.argv[0], "web", *map(str, numbers)]
    return Children(command, 1, name="web arbiter", descriptors=descriptors)


async def _wait_until_serving(arbiter: Children, reading: int, count: int) -> None:
    """Waits until `count` web processes serve. Raises: ListenError."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb")
    )
    serving = asyncio.create_task(reader.readexactly(count))
    ended = asyncio.create_task(arbiter.one_ended.wait())
    done, pending = await asyncio.wait(
        {serving, ended}, timeout=START_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED
    )
    for task in pending:
        task.cancel()
    if serving not in done:
        raise ListenError("the web processes could not start: see the lines above")
