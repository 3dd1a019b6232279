import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from events.metrics import Metrics
from handlers import keys
from handlers.balancers import Balancers
from server.config.settings import Config, load_config
from server.stop_signals import StopSignals
from server.web import listener as listening_module
from server.web.listener import ListenError, listening
from tests.harness.waiting import wait_until
from tests.harness.wire import connected


@pytest.fixture
def config() -> Config:
    return replace(load_config({}, Path("/nonexistent/.env")), port=0)


class FakeApp:
    """An application that notes what happened, in order."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.entered = asyncio.Event()
        self.release = asyncio.Event()
        self.app = web.Application()
        self.app[keys.LEAVING] = asyncio.Event()
        self.app[keys.STOPPING] = asyncio.Event()
        self.app[keys.BALANCERS] = Balancers()
        self.metrics = self.app[keys.METRICS] = Metrics()
        self.app.add_routes(
            [
                web.get("/", self.answer),
                web.get("/slow", self.slow),
                web.get("/events", self.events),
                web.get("/deaf", self.deaf),
            ]
        )
        self.app.cleanup_ctx.append(self.resource)

    async def resource(self, app: web.Application) -> AsyncIterator[None]:
        yield
        self.log.append("resources closed")

    async def answer(self, request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def slow(self, request: web.Request) -> web.Response:
        self.entered.set()
        await self.release.wait()
        self.log.append("slow answered")
        return web.Response(text="slow")

    async def events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        self.entered.set()
        await request.app[keys.STOPPING].wait()
        await response.write(b"retry: 2000\n\n")
        self.log.append("stream ended")
        return response

    async def deaf(self, request: web.Request) -> web.Response:
        self.entered.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


class Server:
    """`listening` in a task of its own, with its exit to be asked for."""

    def __init__(self, fake: FakeApp, config: Config) -> None:
        self.fake, self.config = fake, config
        self.signals = StopSignals()
        self.url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        async with listening(self.fake.app, self.config, self.signals) as url:
            self.url.set_result(url)
            await self.signals.requested.wait()

    async def stopped(self) -> None:
        await asyncio.wait_for(asyncio.shield(self.task), 10)


@pytest.fixture
async def server(config: Config) -> AsyncIterator[Server]:
    server = Server(FakeApp(), config)
    yield server
    server.signals.receive()
    server.signals.receive()
    server.fake.release.set()
    await server.stopped()


@asynccontextmanager
async def getting(url: str) -> AsyncIterator[asyncio.Task[str]]:
    """A GET under way; the task has its body."""

    async def get() -> str:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return await response.text()

    task = asyncio.create_task(get())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def refuses_connections(url: str) -> bool:
    port = int(url.rpartition(":")[2])
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


async def test_the_address_is_printed_when_it_answers(server: Server) -> None:
    async with getting(await server.url + "/") as body:
        assert await body == "ok"


async def test_readiness_ends_before_the_listener_closes(server: Server) -> None:
    url = await server.url
    async with getting(url + "/slow"):
        await server.fake.entered.wait()
        server.signals.receive()
        await wait_until(lambda: refuses_connections(url))
        assert server.fake.app[keys.LEAVING].is_set()


async def test_balancers_that_watch_see_it_leave_while_it_serves(server: Server) -> None:
    url = await server.url
    server.fake.app[keys.BALANCERS].note()
    async with getting(url + "/events") as stream:
        await server.fake.entered.wait()
        server.signals.receive()
        await asyncio.wait_for(server.fake.app[keys.LEAVING].wait(), 10)

        async with getting(url + "/") as body:
            assert await body == "ok"
        assert not server.fake.app[keys.STOPPING].is_set()
        assert await stream == "retry: 2000\n\n"
        await server.stopped()
    assert refuses_connections(url)


async def test_a_second_signal_does_not_wait_for_balancers(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening_module, "SEEN_LEAVING_S", 60.0)
    url = await server.url
    server.fake.app[keys.BALANCERS].note()
    server.signals.receive()
    server.signals.receive()
    await server.stopped()
    assert refuses_connections(url)


@pytest.mark.parametrize("turns", range(4))
async def test_who_connects_as_it_stops_is_answered_or_cut(server: Server, turns: int) -> None:
    host, port = (await server.url).removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as late:
        late.send(b"GET / HTTP/1.1\r\nHost: late\r\n\r\n")
        late.setblocking(False)
        for _ in range(turns):
            await asyncio.sleep(0)
        server.signals.receive()

        async with asyncio.timeout(5):
            with suppress(ConnectionError):
                await asyncio.get_running_loop().sock_recv(late, 1)


async def test_a_request_under_way_is_answered_before_resources_close(server: Server) -> None:
    async with getting(await server.url + "/slow") as body:
        await server.fake.entered.wait()
        server.signals.receive()
        await wait_until(lambda: refuses_connections(server.url.result()))
        server.fake.release.set()

        assert await body == "slow"
        await server.stopped()
    assert server.fake.log == ["slow answered", "resources closed"]


async def test_event_streams_get_a_retry_and_end(server: Server) -> None:
    async with getting(await server.url + "/events") as body:
        await server.fake.entered.wait()
        server.signals.receive()

        assert await body == "retry: 2000\n\n"
        await server.stopped()
    assert server.fake.log == ["stream ended", "resources closed"]


async def test_an_idle_connection_does_not_hold_up_the_end(server: Server) -> None:
    url = await server.url
    async with aiohttp.ClientSession() as session:
        async with session.get(url + "/") as response:
            await response.text()
        server.signals.receive()
        await server.stopped()


async def test_a_second_signal_skips_the_waiting(server: Server) -> None:
    async with getting(await server.url + "/deaf"):
        await server.fake.entered.wait()
        server.signals.receive()
        await wait_until(lambda: refuses_connections(server.url.result()))
        server.signals.receive()
        await server.stopped()
    assert server.fake.log == ["resources closed"]


async def test_what_does_not_end_in_time_is_cancelled(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening_module, "DRAIN_TIMEOUT_S", 0.05)
    async with getting(await server.url + "/deaf"):
        await server.fake.entered.wait()
        server.signals.receive()
        await server.stopped()
    assert server.fake.log == ["resources closed"]


async def test_an_address_in_use_is_an_error_that_names_it(config: Config) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        fake = FakeApp()
        with pytest.raises(ListenError, match=rf"127\.0\.0\.1:{port}: in use"):
            async with listening(fake.app, replace(config, port=port), StopSignals()):
                pass
    assert fake.log == ["resources closed"]


async def test_a_connection_too_many_is_answered_503_and_counted(config: Config) -> None:
    server = Server(FakeApp(), replace(config, max_connections=1))
    url = await server.url
    async with getting(url + "/slow") as held:
        await server.fake.entered.wait()
        async with aiohttp.ClientSession() as session, session.get(url + "/") as response:
            problem = await response.json(content_type="application/problem+json")
            assert (response.status, problem["type"]) == (503, "urn:coursestream:unavailable")
            assert problem["instance"] == response.headers["X-Request-ID"]
            assert response.headers["Retry-After"] == "5"
        server.fake.release.set()
        assert await held == "slow"
    async with getting(url + "/") as body:
        assert await body == "ok"
    told = await asyncio.to_thread(server.fake.metrics.text)
    assert b"\ncoursestream_connections_refused_total 1.0\n" in told
    server.signals.receive()
    await server.stopped()


async def test_an_event_source_on_a_connection_too_many_is_told_to_come_back(
    config: Config,
) -> None:
    """It gives up for good after a status other than 200 (HTML, section 9.2.3)."""
    server = Server(FakeApp(), replace(config, max_connections=1))
    url = await server.url
    async with getting(url + "/slow") as held:
        await server.fake.entered.wait()
        headers = {"Accept": "text/event-stream"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.get(url + "/play/x/events") as response,
        ):
            assert (response.status, response.content_type) == (200, "text/event-stream")
            assert response.headers["Access-Control-Allow-Origin"] == "*", "else it gives up, too"
            assert re.fullmatch(rb"retry: [234]\d{3}\n\n", await response.read())
        server.fake.release.set()
        assert await held == "slow"
    told = await asyncio.to_thread(server.fake.metrics.text)
    assert b"\ncoursestream_connections_refused_total 1.0\n" in told
    server.signals.receive()
    await server.stopped()


async def test_connections_too_many_that_come_together_are_all_refused_and_counted(
    config: Config,
) -> None:
    server = Server(FakeApp(), replace(config, max_connections=2))
    url = await server.url
    async with AsyncExitStack() as stack:
        wires = await asyncio.gather(*(stack.enter_async_context(connected(url)) for _ in range(9)))
        for wire in wires:
            await wire.send("GET / HTTP/1.1", "Host: x")
        answers = [await wire.answer() for wire in wires]

    assert sorted(answer.status for answer in answers) == [200] * 2 + [503] * 7
    told = await asyncio.to_thread(server.fake.metrics.text)
    assert b"\ncoursestream_connections_refused_total 7.0\n" in told
    server.signals.receive()
    await server.stopped()


@pytest.mark.parametrize(
    ("scheme", "host", "url"),
    [
        ("http", "127.0.0.1", "http://127.0.0.1:80"),
        ("http", "0.0.0.0", "http://127.0.0.1:80"),
        ("https", "::", "https://[::1]:80"),
        ("https", "example.org", "https://example.org:80"),
    ],
)
def test_the_address_shown_is_one_to_click_on(scheme: str, host: str, url: str) -> None:
    assert listening_module._url(scheme, host, 80) == url
