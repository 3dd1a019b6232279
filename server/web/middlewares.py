"""What stands around every handler: request id, access log and count; errors; identity.

Nothing else is a middleware: each costs every request about a tenth of its time.
"""

import logging
import os
import re
import time

import structlog
from aiohttp import ClientError, hdrs, web
from aiohttp.typedefs import Handler

from handlers import keys
from handlers.connection.connection import began_s, raise_failure
from handlers.connection.refused_bytes import REQUEST_ID, SERVER
from handlers.errors import Internal, RequestError, UnsupportedMediaType, as_request_error
from handlers.header_values import is_packed
from handlers.uploads.tus_headers import TUS_RESUMABLE, VERSION
from server.web.proxies import client_of

access_logger = structlog.stdlib.get_logger("coursestream.access")
_standard_access_logger = logging.getLogger("coursestream.access")
logger = structlog.stdlib.get_logger(__name__)

API = "/api/v1/"
UPLOADS = "/api/v1/uploads"
PLAY = "/play/"
GRANT_IN_PATH = re.compile(r"^/play/[^/]+")
NO_ROUTE = "none"  # whatever address or method there is not
CLIENT_GONE = 499  # for the log alone: it went away before there was an answer
QUIET = frozenset({"/healthz", "/readyz", "/metrics"})


@web.middleware
async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Name the request, then count it and write one line about it."""
    request[keys.REQUEST_ID] = request_id = new_request_id()
    metrics, route = request.app[keys.METRICS], route_template(request)
    metrics.began(route)
    started_s = began_s(request)
    status = CLIENT_GONE
    bound = structlog.contextvars.bind_contextvars(request_id=request_id)
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
            request.get(keys.PROBLEM_CODE),
        )
        if request.path not in QUIET and (level := _log_level(request, status)):
            access_logger.log(
                level,
                "request",
                method=request.method,
                path=without_grant(request.path),
                status=status,
                client=client_of(request),
                duration_ms=round(duration_s * 1000, 1),
            )
        structlog.contextvars.reset_contextvars(**bound)


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever a handler lets out becomes problem details, while somebody can be answered."""
    try:
        if hdrs.CONTENT_ENCODING in request.headers and is_packed(request.headers):
            raise _packed()
        raise_failure(request)
        return await handler(request)
    except Exception as exc:
        if _is_gone(request) and isinstance(exc, ConnectionError | ClientError):
            return web.Response(status=CLIENT_GONE)
        request_error = as_request_error(exc)
        request[keys.PROBLEM_CODE] = request_error.code
        if isinstance(request_error, Internal):
            logger.exception("request failed")
        elif request_error.status >= 500:
            logger.warning("request refused", status=request_error.status, reason=str(exc))
        if request.get(keys.IS_PREPARED):
            return _cut(request)
        return _answer(request, request_error)


@web.middleware
async def identify(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every call of the API is somebody's; what is played by grant is checked by its handler."""
    if request.path.startswith(API) and not _asks_what_tus_can(request):
        request[keys.VIEWER] = await request.app[keys.VERIFIER].viewer_of(request)
    return await handler(request)


async def add_common_headers(request: web.Request, response: web.StreamResponse) -> None:
    """What every answer carries (an `on_response_prepare` signal)."""
    request[keys.IS_PREPARED] = True
    # Without an id: refused for its Expect header, which aiohttp reads before all middlewares.
    response.headers.setdefault(REQUEST_ID, request.get(keys.REQUEST_ID) or new_request_id())
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers[hdrs.SERVER] = SERVER
    if request.path.startswith(UPLOADS):
        response.headers[TUS_RESUMABLE] = VERSION
    if request.path.startswith(PLAY):
        response.headers["Referrer-Policy"] = "no-referrer"


def new_request_id() -> str:
    return os.urandom(16).hex()


def without_grant(path: str) -> str:
    """A path fit for a log."""
    return GRANT_IN_PATH.sub("/play/***", path)


def route_template(request: web.Request) -> str:
    """The address as it stands in the URL table: the path would tell who and what, without end."""
    resource = request.match_info.route.resource
    return NO_ROUTE if resource is None else resource.canonical


def _asks_what_tus_can(request: web.Request) -> bool:
    """Clients of tus 1.0.0 ask before they know whom they are to be."""
    return request.method == hdrs.METH_OPTIONS and request.path.startswith(UPLOADS)


def _log_level(request: web.Request, status: int) -> int | None:
    """None for no line: one for each range or report would halve how many are served."""
    if status >= 400 or not request.get(keys.IS_ROUTINE):
        return logging.INFO
    return logging.DEBUG if _standard_access_logger.isEnabledFor(logging.DEBUG) else None


def _is_gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def _cut(request: web.Request) -> web.Response:
    """What had begun ends in the middle, so that it never looks whole; the response is not sent."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=CLIENT_GONE)


def _packed() -> RequestError:
    return UnsupportedMediaType(
        "A body is sent as it is, without a Content-Encoding.",
        headers={hdrs.ACCEPT_ENCODING: "identity"},  # RFC 9110 section 15.5.16
    )


def _answer(request: web.Request, exc: RequestError) -> web.Response:
    response = exc.answer(request[keys.REQUEST_ID])
    if exc.status in (413, 507) or (exc.status == 415 and not request.content.is_eof()):
        response.force_close()  # the rest of the body is not worth reading
    return response
