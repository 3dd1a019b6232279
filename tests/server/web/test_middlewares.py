"""Middlewares over a real socket: request ids, headers, problems, and the access log."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs

from events.metrics import Metrics
from handlers import keys
from handlers.pages.pages import PAGES, Pages
from server.web import middlewares
from tests.harness.waiting import wait_until
from tests.programs.web_build import built_pages

SECRET = "/srv/secret"
CHROMIUM = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,"
    "application/signed-exchange;v=b3;q=0.7"
)
FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


async def answer(request: web.Request) -> web.Response:
    return web.json_response({"is_begun": True})


async def deliver(request: web.Request) -> web.Response:
    request[keys.NOTES].is_routine = True
    return web.Response(status=int(request.query["status"]))


async def fail(request: web.Request) -> web.Response:
    raise RuntimeError(f"cannot open {SECRET}")


async def fail_late(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"half of it")
    raise RuntimeError(SECRET)


async def read(request: web.Request) -> web.Response:
    await request.read()
    return web.Response()


async def lose_another(request: web.Request) -> web.Response:
    raise ConnectionResetError("somebody else's connection")


@pytest.fixture
async def server() -> AsyncIterator[TestServer]:
    app = web.Application(middlewares=[middlewares.observe, middlewares.answer_errors])
    app.on_response_prepare.append(middlewares.add_common_headers)
    app[keys.METRICS] = Metrics()
    app[PAGES] = await asyncio.to_thread(lambda: Pages.load(built_pages()))
    app.router.add_get("/play/{grant}/answer", answer)
    app.router.add_get("/answer", answer)
    app.router.add_get("/deliver", deliver)
    app.router.add_get("/fail", fail)
    app.router.add_get("/fail-late", fail_late)
    app.router.add_put("/read", read)
    app.router.add_get("/lose", lose_another)
    app.router.add_get("/healthz", answer)
    server = TestServer(app)
    async with server:
        yield server


@pytest.fixture
async def session(server: TestServer) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(server.make_url("/")) as session:
        yield session


@pytest.mark.parametrize("path", ["/answer", "/nowhere", "/fail"])
async def test_every_answer_has_the_common_headers(
    session: aiohttp.ClientSession, path: str
) -> None:
    with capture_logs():
        async with session.get(path) as response:
            assert len(response.headers["X-Request-ID"]) == 32
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Server"] == "coursestream"


@pytest.mark.parametrize(("path", "status"), [("/nowhere", 404), ("/fail", 500)])
async def test_problem_names_the_request(
    session: aiohttp.ClientSession, path: str, status: int
) -> None:
    with capture_logs():
        async with session.get(path) as response:
            problem = await response.json(content_type="application/problem+json")

    assert (response.status, problem["status"]) == (status, status)
    assert problem["instance"] == response.headers["X-Request-ID"]


async def test_what_nobody_foresaw_is_logged_and_not_shown(session: aiohttp.ClientSession) -> None:
    with capture_logs() as lines:
        async with session.get("/fail") as response:
            body = await response.text()

    assert json.loads(body)["type"] == "urn:coursestream:internal"
    assert SECRET not in body
    assert [line["event"] for line in lines] == ["request failed", "request"]
    assert [line["log_level"] for line in lines] == ["error", "info"]


async def test_answer_that_had_begun_is_cut_and_never_looks_whole(
    session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    with capture_logs() as lines:
        async with session.get("/fail-late") as response:
            assert response.status == 200
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()

    assert [line["event"] for line in lines] == ["request failed", "request"]
    assert caplog.records == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"Content-Length: 100\r\n\r\nhalf of it", id="with its length"),
        pytest.param(b"Transfer-Encoding: chunked\r\n\r\n64\r\nhalf of it", id="chunked"),
    ],
)
async def test_client_that_went_away_is_no_error(
    server: TestServer, caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    with capture_logs() as lines:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"PUT /read HTTP/1.1\r\nHost: a\r\n" + body)
        await writer.drain()
        writer.transport.abort()
        await wait_until(lambda: lines, within_s=5)

    assert [(line["event"], line["status"]) for line in lines] == [("request", 499)]
    assert [record for record in caplog.records if record.name.startswith("aiohttp")] == []


async def test_connection_lost_elsewhere_is_an_error_of_ours(
    session: aiohttp.ClientSession,
) -> None:
    with capture_logs() as lines:
        async with session.get("/lose") as response:
            assert response.status == 500

    assert [line["event"] for line in lines] == ["request failed", "request"]


async def test_log_tells_no_grant(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("coursestream.access"), "level", logging.DEBUG)
    with capture_logs() as lines:
        async with session.get("/play/secret.grant/answer?secret=1") as response:
            assert response.headers["Referrer-Policy"] == "no-referrer"

    assert [line["path"] for line in lines] == ["/play/***/answer"]
    assert "secret" not in repr(lines)


async def test_health_checks_are_not_logged(session: aiohttp.ClientSession) -> None:
    with capture_logs() as lines:
        async with session.get("/healthz") as response:
            assert response.status == 200

    assert lines == []


async def test_unknown_expectation_is_refused(server: TestServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /answer HTTP/1.1\r\nHost: a\r\nExpect: b\r\nConnection: close\r\n\r\n")

    head = await reader.read()
    writer.close()

    assert head.startswith(b"HTTP/1.1 417 ")
    assert b"X-Request-ID: " in head


@pytest.mark.parametrize(
    ("method", "path", "told"),
    [
        pytest.param("GET", "/answer", [], id="read"),
        pytest.param("HEAD", "/answer", [], id="looked at"),
        pytest.param("PUT", "/read", ["info"], id="changed"),
        pytest.param("GET", "/nowhere", ["info"], id="refused"),
    ],
)
async def test_at_info_stand_changes_and_refusals(
    session: aiohttp.ClientSession, method: str, path: str, told: list[str]
) -> None:
    logging.getLogger("coursestream.access").setLevel(logging.INFO)
    with capture_logs() as lines:
        async with session.request(method, path):
            pass
    logging.getLogger("coursestream.access").setLevel(logging.NOTSET)

    assert [line["log_level"] for line in lines] == told


@pytest.mark.parametrize(
    ("status", "level", "told"),
    [
        (206, logging.INFO, []),
        (304, logging.INFO, []),
        (206, logging.DEBUG, ["debug"]),
        (416, logging.INFO, ["info"]),
    ],
)
async def test_a_range_served_well_is_reported_at_debug(
    session: aiohttp.ClientSession, status: int, level: int, told: list[str]
) -> None:
    logging.getLogger("coursestream.access").setLevel(level)
    with capture_logs() as lines:
        async with session.get("/deliver", params={"status": status}) as response:
            assert response.status == status
    logging.getLogger("coursestream.access").setLevel(logging.NOTSET)

    assert [line["log_level"] for line in lines] == told


@pytest.mark.parametrize(
    ("method", "path", "accept", "is_page"),
    [
        pytest.param("GET", "/nowhere", CHROMIUM, True, id="Chromium"),
        pytest.param("GET", "/nowhere", FIREFOX, True, id="Firefox"),
        pytest.param("HEAD", "/nowhere", FIREFOX, True, id="HEAD"),
        pytest.param("GET", "/nowhere", "*/*", False, id="curl"),
        pytest.param("GET", "/nowhere", None, False, id="no-Accept"),
        pytest.param("GET", "/nowhere", "text/*", True, id="text"),
        pytest.param("GET", "/nowhere", "text/html;q=0", False, id="never-HTML"),
        pytest.param("GET", "/nowhere", "application/json, text/html;q=0.5", True, id="else-HTML"),
        pytest.param("GET", "/nowhere", "application/problem+json, text/html", False, id="tie"),
        pytest.param("POST", "/nowhere", CHROMIUM, False, id="POST"),
        pytest.param("GET", "/api/v1/nowhere", CHROMIUM, True, id="API"),
        pytest.param("GET", "/api/v1/nowhere", "application/json", False, id="API, a program"),
        pytest.param("GET", "/play/grant/nowhere", CHROMIUM, True, id="grant"),
    ],
)
async def test_a_wrong_address_is_a_page_for_browsers_and_a_problem_for_others(
    server: TestServer, method: str, path: str, accept: str | None, is_page: bool
) -> None:
    headers = {} if accept is None else {"Accept": accept}
    async with (
        aiohttp.ClientSession(skip_auto_headers=["Accept"]) as session,
        session.request(method, server.make_url(path), headers=headers) as response,
    ):
        body = await response.read()

    expected = "text/html" if is_page else "application/problem+json"
    assert (response.status, response.content_type) == (404, expected)
    assert "X-Request-ID" in response.headers
    if is_page:
        assert response.headers["Vary"] == "Accept"
        assert response.headers["Cache-Control"] == "no-store"
        assert "default-src 'self'" in response.headers["Content-Security-Policy"]
        assert (b'href="/"' in body) is (method == "GET")
    else:
        assert json.loads(body)["type"] == "urn:coursestream:not-found"
