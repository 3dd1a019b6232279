"""What happens, as server-sent events (WHATWG HTML section 9.2).

One loop writes a response: events, heartbeats, and the farewell. What a stream may carry is decided
by the hub when an event is delivered.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from uuid import UUID

import msgspec
from aiohttp import hdrs, web

from events.errors import UnknownEventType
from events.frames import HEARTBEAT, parse_place
from events.subscriber import Subscriber
from events.types import parse_types
from events.visibility import Filters, Scope
from handlers import keys
from handlers.access.grants import PlaybackGrant
from handlers.errors import InvalidRequest
from handlers.messages import Identifier

WRITE_TIMEOUT_S = 30.0  # a client that takes no byte for this long has stopped reading
EARLINESS = 0.9  # of the heartbeat's interval: "at least every 15 s" must hold on a slow network
LAST_EVENT_ID = "Last-Event-ID"

HEADERS = {
    hdrs.CONTENT_TYPE: "text/event-stream",
    hdrs.CACHE_CONTROL: "no-store",
    "X-Accel-Buffering": "no",  # nginx would hold events back
}


async def get_events(request: web.Request) -> web.StreamResponse:
    """All that the caller may see."""
    viewer = request[keys.VIEWER]
    scope = Scope(viewer.user_id, viewer.is_privileged)
    return await _stream(request, scope, viewer.expires_at)


async def get_events_by_grant(request: web.Request) -> web.StreamResponse:
    """By the events grant all that its user may see, by a playback grant its video's events."""
    grant = request.app[keys.GRANTS].events(request.match_info["grant"])
    is_privileged = bool(grant.roles)
    if not isinstance(grant, PlaybackGrant):
        return await _stream(request, Scope(grant.user_id, is_privileged), grant.expires_at)
    scope = Scope(grant.user_id, is_privileged, grant.video_id, grant.course_id, grant.version)
    is_revoked = partial(request.app[keys.REVOCATIONS].is_revoked, grant)
    return await _stream(request, scope, grant.expires_at, is_revoked)


async def _stream(
    request: web.Request,
    scope: Scope,
    expires_at: float,
    is_revoked: Callable[[], bool] = lambda: False,
) -> web.StreamResponse:
    filters, after_id = _filters(request), _after_id(request)
    hub = request.app[keys.HUB]
    async with hub.subscribe(scope, filters, after_id, lambda: _abort(request)) as subscriber:
        # Asked once subscribed: what takes the grant away from now on, ends the stream.
        if subscriber.end_reason is not None or is_revoked():
            return web.Response(status=204)  # tells EventSource for good: nothing will come
        response = web.StreamResponse(headers=HEADERS)
        if request.method == hdrs.METH_HEAD:
            return response
        await response.prepare(request)
        try:
            await _write_all(request, response, subscriber, expires_at)
        except (ConnectionError, TimeoutError):
            _abort(request)  # gone, or as good as gone
    return response


async def _write_all(
    request: web.Request,
    response: web.StreamResponse,
    subscriber: Subscriber,
    expires_at: float,
) -> None:
    """Until the stream is over or the credential has expired."""
    heartbeat_s = request.app[keys.PLAYBACK_SETTINGS].heartbeat_s * EARLINESS
    heartbeat_at = time.monotonic() + heartbeat_s
    while not subscriber.is_over:
        left_s = expires_at - time.time()
        if left_s <= 0:
            return
        news = await subscriber.next(min(heartbeat_at - time.monotonic(), left_s)) or b""
        if time.monotonic() >= heartbeat_at:
            news += HEARTBEAT
            heartbeat_at = time.monotonic() + heartbeat_s
        async with asyncio.timeout(WRITE_TIMEOUT_S):
            await response.write(news)


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _filters(request: web.Request) -> Filters:
    """Raises InvalidRequest."""
    query = request.query
    types = query.get("types")
    try:
        return Filters(
            video_id=msgspec.convert(query.get("video_id"), UUID | None),
            course_id=msgspec.convert(query.get("course_id"), Identifier | None),
            user_id=msgspec.convert(query.get("user_id"), Identifier | None),
            types=None if types is None else parse_types(types),
        )
    except (msgspec.ValidationError, UnknownEventType) as exc:
        raise InvalidRequest(f"A filter is wrong: {exc}.") from exc


def _after_id(request: web.Request) -> int | None:
    """The header wins: EventSource repeats the query of its first request at each reconnect."""
    header = request.headers.get(LAST_EVENT_ID)
    return parse_place(header if header is not None else request.query.get("last_event_id"))
