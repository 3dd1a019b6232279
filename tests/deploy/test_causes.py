"""Causes of stalls, staged between the service and its viewers, and what it says of them."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pytest

from server.postgres.embedded import EmbeddedPostgres
from tests.deploy.conftest import fast_directory
from tests.deploy.proxies.configured.debian_haproxy import Haproxy, running_haproxy
from tests.deploy.proxies.configured.nginx_edge import SECRET, Edge, running_edge
from tests.harness.own_network import in_own_network
from tests.harness.serving import Serve, call, ready_video, served_from, write_large_mp4
from tests.harness.waiting import wait_until
from tests.harness.wire import Wire, connected

LINE = ("tbf", "rate", "8mbit", "burst", "32kb", "latency", "400ms")
STALLED_MS = 2000
WATCHED_S = 3.5  # of real time: the service looks once a second
SHOWN_WITHIN_S = 7.0  # observations are stored every 5 s


@pytest.mark.alone
def test_each_cause_is_told_by_what_was_seen(made_cluster: Path, tmp_path: Path) -> None:
    assert in_own_network(lambda: _stage_all(made_cluster, tmp_path)) == {
        "slow line": "viewer-line",
        "proxy that stands still, one viewer": "viewer-line",  # "their line, or a proxy on it"
        "proxy that stands still, all viewers": "proxy",
        "bytes from elsewhere": "unknown",
        "killed node": "unknown",
        "edge that stands still": "edge",
        "killed node behind an edge": "unknown",
    }


def _stage_all(cluster: Path, directory: Path) -> dict[str, str]:
    with fast_directory() as fast, served_from(fast, cluster) as serve:
        film = write_large_mp4(fast)
        serve.start()
        video = asyncio.run(ready_video(serve, film))
        with running_haproxy(directory / "haproxy", [serve.port]) as proxy:
            found = asyncio.run(_stage(serve, proxy, video))
        serve.process.terminate()
        serve.process.wait()
        serve.settings |= {"CDN_URL": "https://edge.example.org", "CDN_ORIGIN_SECRET": SECRET}
        serve.start()
        _make_old(serve)
        (directory / "edge").mkdir()
        with running_edge(serve, video, directory / "edge", is_own=True) as edge:
            return found | asyncio.run(_stage_edge(serve, edge, video))


async def _stage(serve: Serve, proxy: Haproxy, video: Any) -> dict[str, str]:
    found = {}
    async with _viewing(serve, video, "line") as viewing:
        with _slow_line():
            async with viewing.reading(serve.url):
                await asyncio.sleep(WATCHED_S)
        found["slow line"] = await viewing.explained()
    for users in (["alone"], ["some", "of", "all", "viewers"]):
        one_or_all = "one viewer" if len(users) == 1 else "all viewers"
        found[f"proxy that stands still, {one_or_all}"] = await _behind(serve, proxy, video, users)
    async with _viewing(serve, video, "elsewhere") as viewing:
        found["bytes from elsewhere"] = await viewing.explained()
    async with _viewing(serve, video, "node") as viewing:
        async with viewing.reading(proxy.url):
            await asyncio.sleep(WATCHED_S)
            serve.process.kill()
            serve.process.wait()
        await asyncio.to_thread(serve.start)
        found["killed node"] = await viewing.explained()
    return found


async def _behind(serve: Serve, proxy: Haproxy, video: Any, users: Collection[str]) -> str:
    """The cause told to the last of the viewers behind a proxy that stands still."""
    async with AsyncExitStack() as stack:
        viewings = [await stack.enter_async_context(_viewing(serve, video, u)) for u in users]
        wires = [await stack.enter_async_context(one.asking(proxy.url)) for one in viewings]
        with _standing_still(proxy.process_id):
            for wire in wires:
                await stack.enter_async_context(_reading_on(wire))
            await asyncio.sleep(WATCHED_S)
            *others, last = viewings
            for viewing in others:
                await viewing.stall()
            return await last.explained()


async def _stage_edge(serve: Serve, edge: Edge, video: Any) -> dict[str, str]:
    found = {}
    async with _viewing(serve, video, "beyond") as viewing, viewing.reading(edge.url):
        with _standing_still(*_processes_of(edge)):
            await asyncio.sleep(WATCHED_S)
            found["edge that stands still"] = await viewing.explained()
    async with _viewing(serve, video, "behind") as viewing:
        async with viewing.reading(edge.url):
            serve.process.kill()
            serve.process.wait()
        await asyncio.to_thread(serve.start)
        found["killed node behind an edge"] = await viewing.explained()
    return found


def _make_old(serve: Serve) -> None:
    """The process has been there for longer than a stall is looked at."""
    with (
        closing(psycopg2.connect(EmbeddedPostgres(serve.data_dir).dsn)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE web_processes SET started_at = started_at - interval '1 hour'")
        connection.commit()


def _processes_of(edge: Edge) -> list[int]:
    main = int((edge.directory / "nginx.pid").read_text())
    return [main, *map(int, Path(f"/proc/{main}/task/{main}/children").read_text().split())]


@contextmanager
def _slow_line() -> Iterator[None]:
    subprocess.run(["tc", "qdisc", "add", "dev", "lo", "root", *LINE], check=True)
    yield
    subprocess.run(["tc", "qdisc", "del", "dev", "lo", "root"], check=True)


@contextmanager
def _standing_still(*process_ids: int) -> Iterator[None]:
    for process_id in process_ids:
        os.kill(process_id, signal.SIGSTOP)
    try:
        yield
    finally:
        for process_id in process_ids:
            os.kill(process_id, signal.SIGCONT)


class _Viewing:
    def __init__(self, serve: Serve, video: Any, user_id: str, granted: Any) -> None:
        self._serve, self._user_id, self._granted = serve, user_id, granted
        self._report = f"/play/{granted['grant']}/{video['id']}/progress"

    @asynccontextmanager
    async def asking(self, url: str) -> AsyncIterator[Wire]:
        """Asks for the film through that address, and has read the head of the answer."""
        async with connected(url) as wire:
            path = urlsplit(self._granted["stream_url"]).path
            await wire.send(f"GET {path} HTTP/1.1", "Host: x")
            assert (await wire.head()).status == 200
            yield wire

    @asynccontextmanager
    async def reading(self, url: str) -> AsyncIterator[None]:
        """Reads the film through that address as fast as it comes."""
        async with self.asking(url) as wire, _reading_on(wire):
            yield

    async def say(self, sequence: int, **quality: Any) -> None:
        said = {
            "session_id": self._granted["session_id"],
            "sequence": sequence,
            "position": 1,
            "watched": [],
            "event": "progress",
            "quality": quality,
        }
        async with self._serve.client(self._user_id) as client:
            await call(client, "POST", self._report, json=said)

    async def stall(self) -> None:
        await self.say(1, stalls=1, stalled_ms=STALLED_MS)

    async def explained(self) -> str:
        """The cause of a stall once its observations are stored."""
        await self.stall()
        path = f"/api/v1/analytics/sessions/{self._granted['session_id']}"
        async with self._serve.client(self._user_id) as client:

            async def shown() -> Any:
                return await call(client, "GET", path)

            with suppress(AssertionError):  # nothing comes where nothing was seen
                await wait_until(
                    shown, lambda seen: "served" in _kinds(seen), within_s=SHOWN_WITHIN_S
                )
            cause: str = (await shown())["cause"]
            return cause


def _kinds(session: Any) -> set[str]:
    return {moment["kind"] for moment in session["timeline"]}


@asynccontextmanager
async def _reading_on(wire: Wire) -> AsyncIterator[None]:
    reading = asyncio.create_task(_read(wire))
    try:
        yield
    finally:
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading


async def _read(wire: Wire) -> None:
    with suppress(ConnectionError):
        while await wire.reader.read(2**16):
            pass


@asynccontextmanager
async def _viewing(serve: Serve, video: Any, user_id: str) -> AsyncIterator[_Viewing]:
    async with serve.client("root", "admin") as admin, serve.client(user_id) as client:
        path = f"/api/v1/courses/c1/enrollments/{user_id}"
        await call(admin, "PUT", path, json={"role": "student"})
        granted = await call(client, "POST", f"/api/v1/videos/{video['id']}/playback", json={})
    viewing = _Viewing(serve, video, user_id, granted)
    await viewing.say(0, startup_ms=100, stalls=0)
    yield viewing
