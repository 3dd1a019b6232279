"""Event stream endpoints: server-sent events (WHATWG HTML section 9.2).

The hub decides at delivery which events a stream may carry; its subscriber decides whether the hub
or a task writes. This module has the wire that both write to: the connection's own transport, since
a task and a write queue per stream would cost more than the sending. Once a stream is up to date,
its connection keeps it and its request ends.
"""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from functools import partial
from uuid import UUID

import msgspec
from aiohttp import HttpVersion11, hdrs, web
from aiohttp.http import StreamWriter

from events.errors import UnknownEventType
from events.log.types import parse_types
from events.privacy.naming import Naming
from events.privacy.people import NOBODY
from events.stream import frames
from events.stream.hub import Subscription
from events.stream.subscriber import End, Subscriber
from events.stream.visibility import Filters, Scope
from handlers import keys
from handlers.access.grants import PlaybackGrant
from handlers.connection.carrying import Launched
from handlers.connection.connection import Connection
from handlers.errors import InvalidRequest, RateLimited
from handlers.header_values import field_value
from handlers.messages import Identifier, in_words
from handlers.openapi.descriptions import FILTERS, TEXT, Answer, Operation, Tag
from handlers.openapi.endpoints import endpoint

DRAIN_TIMEOUT_S = 30.0  # a client that takes no byte for this long has stopped reading
LAST_EVENT_ID = "Last-Event-ID"

HEADERS = {
    hdrs.CONTENT_TYPE: "text/event-stream",
    hdrs.CACHE_CONTROL: "no-store",
    "X-Accel-Buffering": "no",  # nginx would hold events back
}


EVENT_STREAM = (
    "Server-sent events (WHATWG HTML section 9.2): `id` is the place in the log, `event` the type,"
    " `data` JSON with `video_id`, `course_id`, `user_id`, `occurred_at` and what the type tells."
    " `reset` says that what was missed is no longer kept. Ends when the credential does."
)
STREAM = (
    Answer(
        200,
        EVENT_STREAM,
        {"text/event-stream": TEXT},
        ("Cache-Control", "X-Accel-Buffering"),
    ),
    Answer(204, "There will be nothing for this client: it should not come back."),
)


@endpoint(
    "GET /api/v1/events",
    Operation(
        tag=Tag.EVENTS,
        summary="All that happens and the caller may see",
        answers=STREAM,
        parameters=FILTERS,
        problems=(InvalidRequest, RateLimited),
    ),
)
async def get_events(request: web.Request) -> web.StreamResponse:
    """Streams all events that the caller may see."""
    viewer = request[keys.VIEWER]
    naming = _naming(request, viewer.user_id, is_privileged=viewer.is_privileged)
    scope = Scope(viewer.user_id, viewer.is_privileged, naming=naming)
    return await _stream(request, scope, viewer.expires_at)


@endpoint(
    "GET /play/{grant}/events",
    Operation(
        tag=Tag.EVENTS,
        summary="The same for `EventSource`; with a playback grant, of its video alone",
        answers=STREAM,
        parameters=FILTERS,
        problems=(InvalidRequest, RateLimited),
    ),
    has_implied_head=False,
)
async def get_events_by_grant(request: web.Request) -> web.StreamResponse:
    """Streams by an events grant all that its user may see, by a playback grant its video's."""
    grant = request.app[keys.GRANTS].events(request.match_info["grant"])
    naming = _naming(request, grant.user_id, is_privileged=grant.is_privileged)
    if not isinstance(grant, PlaybackGrant):
        scope = Scope(grant.user_id, grant.is_privileged, naming=naming)
        return await _stream(request, scope, grant.expires_at)
    scope = Scope(
        *(grant.user_id, grant.is_privileged, grant.video_id, grant.course_id, grant.version),
        naming,
    )
    is_revoked = partial(request.app[keys.REVOCATIONS].is_revoked, grant)
    return await _stream(request, scope, grant.expires_at, is_revoked)


def is_event_stream(request: web.Request) -> bool:
    return request.match_info.handler in (get_events, get_events_by_grant)


def reconnect(request: web.Request) -> web.Response:
    """Returns a stream that ends at once, of a server that stops, is full or lacks what it needs.

    `EventSource` never reconnects after a status other than 200 (HTML, section 9.2.3). The
    connection closes so that a balancer chooses another server.
    """
    response = web.Response(headers=HEADERS, body=request.app[keys.HUB].farewell())
    response.force_close()
    return response


async def _stream(
    request: web.Request,
    scope: Scope,
    expires_at: float,
    is_revoked: Callable[[], bool] = lambda: False,
) -> web.StreamResponse:
    hub, after_id, pack = request.app[keys.HUB], _after_id(request), _pack(request)
    filters = await _filters(request, scope)
    subscription = hub.subscribe(scope, filters, after_id, pack, expires_at)
    async with AsyncExitStack() as stack:
        subscriber = await stack.enter_async_context(subscription)
        # Checked after subscribing: a later revocation ends the stream.
        if subscriber.end_reason is not None or is_revoked():
            return web.Response(status=204)  # EventSource does not reconnect after a 204
        return await _open(request, subscription)


