from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from pytest_aiohttp import AiohttpClient

from handlers.errors import as_request_error
from handlers.pages.pages import (
    MEDIA_TYPES,
    PAGES,
    Pages,
    serve_file,
    show_docs,
    show_home,
    show_icon,
    show_watch,
)

WEB = Path(__file__).resolve().parents[3] / "web"
WATCH = "/watch/0198c0de-0000-7000-8000-000000000001"
ADDRESSES = ("/", WATCH, "/favicon.ico", "/web/style.css", "/web/watch.js")

Client = TestClient[web.Request, web.Application]


@pytest.fixture
def pages() -> Pages:
    return Pages.load(WEB)


@pytest.fixture
async def client(aiohttp_client: AiohttpClient, pages: Pages) -> Client:
    app = web.Application(middlewares=[_problems])
    app[PAGES] = pages
    app.router.add_get("/", show_home)
    app.router.add_get("/watch/{video_id}", show_watch)
    app.router.add_get("/docs", show_docs)
    app.router.add_get("/favicon.ico", show_icon)
    app.router.add_get("/web/{name}", serve_file)
    return await aiohttp_client(app)


@web.middleware
async def _problems(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except Exception as exc:
        return as_request_error(exc).answer("request-1")


@pytest.mark.parametrize(
    ("address", "media_type", "piece"),
    [
        pytest.param("/", "text/html; charset=utf-8", "/web/home.js", id="home"),
        pytest.param(WATCH, "text/html; charset=utf-8", "<video", id="watch"),
        pytest.param("/docs", "text/html; charset=utf-8", "/web/docs.js", id="docs"),
        pytest.param("/favicon.ico", "image/svg+xml; charset=utf-8", "<svg", id="icon"),
        pytest.param("/web/style.css", "text/css; charset=utf-8", ":root", id="style"),
        # A module script of any other type is refused by every browser.
        pytest.param("/web/watch.js", "text/javascript; charset=utf-8", "import", id="script"),
    ],
)
async def test_each_file_comes_with_its_media_type(
    client: Client, address: str, media_type: str, piece: str
) -> None:
    answer = await client.get(address)

    assert answer.status == 200
    assert answer.headers["Content-Type"] == media_type
    assert piece in await answer.text()


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
        assert ("media-src 'self' http:" in policy) == address.startswith("/watch/")
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
    answer = await client.get(f"/web/{name}")

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


def test_nothing_is_fetched_from_elsewhere() -> None:
    own_namespace = "http://www.w3.org/2000/svg"

    for path in (path for path in WEB.iterdir() if path.suffix in MEDIA_TYPES):
        text = path.read_text().replace(own_namespace, "")
        assert "http://" not in text, path.name
        assert "https://" not in text, path.name
        assert "style=" not in text, path.name  # the policy would drop it
