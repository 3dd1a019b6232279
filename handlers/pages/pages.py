"""The web pages: a fixed set of files, read once at start.

Decides which files are served, with which media type, validators and policy headers. Knows nothing
of courses or viewers: the pages fetch their data through the API, with the browser's token.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from aiohttp import hdrs, web

from handlers.delivery.conditional import ETag, Precondition, Validators, evaluate, http_date
from handlers.delivery.negotiation import choose
from handlers.errors import PROBLEM_JSON, NotFound, PreconditionFailed
from handlers.openapi.descriptions import CONDITIONS, TEXT, VALIDATORS, Answer, Operation, Tag
from handlers.openapi.endpoints import endpoint

HOME_PAGE = "index.html"
WATCH_PAGE = "watch.html"
DOCS_PAGE = "docs.html"
MISSING_PAGE = "missing.html"
ICON = "icon.svg"

MEDIA_TYPES: Mapping[str, str] = MappingProxyType(
    {
        ".html": "text/html; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".svg": "image/svg+xml; charset=utf-8",
    }
)

# Only our own origin; thumbnails are blobs because <img> cannot send a token.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' blob:; media-src 'self' blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# The exception is media that still plays from S3, at a host that the page does not know.
POLICIES: Mapping[str, str] = MappingProxyType(
    {
        WATCH_PAGE: CONTENT_SECURITY_POLICY.replace(
            "media-src 'self'", "media-src 'self' http: https:"
        )
    }
)


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file, held in memory."""

    body: bytes
    media_type: str
    validators: Validators
    policy: str

    @classmethod
    def read(cls, path: Path, media_origin: str = "") -> Self:
        body = path.read_bytes()
        etag = ETag(sha256(body).hexdigest()[:16])
        validators = Validators(etag, int(path.stat().st_mtime))
        policy = _policy(path.name, media_origin)
        return cls(body, MEDIA_TYPES[path.suffix], validators, policy)

    @property
    def headers(self) -> dict[str, str]:
        return {
            hdrs.CONTENT_TYPE: self.media_type,
            hdrs.ETAG: str(self.validators.etag),
            hdrs.LAST_MODIFIED: http_date(self.validators.last_modified_s),
            # The names carry no version: browsers revalidate each time and get 304.
            hdrs.CACHE_CONTROL: "no-cache",
            hdrs.CONTENT_SECURITY_POLICY: self.policy,
            hdrs.REFERRER_POLICY: "no-referrer",
            hdrs.X_CONTENT_TYPE_OPTIONS: "nosniff",
        }


class Pages:
    """The files by name; files added after the start are not served."""

    def __init__(self, pages: Mapping[str, PageFile]) -> None:
        self._pages = pages

    @classmethod
    def load(cls, directory: Path, media_origin: str = "") -> Self:
        """Reads every file of a known type. Blocks. `media_origin` is where media stand, if not
        here: pages may fetch them from there."""
        paths = (path for path in directory.iterdir() if path.suffix in MEDIA_TYPES)
        return cls({path.name: PageFile.read(path, media_origin) for path in paths})

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
    return _answer(request, WATCH_PAGE)


@endpoint("GET /docs", _page("This document, to read", HTML))
async def show_docs(request: web.Request) -> web.Response:
    """Serves the page that renders `/openapi.json`."""
    return _answer(request, DOCS_PAGE)


@endpoint("GET /favicon.ico", _page("The icon", {"image/svg+xml": TEXT}))
async def show_icon(request: web.Request) -> web.Response:
    return _answer(request, ICON)


@endpoint(
    "GET /web/{name}",
    _page(
        "The pages' own files",
        {"text/html": TEXT, "text/css": TEXT, "text/javascript": TEXT, "image/svg+xml": TEXT},
    ),
)
async def serve_file(request: web.Request) -> web.Response:
    return _answer(request, request.match_info["name"])


def missing_page(request: web.Request) -> web.Response | None:
    """Returns a 404 with a page for a request that prefers HTML, as browsers' navigations do.

    None for all others: scripts and players get problem details.
    """
    pages = request.app.get(PAGES)  # the listener for metrics has none
    page = pages.find(MISSING_PAGE) if pages else None
    if page is None or choose(request.headers.get(hdrs.ACCEPT), (PROBLEM_JSON, "text/html")) != 1:
        return None
    headers = {
        hdrs.CONTENT_TYPE: page.media_type,
        hdrs.CONTENT_SECURITY_POLICY: page.policy,
        hdrs.REFERRER_POLICY: "no-referrer",
        hdrs.CACHE_CONTROL: "no-store",
        hdrs.VARY: hdrs.ACCEPT,
    }
    return web.Response(status=404, body=page.body, headers=headers)


def _policy(name: str, media_origin: str) -> str:
    policy = POLICIES.get(name, CONTENT_SECURITY_POLICY)
    if not media_origin:
        return policy
    for kind in ("img-src", "media-src"):
        policy = policy.replace(f"{kind} 'self'", f"{kind} 'self' {media_origin}")
    return f"{policy}; connect-src 'self' {media_origin}"


def _answer(request: web.Request, name: str) -> web.Response:
    page = request.app[PAGES].find(name)
    if page is None:
        raise NotFound
    match evaluate(request.method, request.headers, page.validators):
        case Precondition.FAILED:
            raise PreconditionFailed
        case Precondition.NOT_MODIFIED:
            return web.Response(status=304, headers=page.headers)
        case Precondition.PROCEED:
            return web.Response(body=page.body, headers=page.headers)
