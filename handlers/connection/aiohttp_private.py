"""All private names of aiohttp that the project uses, and a check of the installed version.

`protocol_factory` calls `mismatch` at start-up and falls back to aiohttp's own protocol for a
version without these names.
"""

import asyncio
import inspect
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, cast

from aiohttp import StreamReader, web

from storage.concurrency.shared_timer import SharedTimer

LOOKS_A_TIMEOUT = 4  # for idle connections, within the keep-alive time-out

# Attributes of RequestHandler, the protocol of a connection.
ATTRIBUTES = frozenset(
    {
        "_buffer_paused",
        "_cache",
        "_close",
        "_current_request",
        "_drain_waiter",
        "_force_close",
        "_keepalive_handle",
        "_keepalive_timeout",
        "_loop",
        "_manager",
        "_messages",
        "_next_keepalive_close_time",
        "_parser",
        "_paused",
        "_payload_parser",
        "_reading_paused",
        "_request_in_progress",
        "_task_handler",
        "_upgraded",
        "_waiter",
        "transport",
    }
)
# Its methods that are called or overridden, with their parameters.
METHODS = {
    "close": ["self"],
    "connection_lost": ["self", "exc"],
    "connection_made": ["self", "transport"],
    "data_received": ["self", "data"],
    "eof_received": ["self"],
    "finish_response": ["self", "request", "resp", "start_time"],
    "force_close": ["self"],
    "handle_error": ["self", "request", "status", "exc", "message"],
    "start": ["self"],
}
# Those that may run before `__init__` of aiohttp has, and what they set before they read it.
EARLY_METHODS = (
    "close",
    "connection_lost",
    "force_close",
    "pause_writing",
    "resume_writing",
    "shutdown",
)
SET_BY_THEM = frozenset({"_handler_waiter", "_request_factory", "_request_handler"})
# Likewise of StreamReader, the body of a request.
BODY_METHODS = {"_read_nowait": ["self", "n"]}

_LOOP: Any = inspect.getattr_static(web.RequestHandler, "_loop", None)
_WAITER: Any = inspect.getattr_static(web.RequestHandler, "_waiter", None)


def mismatch(protocol: type = web.RequestHandler, body: type = StreamReader) -> str | None:
    """The first difference between the installed aiohttp and what is used of it."""
    slots = {name for base in protocol.__mro__ for name in getattr(base, "__slots__", ())}
    if missing := ATTRIBUTES - slots:
        return f"RequestHandler has no {', '.join(sorted(missing))}"
    for kind, methods in ((protocol, METHODS), (body, BODY_METHODS)):
        if name := _changed_method(kind, methods):
            owner = "RequestHandler" if kind is protocol else "StreamReader"
            return f"{owner}.{name} takes other parameters"
    if unset := _names_of_early_methods(protocol) & slots - ATTRIBUTES - SET_BY_THEM:
        return f"RequestHandler reads {', '.join(sorted(unset))} before it parses"
    if "_waiter" not in protocol.start.__code__.co_names:  # type: ignore[attr-defined]
        return "RequestHandler.start waits for requests in another way"
    return None


class _NoTimer:
    """In the place of aiohttp's keep-alive timer: while there is one, it makes no other."""

    def cancel(self) -> None:
        """Nothing: `IdleWatch` closes what is idle."""


_NO_TIMER = cast(asyncio.Handle, _NoTimer())
# Of all connections that aiohttp has not parsed for.
_NONE_QUEUED: deque[Any] = deque(maxlen=0)


