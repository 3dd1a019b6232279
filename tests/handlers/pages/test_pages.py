import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from pytest_aiohttp import AiohttpClient

from handlers.errors import as_request_error
from handlers.pages.encodings import ENCODINGS, chosen_encoding
from handlers.pages.files import FOREVER, MEDIA_TYPES, REVALIDATED
from handlers.pages.pages import (
    PAGES,
    Pages,
    serve_file,
    show_dashboard,
    show_dashboard_course,
    show_dashboard_server,
    show_dashboard_session,
    show_dashboard_sessions,
    show_dashboard_video,
    show_docs,
    show_embed,
    show_home,
    show_icon,
    show_studio,
    show_studio_course,
    show_studio_video,
    show_watch,
    show_worker,
)
from handlers.pages.policies import Policies
from tests.programs.web_build import DIST, built_pages

SITES = ("https://lms.example", "http://localhost:3000")
WATCH = "/watch/0198c0de-0000-7000-8000-000000000001"
EMBED = "/embed/0198c0de-0000-7000-8000-000000000001"
ENTRY = "/static/course-video.js"
STUDIO = "/studio"
STUDIO_COURSE = "/studio/courses/c1"
STUDIO_VIDEO = "/studio/videos/0198c0de-0000-7000-8000-000000000001"
DASHBOARD = "/dashboard"
DASHBOARD_COURSE = "/dashboard/courses/c1"
DASHBOARD_VIDEO = "/dashboard/videos/0198c0de-0000-7000-8000-000000000001"
DASHBOARD_SERVER = "/dashboard/server"
DASHBOARD_SESSIONS = "/dashboard/sessions"
DASHBOARD_SESSION = "/dashboard/sessions/s-1"
DASHBOARDS = (
    DASHBOARD,
    DASHBOARD_COURSE,
    DASHBOARD_VIDEO,
    DASHBOARD_SERVER,
    DASHBOARD_SESSIONS,
    DASHBOARD_SESSION,
)
FONT = "inter-latin-wght-*.woff2"
WITH_PLAYER = (WATCH, EMBED, STUDIO, STUDIO_COURSE, STUDIO_VIDEO)
WORKER = "/service-worker.js"
ADDRESSES = ("/", *WITH_PLAYER, *DASHBOARDS, "/favicon.ico", WORKER, ENTRY)

Client = TestClient[web.Request, web.Application]


@pytest.fixture(scope="module")
def pages() -> Pages:
    return Pages.load(built_pages(), Policies(SITES))


@pytest.fixture
async def client(aiohttp_client: AiohttpClient, pages: Pages) -> Client:
    app = web.Application(middlewares=[_problems])
    app[PAGES] = pages
    app.router.add_get("/", show_home)
    app.router.add_get("/watch/{video_id}", show_watch)
    app.router.add_get("/embed/{video_id}", show_embed)
    app.router.add_get("/studio", show_studio)
    app.router.add_get("/studio/courses/{course_id}", show_studio_course)
    app.router.add_get("/studio/videos/{video_id}", show_studio_video)
    app.router.add_get("/dashboard", show_dashboard)
    app.router.add_get("/dashboard/courses/{course_id}", show_dashboard_course)
    app.router.add_get("/dashboard/videos/{video_id}", show_dashboard_video)
    app.router.add_get("/dashboard/server", show_dashboard_server)
    app.router.add_get("/dashboard/sessions", show_dashboard_sessions)
    app.router.add_get("/dashboard/sessions/{session_id}", show_dashboard_session)
    app.router.add_get("/docs", show_docs)
    app.router.add_get("/favicon.ico", show_icon)
    app.router.add_get("/service-worker.js", show_worker)
    app.router.add_get("/static/{name}", serve_file)
    return await aiohttp_client(app)


