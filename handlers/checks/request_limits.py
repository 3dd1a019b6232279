"""Rate limiting of requests, checked before anything that costs more."""

import time
from collections.abc import Collection

from aiohttp import web

from handlers import keys


def require_request_by_bearer(request: web.Request) -> None:
    """Like `require_request`, for the viewer of a bearer token."""
    viewer = request[keys.VIEWER]
    require_request(request, viewer.user_id, viewer.roles)


def require_request(request: web.Request, user_id: str, roles: Collection[str]) -> None:
    """Takes one playback request from the user's bucket. Raises RateLimited."""
    request.app[keys.PLAYING_LIMITS].require_request(user_id, roles, time.monotonic())


def require_report(request: web.Request, user_id: str, roles: Collection[str]) -> None:
    """Takes one progress report from the user's bucket. Raises RateLimited."""
    request.app[keys.REPORT_LIMITS].require(user_id, roles, time.monotonic())
