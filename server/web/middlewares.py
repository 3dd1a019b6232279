"""Middlewares: request id, access log and metrics; error responses; identity.

There are no others: each costs a request about a tenth of its time.
"""

import logging
import random
import re
import time
from contextlib import suppress

import structlog
from aiohttp import ClientError, hdrs, web
from aiohttp.typedefs import Handler

from handlers import keys
from handlers.access.own_origin import SAFE_METHODS
from handlers.connection.refused_bytes import CONTENT_TYPE_OPTIONS, REQUEST_ID, SERVER
from handlers.connection.shortcuts.shortcut_connection import began_s, raise_failure
from handlers.errors import (
    Internal,
    InvalidRequest,
    NotFound,
    RequestError,
    Unavailable,
    UnknownCoding,
    UnknownMethod,
    UnsupportedMediaType,
    as_request_error,
)
from handlers.event_stream.event_stream import is_event_stream, reconnect
from handlers.header_values import has_unknown_coding, is_host, is_packed
from handlers.pages.pages import missing_page
from handlers.sign_in import SESSION, identified, keep_private
from handlers.uploads.tus_headers import TUS_RESUMABLE, VERSION
from server.web.proxies import client_of

access_logger = structlog.stdlib.get_logger("coursestream.access")
_standard_access_logger = logging.getLogger("coursestream.access")
logger = structlog.stdlib.get_logger(__name__)

API = "/api/v1/"
UPLOADS = "/api/v1/uploads"
PLAY = "/play/"
MEDIA = (PLAY, "/media/")
GRANT_IN_PATH = re.compile(r"^/play/[^/]+")
# The path is decoded, so that an id may hold slashes and line breaks.
PERSON_IN_PATH = re.compile(r"(?s)(/users/).+?(?=(?:/data)?\Z)")
NO_ROUTE = "none"  # the route label of unknown paths and methods
TOLD_REFUSALS = frozenset({"not-enrolled", "not-found", "rate-limited", "unavailable"})
CLIENT_GONE = 499  # only logged: the client disconnected before the response
READ_OR_ENDED = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_DELETE})
OF_THE_SERVER = frozenset({hdrs.METH_CONNECT, hdrs.METH_OPTIONS})
METHODS = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"  # of all addresses together
QUIET = frozenset({"/healthz", "/readyz", "/drainz", "/metrics"})


@web.middleware
async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Assigns the request id, then counts and logs the request."""
    notes = request[keys.NOTES] = keys.RequestNotes(new_request_id())
    metrics, route = request.app[keys.METRICS], route_template(request)
    metrics.began(route)
    started_s = began_s(request)
    status = CLIENT_GONE
    bound = structlog.contextvars.bind_contextvars(request_id=notes.request_id)
    try:
        response = await handler(request)
        status = response.status
        return response
    finally:
        duration_s = time.monotonic() - started_s
        metrics.answered(
            request.method,
            route,
            status,
            duration_s,
            request.content.total_bytes,
            notes.problem_code,
        )
        _log_answered(request, status, duration_s)
        structlog.contextvars.reset_contextvars(**bound)


def _log_answered(request: web.Request, status: int, duration_s: float) -> None:
    if request.path in QUIET or not (level := _log_level(request, status)):
        return
    access_logger.log(
        level,
        "request",
        method=request.method,
        path=without_grant(without_person(request.path)),
        status=status,
        client=client_of(request),
        duration_ms=round(duration_s * 1000, 1),
    )


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Converts exceptions to problem details, unless the response has begun or the client left."""
    try:
        if not is_host(request.headers.get(hdrs.HOST, "")):
            raise InvalidRequest("The Host field names no host.")
        if hdrs.CONTENT_ENCODING in request.headers and is_packed(request.headers):
            raise _encoded_body_error()
        if hdrs.TRANSFER_ENCODING in request.headers and has_unknown_coding(request.headers):
            raise UnknownCoding
        raise_failure(request)
        if request.method in OF_THE_SERVER and (answer := _answer_of_the_server(request)):
            return answer
        return await handler(request)
    except Exception as exc:
        if _is_disconnected(request) and isinstance(exc, ConnectionError | ClientError):
            return web.Response(status=CLIENT_GONE)
        request_error = as_request_error(exc)
        notes = request[keys.NOTES]
        notes.problem_code = request_error.code
        _note_refusal(request, request_error.code)
        if _ends_event_source(request, request_error):
            return reconnect(request)
        if isinstance(request_error, Internal):
            logger.exception("request failed")
        elif request_error.status >= 500:
            logger.warning("request refused", status=request_error.status, reason=str(exc))
        if notes.is_prepared:
            return _abort(request)
        return _answer(request, request_error)