@web.middleware
async def _problems(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except Exception as exc:
        return as_request_error(exc).answer("request-1")


def _built(pattern: str) -> str:
    """The address of the one built file of that pattern."""
    (path,) = DIST.glob(pattern)
    return f"/static/{path.name}"


@pytest.mark.parametrize(
    ("address", "media_type", "piece"),
    [
        pytest.param("/", "text/html; charset=utf-8", "/static/home-", id="home"),
        pytest.param(WATCH, "text/html; charset=utf-8", "<course-video", id="watch"),
        pytest.param(EMBED, "text/html; charset=utf-8", "<course-video", id="embed"),
        pytest.param(STUDIO, "text/html; charset=utf-8", "/static/studio-", id="studio"),
        pytest.param(STUDIO_COURSE, "text/html; charset=utf-8", "/static/studio-", id="a course"),
        pytest.param(STUDIO_VIDEO, "text/html; charset=utf-8", "/static/studio-", id="a lesson"),
        *(
            pytest.param(page, "text/html; charset=utf-8", "/static/dashboard-", id=page)
            for page in DASHBOARDS
        ),
        pytest.param("/docs", "text/html; charset=utf-8", "/static/docs-", id="docs"),
        pytest.param("/favicon.ico", "image/svg+xml; charset=utf-8", "<svg", id="icon"),
        pytest.param(WORKER, "text/javascript; charset=utf-8", "/static/watch-", id="the worker"),
        # A module script of any other type is refused by every browser.
        pytest.param(ENTRY, "text/javascript; charset=utf-8", "export", id="the player's module"),
        pytest.param(FONT, "font/woff2", b"wOF2", id="a font"),
    ],
)
async def test_each_file_comes_with_its_media_type(
    client: Client, address: str, media_type: str, piece: str | bytes
) -> None:
    answer = await client.get(_built(address) if "*" in address else address)

    assert answer.status == 200
    assert answer.headers["Content-Type"] == media_type
    assert piece in (await answer.read() if isinstance(piece, bytes) else await answer.text())


@pytest.mark.parametrize("address", ADDRESSES)
async def test_every_answer_carries_the_policies(client: Client, address: str) -> None:
    etag = (await client.get(address)).headers["ETag"]

    for answer in (
        await client.get(address),
        await client.head(address),
        await client.get(address, headers={"If-None-Match": etag}),
    ):
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert "require-trusted-types-for 'script'" in policy
        has_player = address in WITH_PLAYER
        assert ("media-src 'self' blob: http:" in policy) == has_player
        framed_by = " ".join(SITES) if address == EMBED else "'none'"
        assert policy.endswith(f"frame-ancestors {framed_by}")
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        pytest.param("If-None-Match", "{etag}", 304, id="known"),
        pytest.param("If-None-Match", "W/{etag}", 304, id="weakened by a proxy"),
        pytest.param("If-None-Match", '"other", {etag}', 304, id="one of several"),
        pytest.param("If-None-Match", "*", 304, id="any"),
        pytest.param("If-None-Match", '"other"', 200, id="older version"),
        pytest.param("If-None-Match", "{etag", 200, id="malformed"),
        pytest.param("If-Match", '"other"', 412, id="precondition"),
    ],
)
async def test_preconditions_are_followed(
    client: Client, field: str, value: str, status: int
) -> None:
    etag = (await client.get("/")).headers["ETag"]

    answer = await client.get("/", headers={field: value.replace("{etag}", etag)})

    assert answer.status == status
    if status == 304:
        assert answer.headers["ETag"] == etag
        assert await answer.read() == b""


@pytest.mark.parametrize(
    "name",
    ["missing.js", "..%2fsetup.cfg", "%2fetc%2fpasswd", "style.css%00", "STYLE.css"],
)
async def test_a_name_outside_of_the_set_is_not_found(client: Client, name: str) -> None:
    answer = await client.get(f"/static/{name}")

    assert answer.status == 404
    assert answer.content_type == "application/problem+json"


