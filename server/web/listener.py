"""The listener of a web process, and its graceful stop in the contract's order.

`LEAVING` is set (readyz answers 503, drainz 404), balancers that watch are given time to see it,
listeners close, `STOPPING` is set (event streams end), idle connections close, transfers and
reports may finish, then the application's resources close.
"""

import asyncio
import errno
import random
import re
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import cast
from uuid import uuid4

import msgspec
from aiohttp import web

from events.stream import frames
from handlers import keys
from handlers.connection.aiohttp_private import connection_count
from handlers.connection.protocols import is_busy, prepare, protocol_factory
from handlers.errors import Unavailable
from server.config.settings import Config
from server.errors import OperatorError
from server.stop_signals import StopSignals
from server.web.handshakes import Gate, Handshakes
from server.web.ports import taken
from server.web.tls import server_context

DRAIN_TIMEOUT_S = 30.0
SEEN_LEAVING_S = 1.2  # two checks of deploy/haproxy.cfg, on connections of their own
LAST_CALL_S = 1.0  # requests on their way arrive
LAST_TIMEOUT_S = 1.0  # for handlers to notice that they were cancelled
KEEPALIVE_TIMEOUT_S = 75.0  # above the 60 s after which proxies close
POLL_S = 0.05
BACKLOG = 4096
# uvloop accepts one connection by a descriptor in each turn of its loop: with several of them it
# does alike work together, and a connection costs a tenth less (measured).
ACCEPTED_A_TURN = 4
MAX_REFUSED = 256  # connections waiting for their 503; further ones are just closed
REFUSAL_TIMEOUT_S = 5.0
OF_EVENT_SOURCE = re.compile(rb"\r\naccept:[ \t]*text/event-stream\b", re.IGNORECASE)  # HTML, 9.2.2
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


class ListenError(OperatorError):
    """The address cannot be listened on."""


@asynccontextmanager
async def listening(
    app: web.Application,
    config: Config,
    signals: StopSignals,
    sockets: Sequence[socket.socket] = (),
) -> AsyncIterator[str]:
    """Yields the base URL once it listens; leaving the block stops the application in order.

    Binds sockets of its own without `sockets`.
    """
    runner = web.AppRunner(
        app,
        access_log=None,
        keepalive_timeout=KEEPALIVE_TIMEOUT_S,
        shutdown_timeout=LAST_TIMEOUT_S,
    )
    try:
        await runner.setup()
        sockets = sockets or await bind(config)
        url = base_url(config, sockets)
        handshakes = await _handshakes(config)
        servers = await _listen(runner, config, sockets, handshakes)
        try:
            yield url
        finally:
            app[keys.LEAVING].set()
            await signals.unless_hurried(_wait_for_balancers(app))
            await _stop_accepting(servers)
            app[keys.STOPPING].set()
            if handshakes is not None:
                handshakes.stop_accepting()
                await handshakes.close(LAST_CALL_S)
            await signals.unless_hurried(_drain(runner))
    finally:
        await runner.cleanup()


async def bind(config: Config) -> list[socket.socket]:
    """Returns listening sockets, one per address of the host. Raises: ListenError."""
    found = asyncio.get_running_loop().getaddrinfo
    bound: list[socket.socket] = []
    try:
        for family, _, _, _, address in dict.fromkeys(
            await found(
                config.host or None,
                config.port,
                type=socket.SOCK_STREAM,
                flags=socket.AI_PASSIVE,
            )
        ):
            bound.append(socket.create_server(address[:2], family=family, backlog=BACKLOG))
            bound[-1].setblocking(False)
    except OSError as exc:
        for one in bound:
            one.close()
        is_taken = exc.errno == errno.EADDRINUSE
        reason = taken(config.host, config.port) if is_taken else exc.strerror
        raise ListenError(f"cannot listen on {config.host}:{config.port}: {reason}") from exc
    return bound


def base_url(config: Config, sockets: Sequence[socket.socket]) -> str:
    """Returns a URL that people can open, also for a wildcard address."""
    scheme = "http" if config.tls_cert_file is None else "https"
    return _url(scheme, config.host, sockets[0].getsockname()[1])


async def _handshakes(config: Config) -> Handshakes | None:
    """Returns None without TLS. Raises: TlsError."""
    context = await asyncio.to_thread(server_context, config)
    return None if context is None else Handshakes(context, config.max_connections + MAX_REFUSED)