class ExposedHandler(web.RequestHandler):
    """aiohttp's protocol of a connection: what is private there, under names of ours."""

    __slots__ = ("_idle", "_options")

    # The same descriptor: a property would be a call on the path of each repeat request.
    loop: asyncio.AbstractEventLoop = _LOOP

    def __init__(self, server: web.Server, idle: "IdleWatch", options: Mapping[str, Any]) -> None:
        """Like aiohttp's, without its parser and what else serves parsed requests alone: that is
        made when there are bytes to be parsed, which of a player's later connections are none."""
        self._idle = idle
        self._options = options
        self._loop = options["loop"]
        self._keepalive_timeout = options["keepalive_timeout"]
        self._manager = server
        self.transport = self._parser = self._payload_parser = None
        self._messages = _NONE_QUEUED
        self._current_request = self._task_handler = self._drain_waiter = None
        _WAITER.__set__(self, None)
        self._paused = self._reading_paused = self._buffer_paused = self._upgraded = False
        self._close = self._force_close = self._request_in_progress = False
        self._cache = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Like aiohttp's, without its task: who seeks opens a connection for one known range,
        which needs none, and the task is a tenth of what such a connection costs (measured).

        TCP_NODELAY and SO_KEEPALIVE it has from its listener."""
        self.transport = transport = cast(asyncio.Transport, transport)
        assert self._manager is not None
        self._manager.connection_made(self, transport)
        self.restart_keepalive()
        self._keepalive_handle = _NO_TIMER
        self._idle.add(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._idle.discard(self)
        super().connection_lost(exc)

    def handler_ready(self) -> None:
        """Called when aiohttp begins to wait for the next request: no handler runs any more."""

    def may_expire(self) -> bool:
        """True if time without a request counts against the keep-alive time-out."""
        return True

    @property
    def _waiter(self) -> "asyncio.Future[None] | None":
        found: asyncio.Future[None] | None = _WAITER.__get__(self)
        return found

    @_waiter.setter
    def _waiter(self, waiter: "asyncio.Future[None] | None") -> None:
        """`RequestHandler.start` sets it before it waits for a request, and unsets it after."""
        _WAITER.__set__(self, waiter)
        if waiter is not None:
            self.handler_ready()

    @property
    def queued(self) -> Sequence[tuple[object, StreamReader]]:
        """Requests that were parsed and not handled yet: the head, or what was wrong, and body."""
        return self._messages

    def feed(self, data: bytes) -> None:
        """Have aiohttp parse; `queued` grows."""
        if self._parser is None and not (self._close or self._force_close):
            self._begin_parsing()
        super().data_received(data)

    def _begin_parsing(self) -> None:
        """aiohttp's own beginning of a connection, without what happened before."""
        assert self._manager is not None
        transport, is_paused, expires_s = (
            self.transport,
            self._paused,
            self._next_keepalive_close_time,
        )
        super().__init__(self._manager, **self._options)
        self.transport, self._paused, self._next_keepalive_close_time = (
            transport,
            is_paused,
            expires_s,
        )
        self._keepalive_handle = _NO_TIMER

    def drop_queued(self) -> None:
        if self._messages:
            self._messages.clear()

    @property
    def is_upgrading(self) -> bool:
        """True while input is withheld from the parser for another protocol."""
        return self._upgraded

    @property
    def is_draining(self) -> bool:
        """True when aiohttp accepts no more requests and closes behind the last handler."""
        return self._close

    def is_receiving(self) -> bool:
        """True if the body of a request is still to come."""
        bodies = [body for _, body in self._messages]
        if self._current_request is not None:
            bodies.append(self._current_request.content)
        return not all(body.is_eof() for body in bodies)

    def is_writing(self) -> bool:
        """True if the running handler has begun its response."""
        request = self._current_request
        return request is not None and request.writer.output_size > 0

    def resume_input(self) -> None:
        """Resume the transport, unless aiohttp has paused it, too."""
        if self.transport is not None and not (self._reading_paused or self._buffer_paused):
            self.transport.resume_reading()

    def restart_keepalive(self) -> None:
        """Count the keep-alive time-out from now on."""
        self._next_keepalive_close_time = self._loop.time() + self.keepalive_timeout

    def end_task(self) -> None:
        """End the task that handles requests, without closing the connection."""
        if self._task_handler is not None:
            self._task_handler.cancel()
            self._task_handler = None

    def need_task(self) -> None:
        """Begin the task that handles requests, if there is none."""
        if self._task_handler is None:
            self._task_handler = self._loop.create_task(self.start())

    def close(self) -> None:
        super().close()
        if self._task_handler is None and self.may_expire():  # else it closes at its end
            self.force_close()

    def close_if_idle(self) -> None:
        """Close it if it has waited for a request for longer than the keep-alive time-out."""
        if not self.may_expire():
            self.restart_keepalive()
        elif self._loop.time() >= self._next_keepalive_close_time and self._awaits_request():
            self.force_close()

    def _awaits_request(self) -> bool:
        return self._task_handler is None or not is_handling(self)


IdleWatch = SharedTimer[ExposedHandler]


def idle_watch(timeout_s: float) -> IdleWatch:
    """Closes idle connections soon after the keep-alive time-out."""
    return SharedTimer(timeout_s / LOOKS_A_TIMEOUT, ExposedHandler.close_if_idle)


def connection_count(server: web.Server) -> int:
    """The number of its connections, without the list of them that `connections` makes anew."""
    known = getattr(server, "_connections", None)
    return len(server.connections if known is None else known)


def is_handling(connection: web.RequestHandler) -> bool:
    """True while a handler runs; aiohttp waits for the next request with `_waiter`.

    Connections of a version without `_waiter` count as busy.
    """
    waiter = getattr(connection, "_waiter", None)
    return waiter is None or waiter.done()


def read_arrived(body: StreamReader) -> bytes:
    """The bytes that arrived before the connection broke; aiohttp keeps them, but raises instead.

    Empty for a version without that method: the client then sends them again.
    """
    if _changed_method(type(body), BODY_METHODS) is not None:
        return b""
    return body._read_nowait(-1)


def _changed_method(kind: type, methods: dict[str, list[str]]) -> str | None:
    """The name of a method that is missing or takes other parameters."""
    for name, parameters in methods.items():
        method = getattr(kind, name, None)
        if method is None or list(inspect.signature(method).parameters) != parameters:
            return name
    return None


def _names_of_early_methods(protocol: type) -> set[str]:
    methods = (vars(base).get(name) for base in protocol.__mro__ for name in EARLY_METHODS)
    return {name for method in methods if method for name in method.__code__.co_names}