def test_a_file_that_comes_later_is_not_served(tmp_path: Path) -> None:
    (tmp_path / "early.js").write_text("1")
    pages = Pages.load(tmp_path)
    (tmp_path / "late.js").write_text("2")

    assert pages.find("early.js") is not None
    assert pages.find("late.js") is None


def test_files_of_other_types_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("private")

    assert Pages.load(tmp_path).find("notes.txt") is None


async def test_hashed_names_are_kept_for_ever_and_others_revalidated(client: Client) -> None:
    for address, expected in (
        (_built("watch-*.js"), FOREVER),
        (_built("base-*.css"), FOREVER),
        (_built(FONT), FOREVER),
        (ENTRY, REVALIDATED),
        (WATCH, REVALIDATED),
    ):
        answer = await client.get(address)

        assert answer.headers["Cache-Control"] == expected


@pytest.mark.parametrize("coding", ["br", "gzip"])
async def test_files_come_compressed_to_whom_accepts_it(
    aiohttp_client: AiohttpClient, client: Client, coding: str
) -> None:
    address = _built("watch-*.js")
    raw = TestClient(client.server, auto_decompress=False)
    plain = await raw.get(address, headers={"Accept-Encoding": "identity"})
    coded = await raw.get(address, headers={"Accept-Encoding": coding})
    known = await raw.get(
        address, headers={"Accept-Encoding": coding, "If-None-Match": coded.headers["ETag"]}
    )

    stored = (DIST / f"{Path(address).name}{ENCODINGS[coding]}").read_bytes()
    assert await coded.read() == stored
    assert coded.headers["Content-Encoding"] == coding
    assert "Content-Encoding" not in plain.headers
    assert coded.headers["ETag"] != plain.headers["ETag"]
    assert coded.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    assert known.status == 304
    await raw.session.close()


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        pytest.param("gzip, deflate, br, zstd", "br", id="browsers"),
        pytest.param("gzip", "gzip", id="no br"),
        pytest.param("br;q=0.5, gzip;q=0.9", "gzip", id="weights"),
        pytest.param("br;q=0, *", "gzip", id="any other"),
        pytest.param("*;q=0.1", "br", id="any"),
        pytest.param("gzip;q=0, br;q=0.000", None, id="refused"),
        pytest.param("identity", None, id="identity"),
        pytest.param("", None, id="empty"),
        pytest.param(None, None, id="absent"),
        pytest.param("GZIP ; q=1", "gzip", id="case and blanks"),
        pytest.param("gzip;q=2, br;level=3", None, id="malformed"),
        pytest.param("br," * 400, None, id="too long"),
    ],
)
def test_the_best_coding_is_chosen(accept: str | None, expected: str | None) -> None:
    assert chosen_encoding(accept, frozenset(ENCODINGS)) == expected


@pytest.mark.parametrize("page", ["index.html", "watch.html", "embed.html"])
def test_media_may_come_from_the_edge(page: str) -> None:
    policy = Policies(media_origin="https://edge.example").of(page)

    for kind in ("img-src", "media-src", "connect-src"):
        assert f"{kind} 'self' https://edge.example" in policy


def test_without_a_build_no_page_is_served(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert Pages.load(tmp_path / "dist").find("index.html") is None
    assert "make install" in caplog.text


def test_nothing_is_fetched_from_elsewhere() -> None:
    namespaces = re.compile(r"http://www\.w3\.org/(2000/svg|1999/xhtml|1998/Math/MathML)")

    # hls.js names addresses of specifications; its code fetches what playlists name.
    for path in (path for path in DIST.iterdir() if path.suffix in MEDIA_TYPES):
        if path.name.startswith("hls_engine") or path.suffix == ".woff2":
            continue
        text = namespaces.sub("", path.read_text())
        assert "http://" not in text, path.name
        assert "https://" not in text, path.name
        assert "style=" not in text, path.name  # the policy would drop it
