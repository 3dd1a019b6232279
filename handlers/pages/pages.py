"""The web pages: a fixed set of built files, read once at start.

Decides which file answers which address. Knows nothing of courses or viewers: the pages fetch their
data through the API, with the browser's token.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from aiohttp import hdrs, web

from handlers.delivery.conditional import Precondition, evaluate
from handlers.delivery.negotiation import choose
from handlers.errors import PROBLEM_JSON, NotFound, PreconditionFailed
from handlers.header_values import field_value
from handlers.messages import video_id_of
from handlers.openapi.descriptions import (
    BYTES,
    CONDITIONS,
    TEXT,
    VALIDATORS,
    Answer,
    Operation,
    Tag,
)
from handlers.openapi.endpoints import endpoint
from handlers.pages.files import MEDIA_TYPES, PageFile
from handlers.pages.policies import EMBED_PAGE, STUDIO_PAGE, WATCH_PAGE, Policies

HOME_PAGE = "index.html"
DASHBOARD_PAGE = "dashboard.html"
DOCS_PAGE = "docs.html"
MISSING_PAGE = "missing.html"
ICON = "icon.svg"
EMBED = "/embed/"
WORKER = "service-worker.js"

logger = logging.getLogger(__name__)


class Pages:
    """The files by name; files added after the start are not served."""

    def __init__(self, pages: Mapping[str, PageFile]) -> None:
        self._pages = pages

    @classmethod
    def load(cls, directory: Path, policies: Policies | None = None) -> Self:
        """Reads every built file of a known type. Blocks."""
        policies = policies or Policies()
        paths = directory.iterdir() if directory.is_dir() else ()
        pages = {
            path.name: PageFile.read(path, policies.of(path.name))
            for path in paths
            if path.suffix in MEDIA_TYPES
        }
        if not pages:
            logger.warning("The web pages are not built, so none is served: run `make install`.")
        return cls(pages)

    def find(self, name: str) -> PageFile | None:
        return self._pages.get(name)


PAGES = web.AppKey("pages", Pages)


def _page(summary: str, content: Mapping[str, Any]) -> Operation:
    return Operation(
        tag=Tag.PAGES,
        summary=summary,
        answers=(
            Answer(200, "The file.", content, VALIDATORS),
            Answer(304, "As the client has it.", headers=VALIDATORS),
        ),
        parameters=CONDITIONS,
        problems=(NotFound, PreconditionFailed),
    )


HTML = {"text/html": TEXT}


@endpoint("GET /", _page("The courses", HTML))
async def show_home(request: web.Request) -> web.Response:
    return _answer(request, HOME_PAGE)


@endpoint("GET /watch/{video_id}", _page("A video, to watch", HTML))
async def show_watch(request: web.Request) -> web.Response:
    """Serves the same page for every video: its script reads the id from the URL."""
    _require_video_id(request)
    return _answer(request, WATCH_PAGE)


@endpoint("GET /embed/{video_id}", _page("The player alone, for frames of `CORS_ORIGINS`", HTML))
async def show_embed(request: web.Request) -> web.Response:
    """Serves the same page for every video; its policy names who may frame it."""
    _require_video_id(request)
    return _answer(request, EMBED_PAGE)


@endpoint("GET /studio", _page("The courses that the viewer teaches", HTML))
async def show_studio(request: web.Request) -> web.Response:
    """Serves the page of all of the studio: its script reads from the URL what is edited."""
    return _answer(request, STUDIO_PAGE)


@endpoint("GET /studio/courses/{course_id}", _page("A course, to edit", HTML))
async def show_studio_course(request: web.Request) -> web.Response:
    return _answer(request, STUDIO_PAGE)


@endpoint("GET /studio/videos/{video_id}", _page("A video, to edit", HTML))
async def show_studio_video(request: web.Request) -> web.Response:
    return _answer(request, STUDIO_PAGE)


@endpoint("GET /dashboard", _page("What is watched in the courses that the viewer teaches", HTML))
async def show_dashboard(request: web.Request) -> web.Response:
    """Serves the page of all figures: its script reads from the URL of what they are."""
    return _answer(request, DASHBOARD_PAGE)


@endpoint("GET /dashboard/courses/{course_id}", _page("What is watched in a course", HTML))
async def show_dashboard_course(request: web.Request) -> web.Response:
    return _answer(request, DASHBOARD_PAGE)


@endpoint("GET /dashboard/videos/{video_id}", _page("What is watched of a video", HTML))
async def show_dashboard_video(request: web.Request) -> web.Response:
    return _answer(request, DASHBOARD_PAGE)


@endpoint("GET /dashboard/server", _page("The service, for who runs it", HTML))
async def show_dashboard_server(request: web.Request) -> web.Response:
    return _answer(request, DASHBOARD_PAGE)


@endpoint("GET /dashboard/sessions", _page("Playback sessions, found by user and day", HTML))
async def show_dashboard_sessions(request: web.Request) -> web.Response:
    return _answer(request, DASHBOARD_PAGE)


@endpoint("GET /dashboard/sessions/{session_id}", _page("A session, and why it stalled", HTML))
async def show_dashboard_session(request: web.Request) -> web.Response:
    return _answer(request, DASHBOARD_PAGE)


@endpoint("GET /docs", _page("This document, to read", HTML))
async def show_docs(request: web.Request) -> web.Response:
    """Serves the page that renders `/openapi.json`."""
    return _answer(request, DOCS_PAGE)


@endpoint("GET /favicon.ico", _page("The icon", {"image/svg+xml": BYTES}))
async def show_icon(request: web.Request) -> web.Response:
    return _answer(request, ICON)


@endpoint(
    "GET /service-worker.js",
    _page("The service worker that keeps the watch page", {"text/javascript": TEXT}),
)
async def show_worker(request: web.Request) -> web.Response:
    """Serves it at the root: a worker controls pages below its own address alone."""
    return _answer(request, WORKER)


@endpoint(
    "GET /static/{name}",
    _page(
        "What the pages are made of, and the player as a module for other sites",
        {
            "text/html": TEXT,
            "text/css": TEXT,
            "text/javascript": TEXT,
            "image/svg+xml": BYTES,
            "font/woff2": BYTES,
        },
    ),
)
async def serve_file(request: web.Request) -> web.Response:
    return _answer(request, request.match_info["name"])


def missing_page(request: web.Request) -> web.Response | None:
    """Returns a 404 with a page for a request that prefers HTML, as browsers' navigations do.

    None for all others: scripts and players get problem details.
    """
    pages = request.app.get(PAGES, Pages({}))  # the listener for metrics has none
    page = pages.find(MISSING_PAGE)
    framed = pages.find(EMBED_PAGE) if request.path.startswith(EMBED) else None
    if (
        page is None
        or choose(field_value(request.headers, hdrs.ACCEPT), (PROBLEM_JSON, "text/html")) != 1
    ):
        return None
    headers = {
        hdrs.CONTENT_TYPE: page.media_type,
        hdrs.CONTENT_SECURITY_POLICY: (framed or page).policy,
        hdrs.REFERRER_POLICY: "no-referrer",
        hdrs.CACHE_CONTROL: "no-store",
        hdrs.VARY: hdrs.ACCEPT,
    }
    return web.Response(status=404, body=page.body, headers=headers)


def _require_video_id(request: web.Request) -> None:
    """Raises NotFound for a path that names no video: no script needs to find that out."""
    if video_id_of(request) is None:
        raise NotFound


def _answer(request: web.Request, name: str) -> web.Response:
    page = request.app[PAGES].find(name)
    if page is None:
        raise NotFound
    encoding = page.encoding_for(field_value(request.headers, hdrs.ACCEPT_ENCODING))
    headers = page.headers(encoding)
    match evaluate(request.method, request.headers, page.validators(encoding)):
        case Precondition.FAILED:
            raise PreconditionFailed
        case Precondition.NOT_MODIFIED:
            return web.Response(status=304, headers=headers)
        case Precondition.PROCEED:
            return web.Response(body=page.encoded(encoding), headers=headers)