def _ends_event_source(request: web.Request, exc: RequestError) -> bool:
    """True for a refusal that waiting helps, where a browser would never ask again."""
    is_new = not request[keys.NOTES].is_prepared
    return is_new and isinstance(exc, Unavailable) and is_event_stream(request)


def _note_refusal(request: web.Request, code: str) -> None:
    """Remembers what a player was refused by its grant, valid or not any more, for its timeline."""
    if code not in TOLD_REFUSALS or "grant" not in request.match_info:
        return
    with suppress(RequestError):
        grant = request.app[keys.GRANTS].playback(request.match_info["grant"])
        viewer = (grant.user_id, grant.video_id, grant.session_id)
        request.app[keys.OBSERVATIONS].refuse(viewer, code)


@web.middleware
async def identify(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Verifies the token of API requests; grants are checked by their handlers."""
    if request.path.startswith(API) and not _is_open(request):
        request[keys.VIEWER] = await identified(request)
    return await handler(request)


async def add_common_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Adds the headers of every response (an `on_response_prepare` signal)."""
    # aiohttp refuses a wrong Expect header before all middlewares: such a request has no id yet.
    notes = request.get(keys.NOTES) or keys.RequestNotes(new_request_id())
    notes.is_prepared = True
    headers, path = response.headers, request.path
    headers.setdefault(REQUEST_ID, notes.request_id)
    headers[CONTENT_TYPE_OPTIONS] = "nosniff"
    headers[hdrs.SERVER] = SERVER
    if path.startswith(UPLOADS):
        headers[TUS_RESUMABLE] = VERSION
    if path.startswith(MEDIA):
        headers["Referrer-Policy"] = "no-referrer"
    if notes.is_by_cookie:
        keep_private(response)


def new_request_id() -> str:
    """Returns one that tells requests apart; no secret, so it needs no system call."""
    return f"{random.getrandbits(128):032x}"


def without_grant(path: str) -> str:
    """Returns the path with its grant redacted, for logs."""
    return GRANT_IN_PATH.sub("/play/***", path)


def without_person(path: str) -> str:
    """Returns the path without whom it is about: an erasure must not name them in the log."""
    return PERSON_IN_PATH.sub(r"\1***", path)


def route_template(request: web.Request) -> str:
    """Returns the route's template: paths are unbounded, and name users and videos."""
    resource = request.match_info.route.resource
    return NO_ROUTE if resource is None else resource.canonical


def _is_open(request: web.Request) -> bool:
    """True for the calls that need no token: a tus 1.0.0 OPTIONS request, and those of sessions."""
    if request.method == hdrs.METH_OPTIONS:
        return request.path.startswith(UPLOADS)
    return request.method in READ_OR_ENDED and request.path == SESSION


def _log_level(request: web.Request, status: int) -> int | None:
    """Returns None for no line: a line per range or report would halve the throughput.

    At `info` stand changes and refusals: what is only read fills a screen with every page.
    """
    is_read = request.method in SAFE_METHODS
    if status >= 400 or not (is_read or request[keys.NOTES].is_routine):
        return logging.INFO
    return logging.DEBUG if _standard_access_logger.isEnabledFor(logging.DEBUG) else None


def _is_disconnected(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def _abort(request: web.Request) -> web.Response:
    """Aborts a response that has begun, so that it never looks complete; returns an unsent one."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=CLIENT_GONE)


def _answer_of_the_server(request: web.Request) -> web.Response | None:
    """Answers what no address is asked (RFC 9110 sections 9.3.6 and 9.3.7): a tunnel, which this
    server never is, and `OPTIONS *`. Raises: UnknownMethod."""
    if request.method == hdrs.METH_CONNECT:
        raise UnknownMethod
    return web.Response(status=204, headers={hdrs.ALLOW: METHODS}) if request.path == "*" else None


def _encoded_body_error() -> RequestError:
    return UnsupportedMediaType(
        "A body is sent as it is, without a Content-Encoding.",
        headers={hdrs.ACCEPT_ENCODING: "identity"},  # RFC 9110 section 15.5.16
    )


def _may_be_a_page(request: web.Request) -> bool:
    """True for an address that nothing has, and for the pages' own."""
    if request.method not in (hdrs.METH_GET, hdrs.METH_HEAD):
        return False
    return route_template(request) == NO_ROUTE or not request.path.startswith((API, *MEDIA))


def _answer(request: web.Request, exc: RequestError) -> web.Response:
    if isinstance(exc, NotFound) and _may_be_a_page(request):
        if page := missing_page(request):
            return page
        exc.headers.setdefault(hdrs.VARY, hdrs.ACCEPT)
    response = exc.answer(request[keys.NOTES].request_id)
    is_unread = isinstance(exc, UnsupportedMediaType) and not request.content.is_eof()
    if exc.status in (413, 507) or is_unread:
        response.force_close()  # the rest of the body is not worth reading
    return response
