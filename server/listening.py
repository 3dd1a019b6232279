"""The web process: listens, and when told to stop lets go in the contract's order.

`STOPPING` is set (readyz answers 503, event streams end), listeners close, idle connections close,
transfers and reports get their time, then the application's resources close.
"""

import asyncio
import errno
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

import msgspec
from aiohttp import web

from handlers import keys
from handlers.errors import Unavailable
from server.config import Config
from server.stopping import StopSignals

DRAIN_TIMEOUT_S = 30.0
LAST_TIMEOUT_S = 1.0  # for handlers to notice that they were cancelled
KEEPALIVE_TIMEOUT_S = 75.0  # above the 60 s after which proxies close
BACKLOG = 4096
MAX_REFUSED = 256  # connections waiting to be told 503 before the next are just closed
REFUSAL_TIMEOUT_S = 5.0
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


class ListenError(Exception):
    """The address cannot be listened on."""


@asynccontextmanager
async def listening(
    app: web.Application, config: Config, signals: StopSignals
) -> AsyncIterator[str]:
    """Yields the base URL once it really listens; leaving takes the application down in order."""
    runner = web.AppRunner(
        app,
        access_log=None,
        keepalive_timeout=KEEPALIVE_TIMEOUT_S,
        shutdown_timeout=LAST_TIMEOUT_S,
    )
    await runner.setup()
    try:
        server = await _listen(runner, config)
        try:
            yield _base_url(config.host, server.sockets[0].getsockname()[1])
        finally:
            app[keys.STOPPING].set()
            server.close()
            await signals.unless_hurried(_drain(runner))
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, config: Config) -> asyncio.Server:
    assert runner.server is not None
    factory = _bounded(runner.server, config.max_connections)
    loop = asyncio.get_running_loop()
    try:
        return await loop.create_server(
            factory, config.host, config.port, backlog=BACKLOG, reuse_address=True
        )
    except OSError as exc:
        reason = "in use" if exc.errno == errno.EADDRINUSE else exc.strerror
        raise ListenError(f"cannot listen on {config.host}:{config.port}: {reason}") from exc


async def _drain(runner: web.AppRunner) -> None:
    assert runner.server is not None
    await asyncio.sleep(0)  # requests read before the listeners closed have begun after this
    runner.server.pre_shutdown()
    try:
        async with asyncio.timeout(DRAIN_TIMEOUT_S + LAST_TIMEOUT_S):
            await runner.server.shutdown(DRAIN_TIMEOUT_S)
    except TimeoutError:
        return


def _bounded(server: web.Server, limit: int) -> Callable[[], asyncio.BaseProtocol]:
    """Makes a connection's protocol: aiohttp's below the limit, a 503 above it."""
    refused: set[Refusal] = set()

    def make() -> asyncio.BaseProtocol:
        if len(server.connections) < limit:
            return server()
        return Refusal(refused)

    return make


class Refusal(asyncio.Protocol):
    """Answers the first request of a connection too many with 503, then closes it."""

    def __init__(self, refused: "set[Refusal]") -> None:
        self._refused = refused

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if len(self._refused) >= MAX_REFUSED:
            transport.abort()
            return
        self._refused.add(self)
        self._timer = asyncio.get_running_loop().call_later(REFUSAL_TIMEOUT_S, transport.abort)

    def data_received(self, data: bytes) -> None:
        self._transport.write(_refusal())
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self in self._refused:
            self._refused.discard(self)
            self._timer.cancel()


def _refusal() -> bytes:
    error, request_id = Unavailable("The server holds as many connections as it may."), uuid4().hex
    body = msgspec.json.encode(error.problem(request_id))
    head = (
        "HTTP/1.1 503 Service Unavailable\r\n"
        "Content-Type: application/problem+json\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Retry-After: 5\r\n"
        f"X-Request-ID: {request_id}\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body


def _base_url(host: str, port: int) -> str:
    shown = WILDCARDS.get(host, host)
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"
