"""Cross-origin requests (Fetch standard, "CORS protocol") from pages of CORS_ORIGINS.

Only the API, playback by grant and the player's module are shared. Browser credentials are never
used: a token is in a header, a grant in the path. Other origins get no CORS headers; without
CORS_ORIGINS no middleware is installed.
"""

from collections.abc import Awaitable, Callable, Sequence

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

SHARED = ("/api/v1/", "/play/", "/media/", "/static/")
METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
# Request headers that need a preflight: tokens, ranges and conditions, EventSource, tus, CMCD.
REQUEST_HEADERS = (
    "Authorization, Content-Type, Range, If-Range, If-Match, If-None-Match, If-Modified-Since,"
    " If-Unmodified-Since, Last-Event-ID, Cache-Control, Tus-Resumable, Upload-Length,"
    " Upload-Offset, Upload-Metadata, Upload-Checksum, Upload-Defer-Length, X-HTTP-Method-Override,"
    " CMCD-Object, CMCD-Request, CMCD-Session, CMCD-Status"
)
EXPOSED_HEADERS = (
    "Content-Range, Content-Length, ETag, Accept-Ranges, X-Request-ID, Location, Retry-After,"
    " Content-Disposition, RateLimit, RateLimit-Policy, Tus-Resumable, Tus-Version, Tus-Extension,"
    " Tus-Max-Size, Tus-Checksum-Algorithm, Upload-Offset, Upload-Length, Upload-Expires,"
    " Upload-Metadata, X-Video-ID"
)
PREFLIGHT_MAX_AGE_S = 7200  # the most that Chromium honours

Signal = Callable[[web.Request, web.StreamResponse], Awaitable[None]]


def middlewares(origins: Sequence[str] | None) -> list[Middleware]:
    """Returns the preflight middleware; it precedes `identify`, since a preflight has no token."""
    allowed = frozenset(origins or ())

    @web.middleware
    async def answer_preflight(request: web.Request, handler: Handler) -> web.StreamResponse:
        if _is_preflight(request) and request.headers[hdrs.ORIGIN] in allowed:
            return _preflight_answer()
        return await handler(request)

    return [answer_preflight] if allowed else []


def signals(origins: Sequence[str] | None) -> list[Signal]:
    """Returns `on_response_prepare` signals: streams, errors and 304 need the headers, too."""
    allowed = frozenset(origins or ())

    async def share(request: web.Request, response: web.StreamResponse) -> None:
        if not request.path.startswith(SHARED):
            return
        varies = [*response.headers.getall(hdrs.VARY, ()), hdrs.ORIGIN]
        response.headers[hdrs.VARY] = ", ".join(varies)
        origin = request.headers.get(hdrs.ORIGIN)
        if origin in allowed:
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
            response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = EXPOSED_HEADERS

    return [share] if allowed else []


def _is_preflight(request: web.Request) -> bool:
    return (
        request.method == hdrs.METH_OPTIONS
        and hdrs.ORIGIN in request.headers
        and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers
        and request.path.startswith(SHARED)
    )


def _preflight_answer() -> web.Response:
    """Answers every path alike: whether it exists, the actual request will show."""
    return web.Response(
        status=204,
        headers={
            hdrs.ACCESS_CONTROL_ALLOW_METHODS: METHODS,
            hdrs.ACCESS_CONTROL_ALLOW_HEADERS: REQUEST_HEADERS,
            hdrs.ACCESS_CONTROL_MAX_AGE: str(PREFLIGHT_MAX_AGE_S),
        },
    )