async def _listen(
    runner: web.AppRunner,
    config: Config,
    sockets: Sequence[socket.socket],
    handshakes: Handshakes | None,
) -> list[asyncio.Server]:
    assert runner.server is not None
    for one in sockets:
        prepare(one)
    count = runner.app[keys.METRICS].refused
    serving = protocol_factory(
        runner.server,
        keepalive_timeout_s=KEEPALIVE_TIMEOUT_S,
        range_shortcut=runner.app.get(keys.RANGE_SHORTCUT),
        report_shortcut=runner.app.get(keys.REPORT_SHORTCUT),
    )
    server = runner.server

    def count_connections() -> int:
        return connection_count(server) + (0 if handshakes is None else len(handshakes))

    make = _limited_factory(count_connections, serving, config.max_connections, count)
    if handshakes is not None:
        handshakes.listen(sockets, make)
        return []
    loop, gate = asyncio.get_running_loop(), partial(Gate, make)
    return [
        await loop.create_server(gate, sock=same, backlog=BACKLOG)
        for one in sockets
        for same in (one, *(one.dup() for _ in range(_more_descriptors(loop))))
    ]


def _more_descriptors(loop: asyncio.AbstractEventLoop) -> int:
    """Number of descriptors of a listener beside the first; asyncio accepts all that wait."""
    return 0 if isinstance(loop, asyncio.BaseEventLoop) else ACCEPTED_A_TURN - 1


async def _wait_for_balancers(app: web.Application) -> None:
    """Serves on while they learn from the health addresses that nothing new is to come here.

    A check that is refused a connection tells them of a failure, and they end what still runs.
    """
    if app[keys.BALANCERS].are_watching():
        await asyncio.sleep(SEEN_LEAVING_S)


async def _stop_accepting(servers: Sequence[asyncio.Server]) -> None:
    """Stops accepting, and closes the listeners one loop iteration later.

    asyncio neither serves nor closes an accepted connection that has no protocol yet when its
    server closes.
    """
    loop = asyncio.get_running_loop()
    for server in servers:
        for one in server.sockets:
            loop.remove_reader(one)
    await asyncio.sleep(0)
    for server in servers:
        server.close()


async def _drain(runner: web.AppRunner) -> None:
    """Waits until no request is running; cleanup cancels those still running after the time-out.

    aiohttp's own shutdown stops reading at once, so request bodies would never be complete.
    """
    assert runner.server is not None
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + DRAIN_TIMEOUT_S
    if runner.server.connections:
        await asyncio.sleep(min(LAST_CALL_S, DRAIN_TIMEOUT_S))
    await asyncio.sleep(0)  # requests read before the listeners closed have begun after this
    while _close_idle(runner.server) and loop.time() < deadline_s:
        await asyncio.sleep(POLL_S)


def _close_idle(server: web.Server) -> int:
    """Closes connections without a request; returns the number of busy ones."""
    busy = 0
    for connection in list(server.connections):
        if is_busy(connection):
            busy += 1
        else:
            connection.force_close()
    return busy


def _limited_factory(
    count_connections: Callable[[], int],
    serving: Callable[[], asyncio.BaseProtocol],
    limit: int,
    count_refused: Callable[[], None],
) -> Callable[[], asyncio.BaseProtocol]:
    """Returns a protocol factory: below the limit it serves, above it it answers 503."""
    refused: set[Refusal] = set()

    def make() -> asyncio.BaseProtocol:
        if count_connections() < limit:
            return serving()
        count_refused()
        return Refusal(refused)

    return make


class Refusal(asyncio.Protocol):
    """Answers the first request of an excess connection with 503, then closes it; an `EventSource`,
    which would never ask again after a 503, is told to come back."""

    def __init__(self, refused: "set[Refusal]") -> None:
        self._refused = refused

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's TLS transports are asyncio's in all but the class.
        self._transport = transport = cast(asyncio.Transport, transport)
        if len(self._refused) >= MAX_REFUSED:
            transport.abort()
            return
        self._refused.add(self)
        self._timer = asyncio.get_running_loop().call_later(REFUSAL_TIMEOUT_S, transport.abort)

    def data_received(self, data: bytes) -> None:
        self._transport.write(_farewell() if OF_EVENT_SOURCE.search(data) else _refusal())
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self in self._refused:
            self._refused.discard(self)
            self._timer.cancel()


def _refusal() -> bytes:
    refusal = Unavailable("The server holds as many connections as it may.")
    request_id = uuid4().hex
    body = msgspec.json.encode(refusal.problem(request_id))
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


def _farewell() -> bytes:
    """Readable by pages of any origin: there is nothing in it, and browsers come back only then."""
    body = frames.retry(random.randint(*frames.RETRY_MS))
    head = (
        "HTTP/1.1 200 OK\r\n"
        "Content-Type: text/event-stream\r\n"
        "Cache-Control: no-store\r\n"
        "Access-Control-Allow-Origin: *\r\n"
        f"Content-Length: {len(body)}\r\n"
        f"X-Request-ID: {uuid4().hex}\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body


def _url(scheme: str, host: str, port: int) -> str:
    shown = WILDCARDS.get(host, host)
    return f"{scheme}://[{shown}]:{port}" if ":" in shown else f"{scheme}://{shown}:{port}"
