"""Authorisation for edges: whether a grant is still valid.

For nginx's `auth_request` and its like: a status and nothing else. It counts for no limit, since an
edge asks for many ranges at once and keeps the answer for seconds.
"""

from aiohttp import hdrs, web

from handlers import keys
from handlers.checks.authorisation import granted
from handlers.errors import InvalidToken, NotEnrolled, Unavailable
from handlers.openapi.descriptions import Answer, Operation, Tag
from handlers.openapi.endpoints import endpoint
from handlers.playback.permits import cache_control


@endpoint(
    "GET /play/{grant}/{video_id}/authorise",
    Operation(
        tag=Tag.PLAYING,
        summary="Asked by an edge: does the grant stand for this video?",
        answers=(
            Answer(
                204, "It does, for as long as `Cache-Control` says.", headers=("Cache-Control",)
            ),
            Answer(401, "It is bad or has expired.", headers=("WWW-Authenticate",)),
            Answer(403, "It was withdrawn, or is for another video."),
        ),
        access="open",
        has_head=True,
    ),
)
async def authorise(request: web.Request) -> web.Response:
    """Answers without a body, and ignores preconditions: nothing but the status is read."""
    request[keys.NOTES].is_routine = True
    try:
        grant = granted(request)
    except (InvalidToken, NotEnrolled, Unavailable) as exc:
        request[keys.NOTES].problem_code = exc.code
        headers = {**exc.headers, hdrs.CACHE_CONTROL: "no-store"}
        return web.Response(status=exc.status, headers=headers)
    return web.Response(status=204, headers={hdrs.CACHE_CONTROL: cache_control(grant)})
