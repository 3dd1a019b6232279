"""Sign-in that lasts: a page exchanges its bearer token for a session's cookie.

The cookie holds the token itself, so no process keeps a session, and it ends with the token. It
counts for requests of this service's own pages only: `SameSite=Strict` keeps it from other sites,
and what the browser says of the page from other origins of the same site.
"""

import time
from datetime import UTC, datetime

from aiohttp import hdrs, web

from handlers import keys
from handlers.access import session_cookie
from handlers.access.auth import TOKEN, Viewer
from handlers.access.own_origin import SAFE_METHODS
from handlers.errors import InvalidToken, NotAllowed, TooLarge
from handlers.messages import SessionView, answer_json
from handlers.openapi.descriptions import JSON, Answer, Operation, Tag
from handlers.openapi.endpoints import endpoint

SESSION = "/api/v1/session"
NEVER = datetime.max.replace(tzinfo=UTC)


async def identified(request: web.Request) -> Viewer:
    """Returns the caller: by the Authorization header, else by the cookie where it counts.

    Raises InvalidToken, which ends a session whose token it is, NotAllowed, Unavailable.
    """
    verifier = request.app[keys.VERIFIER]
    token = None if hdrs.AUTHORIZATION in request.headers else _session_of(request)
    if token is None:
        return await verifier.viewer_of(request)
    request[keys.NOTES].is_by_cookie = True
    try:
        return await verifier.viewer_of_token(request, token)
    except InvalidToken as exc:
        exc.headers[hdrs.SET_COOKIE] = _ended(request)
        raise


def keep_private(response: web.StreamResponse) -> None:
    """Keeps shared caches from what a cookie opened; the Authorization header does by itself."""
    response.headers.setdefault(hdrs.CACHE_CONTROL, "private, no-cache")
    varies = [*response.headers.getall(hdrs.VARY, ()), hdrs.COOKIE]
    response.headers[hdrs.VARY] = ", ".join(varies)


@endpoint(
    f"POST {SESSION}",
    Operation(
        tag=Tag.SIGN_IN,
        summary="Begin a session: the token becomes a cookie that lives as long as it does",
        answers=(Answer(204, "Begun.", headers=("Set-Cookie",)),),
        problems=(NotAllowed, TooLarge),
    ),
)
async def begin_session(request: web.Request) -> web.Response:
    """Puts the caller's token into the cookie, for pages of this origin and for programs."""
    own, token = request.app[keys.OWN_ORIGIN], request[TOKEN]
    if not own.is_possible(request):
        raise NotAllowed("Only pages of this service's own origin have sessions.")
    if not session_cookie.fits(token):
        raise TooLarge("The token is longer than browsers allow a cookie to be.")
    life_s = _token_expiry(request) - time.time()
    cookie = session_cookie.begun(token, life_s, is_secure=own.is_secure(request))
    return _answer(cookie)


@endpoint(
    f"GET {SESSION}",
    Operation(
        tag=Tag.SIGN_IN,
        summary="Who the caller is, and until when",
        answers=(
            Answer(200, "The caller.", {JSON: SessionView}, ("Cache-Control",)),
            Answer(204, "Nobody: neither token nor cookie.", headers=("Cache-Control",)),
        ),
        access="optional",
    ),
)
async def get_session(request: web.Request) -> web.Response:
    """Tells a page whose cookie it sends, which no script can read.

    Every page asks, a newcomer's too: 401 would be an error in the browser's console.
    """
    if hdrs.AUTHORIZATION not in request.headers and _session_of(request) is None:
        return web.Response(status=204, headers={hdrs.CACHE_CONTROL: "no-store"})
    viewer = request[keys.VIEWER] = await identified(request)
    view = SessionView(
        viewer.user_id, viewer.name, sorted(viewer.roles), _as_time(_token_expiry(request))
    )
    return answer_json(view, headers={hdrs.CACHE_CONTROL: "no-store"})


@endpoint(
    f"DELETE {SESSION}",
    Operation(
        tag=Tag.SIGN_IN,
        summary="End the session: the browser forgets the cookie",
        answers=(Answer(204, "Ended, or there was none.", headers=("Set-Cookie",)),),
        problems=(NotAllowed,),
        access="open",
    ),
)
async def end_session(request: web.Request) -> web.Response:
    """Ends the session also of a token that is no longer valid."""
    if hdrs.AUTHORIZATION not in request.headers:
        _session_of(request)
    return _answer(_ended(request))


def _session_of(request: web.Request) -> str | None:
    """Returns the cookie's token, None where there is none or it does not count.

    Raises NotAllowed for a write that no page of ours is known to have sent.
    """
    # HTTP/2 splits the field, and not each proxy joins it again (RFC 9113 section 8.2.3).
    lines = request.headers.getall(hdrs.COOKIE, None)
    if lines is None:
        return None
    own = request.app[keys.OWN_ORIGIN]
    token = session_cookie.read("; ".join(lines), is_secure=own.is_secure(request))
    if token is None:
        return None
    if request.method in SAFE_METHODS:
        return token if own.is_possible(request) else None
    if not own.is_certain(request):
        raise NotAllowed(
            "A change by the session's cookie needs `Origin` of this service, or"
            " `Sec-Fetch-Site: same-origin`."
        )
    return token


def _ended(request: web.Request) -> str:
    return session_cookie.ended(is_secure=request.app[keys.OWN_ORIGIN].is_secure(request))


def _token_expiry(request: web.Request) -> float:
    """Returns the token's own `exp`: the leeway is for clocks, not for people."""
    return request[keys.VIEWER].expires_at - request.app[keys.VERIFIER].leeway_s


def _as_time(unix_s: float) -> datetime:
    return datetime.fromtimestamp(unix_s, UTC) if unix_s < NEVER.timestamp() else NEVER


def _answer(cookie: str) -> web.Response:
    headers: dict[str, str] = {hdrs.SET_COOKIE: cookie, hdrs.CACHE_CONTROL: "no-store"}
    return web.Response(status=204, headers=headers)
