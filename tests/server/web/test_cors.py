"""Pages of other origins: who may call what, and what they may read of the answers."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import hdrs, web
from aiohttp.test_utils import TestServer

from events.metrics import Metrics
from handlers import keys
from handlers.errors import InvalidToken
from server.web import cors, middlewares

ORIGIN, OTHER = "https://lms.example", "https://evil.example"
ASKED = hdrs.ACCESS_CONTROL_REQUEST_METHOD
SHARED = ["/api/v1/courses", "/play/grant/video/asset"]
PROMISED = {"Content-Range", "Content-Length", "ETag", "Accept-Ranges", "X-Request-ID"}


async def answer(request: web.Request) -> web.Response:
    return web.Response(text="answer")


async def varying(request: web.Request) -> web.Response:
    return web.Response(headers={"Vary": "Accept"})


async def stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(b": hello\n\n")
    return response


@web.middleware
async def need_token(request: web.Request, handler: Any) -> web.StreamResponse:
    """Stands where identity does."""
    if request.path.startswith(middlewares.API) and "Authorization" not in request.headers:
        raise InvalidToken
    response: web.StreamResponse = await handler(request)
    return response


def application(*origins: str) -> web.Application:
    app = web.Application(
        middlewares=[
            middlewares.observe,
            middlewares.answer_errors,
            *cors.middlewares(origins),
            need_token,
        ]
    )
    app[keys.METRICS] = Metrics()
    app.on_response_prepare.append(middlewares.add_common_headers)
    app.on_response_prepare.extend(cors.signals(origins))
    app.router.add_get("/api/v1/courses", answer)
    app.router.add_get("/api/v1/varying", varying)
    app.router.add_get("/api/v1/events", stream)
    app.router.add_get("/play/{grant}/{video_id}/{asset}", answer)
    app.router.add_get("/", answer)
    app.router.add_get("/healthz", answer)
    return app


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    app = application(ORIGIN, "http://localhost:3000")
    async with TestServer(app) as server, aiohttp.ClientSession(server.make_url("/")) as session:
        yield session


async def headers_of(
    session: aiohttp.ClientSession, method: str, path: str, **headers: str
) -> tuple[int, Any]:
    async with session.request(method, path, headers=headers) as response:
        await response.read()
        return response.status, response.headers


def shared_headers(headers: Any) -> set[str]:
    return {name for name in headers if name.startswith("Access-Control-")}


@pytest.mark.parametrize("path", [*SHARED, "/api/v1/uploads/an-id", "/api/v1/nowhere"])
@pytest.mark.parametrize("origin", [ORIGIN, "http://localhost:3000"])
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
async def test_preflight_needs_no_token(
    session: aiohttp.ClientSession, path: str, origin: str, method: str
) -> None:
    status, headers = await headers_of(
        session, "OPTIONS", path, **{"Origin": origin, ASKED: method}
    )

    assert status == 204
    assert headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] == origin
    assert method in headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS].split(", ")
    assert "Origin" in headers["Vary"]
    assert int(headers[hdrs.ACCESS_CONTROL_MAX_AGE]) > 0


@pytest.mark.parametrize(
    "name",
    [
        *("Authorization", "Content-Type", "Range", "If-Range", "If-None-Match", "Last-Event-ID"),
        *("Tus-Resumable", "Upload-Offset", "Upload-Metadata", "Upload-Checksum"),
        "X-HTTP-Method-Override",
    ],
)
async def test_preflight_allows_what_clients_send(
    session: aiohttp.ClientSession, name: str
) -> None:
    _, headers = await headers_of(session, "OPTIONS", SHARED[0], **{"Origin": ORIGIN, ASKED: "GET"})

    assert name in headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS].split(", ")


@pytest.mark.parametrize(
    "origin",
    [
        OTHER,
        "null",
        "*",
        "",
        "http://lms.example",
        "https://lms.example:444",
        "https://lms.example.evil.example",
        "https://sub.lms.example",
        f"{ORIGIN}/",
        f"{ORIGIN}, {OTHER}",
    ],
)
async def test_other_origins_learn_nothing(session: aiohttp.ClientSession, origin: str) -> None:
    claimed = {"Origin": origin, "Authorization": "x"}
    _, preflight = await headers_of(session, "OPTIONS", SHARED[0], **claimed, **{ASKED: "GET"})
    status, headers = await headers_of(session, "GET", SHARED[0], **claimed)

    assert status == 200  # it is the browser that keeps the answer from the page
    assert shared_headers(preflight) == shared_headers(headers) == set()
    assert headers["Vary"] == "Origin"


async def test_preflight_of_another_origin_is_a_call_without_a_token(
    session: aiohttp.ClientSession,
) -> None:
    status, _ = await headers_of(session, "OPTIONS", SHARED[0], **{"Origin": OTHER, ASKED: "GET"})

    assert status == 401


async def test_plain_options_is_no_preflight(session: aiohttp.ClientSession) -> None:
    status, _ = await headers_of(session, "OPTIONS", SHARED[0], Origin=ORIGIN)

    assert status == 401


@pytest.mark.parametrize(
    ("path", "status"),
    [
        *((path, 200) for path in SHARED),
        ("/api/v1/events", 200),
        ("/api/v1/nowhere", 404),
        ("/play/grant/nowhere", 404),
    ],
)
async def test_page_may_read_the_answer(
    session: aiohttp.ClientSession, path: str, status: int
) -> None:
    answered, headers = await headers_of(session, "GET", path, Origin=ORIGIN, Authorization="x")

    assert answered == status
    assert headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] == ORIGIN
    assert set(headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS].split(", ")) >= PROMISED
    assert hdrs.ACCESS_CONTROL_ALLOW_CREDENTIALS not in headers
    assert "*" not in "".join(headers.getall(hdrs.ACCESS_CONTROL_ALLOW_ORIGIN))


async def test_page_may_read_why_it_was_refused(session: aiohttp.ClientSession) -> None:
    status, headers = await headers_of(session, "GET", SHARED[0], Origin=ORIGIN)

    assert status == 401
    assert headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] == ORIGIN


@pytest.mark.parametrize("path", ["/", "/healthz", "/nowhere"])
async def test_what_is_not_the_api_is_not_shared(session: aiohttp.ClientSession, path: str) -> None:
    _, headers = await headers_of(session, "GET", path, Origin=ORIGIN)

    assert shared_headers(headers) == set()
    assert "Origin" not in headers.get("Vary", "")


async def test_answer_varies_with_the_origin_also_for_who_names_none(
    session: aiohttp.ClientSession,
) -> None:
    """Or a cache would give one page's answer to another."""
    _, headers = await headers_of(session, "GET", "/api/v1/varying", Authorization="x")

    assert headers.getall("Vary") == ["Accept, Origin"]


async def test_nothing_is_in_the_way_without_origins() -> None:
    for origins in (None, ()):
        assert cors.middlewares(origins) == []
        assert cors.signals(origins) == []