async def _open(request: web.Request, subscription: Subscription) -> web.StreamResponse:
    response = web.StreamResponse(headers=HEADERS)
    if request.method == hdrs.METH_HEAD:
        return response
    await response.prepare(request)
    wire = TransportWire(request.protocol)
    try:
        return await _feed(request, response, subscription, wire)
    except (ConnectionError, TimeoutError):
        wire.cut()  # disconnected or stalled
    return response


async def _feed(
    request: web.Request,
    response: web.StreamResponse,
    subscription: Subscription,
    wire: "TransportWire",
) -> web.StreamResponse:
    """Writes until the stream is over, or live and kept by its connection."""
    connection, subscriber = request.protocol, subscription.subscriber
    if not isinstance(connection, Connection) or not connection.can_carry(request):
        await subscriber.feed(wire)
    elif not await subscriber.catch_up(wire, CarriedStream(subscription, wire, connection).go_on):
        subscription.is_kept = True
        is_last = not (response.keep_alive and _last(subscriber))
        connection.carry(partial(subscriber.end, End.GONE), closes=is_last)
        return Launched(connection.until_free, response.status)
    await wire.finish()
    return response


class CarriedStream:
    """A live stream whose handler has returned. It has a task only while its wire is full, or at
    its end: waiting requests and tasks take more memory than the streams themselves.
    """

    __slots__ = ("_connection", "_subscription", "_task", "_wire")

    def __init__(
        self, subscription: Subscription, wire: "TransportWire", connection: Connection
    ) -> None:
        self._subscription = subscription
        self._wire = wire
        self._connection = connection
        self._task: asyncio.Task[None] | None = None

    def go_on(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._go_on())

    async def _go_on(self) -> None:
        subscriber = self._subscription.subscriber
        is_over, is_whole = True, False
        try:
            with suppress(ConnectionError, TimeoutError):  # disconnected or stalled
                is_over = await subscriber.catch_up(self._wire, self.go_on)
                if is_over:
                    await self._wire.finish(_last(subscriber))
                    is_whole = True
        finally:
            self._task = None
            if is_over:
                self._subscription.dismiss()
                self._connection.have_carried(is_whole=is_whole)


class TransportWire:
    """The connection's transport after the response's head; exposes its unsent bytes.

    Written bytes must be packed in the response's framing.
    """

    __slots__ = ("_protocol", "_transport")

    def __init__(self, protocol: web.RequestHandler) -> None:
        if protocol.transport is None:
            raise ConnectionResetError
        self._protocol = protocol
        self._transport = protocol.transport
        self._transport.set_write_buffer_limits(high=0)

    @property
    def is_gone(self) -> bool:
        return self._protocol.transport is None or self._transport.is_closing()

    def write(self, packed: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(packed)

    def write_now(self, packed: bytes) -> bool:
        transport = self._transport
        if transport.is_closing() or transport.get_write_buffer_size():
            return False
        transport.write(packed)
        return True

    async def drain(self) -> None:
        if self._transport.get_write_buffer_size():
            async with asyncio.timeout(DRAIN_TIMEOUT_S):
                # Created on demand: the request's writer would keep the request alive.
                await StreamWriter(self._protocol, asyncio.get_running_loop()).drain()

    async def finish(self, last: bytes = b"") -> None:
        """Ends the response in order; the connection can be reused."""
        if self.is_gone:
            raise ConnectionResetError
        self.write(last)
        await self.drain()
        self._transport.set_write_buffer_limits()

    def cut(self) -> None:
        self._transport.abort()


def _pack(request: web.Request) -> Callable[[bytes], bytes]:
    """Returns the framing of each piece: chunked for HTTP/1.1, none for HTTP/1.0."""
    return frames.chunk if request.version >= HttpVersion11 else bytes


def _last(subscriber: Subscriber) -> bytes:
    return frames.LAST_CHUNK if subscriber.pack is frames.chunk else b""


def _naming(request: web.Request, user_id: str, *, is_privileged: bool) -> Naming:
    return request.app[keys.PEOPLE].naming(user_id, sees_ids=is_privileged)


async def _filters(request: web.Request, scope: Scope) -> Filters:
    """Raises: InvalidRequest, DatabaseUnavailable, DatabaseTimeout."""
    query = request.query
    types = ",".join(query.getall("types")) if "types" in query else None
    try:
        filters = Filters(
            video_id=msgspec.convert(query.get("video_id"), UUID | None),
            course_id=msgspec.convert(query.get("course_id"), Identifier | None),
            user_id=msgspec.convert(query.get("user_id"), Identifier | None),
            types=None if types is None else parse_types(types),
        )
    except msgspec.ValidationError as exc:
        raise InvalidRequest(f"A filter is wrong: {in_words(exc)}.") from exc
    except UnknownEventType as exc:
        raise InvalidRequest(f"A filter is wrong: {exc}.") from exc
    if filters.user_id is None:
        return filters
    found = await request.app[keys.PEOPLE].find(scope.naming, filters.user_id)
    return replace(filters, user_id=found or NOBODY)


def _after_id(request: web.Request) -> int | None:
    """Returns the last event id; the header wins, since EventSource repeats its first query."""
    header = field_value(request.headers, LAST_EVENT_ID)
    return frames.parse_event_id(
        header if header is not None else request.query.get("last_event_id")
    )
