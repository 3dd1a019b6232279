"""Claims that hold through any reverse proxy in front of the service; one subclass a proxy."""

import asyncio
import io
import json
import re
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.deploy.conftest import HEARTBEAT_S, Upstream, admin
from tests.harness.running import wait_for

MAX_WAIT_S = 10.0


@dataclass(frozen=True)
class Proxy:
    """A running proxy, every file it logs to, and the service behind it."""

    url: str
    logs: list[Path]
    upstream: Upstream
    gone_url: str
    """The same proxy in front of nothing: the service is away."""

    def logged(self) -> str:
        return "".join(log.read_text() for log in self.logs if log.exists())


async def playback(session: aiohttp.ClientSession, video_id: str) -> Any:
    async with session.post(f"/api/v1/videos/{video_id}/playback", json={}) as response:
        assert response.status == 201
        return await response.json()


async def fetch(session: aiohttp.ClientSession, url: str, **headers: str) -> tuple[int, bytes]:
    async with session.get(url, headers=headers) as response:
        return response.status, await response.read()


@asynccontextmanager
async def event_stream(
    session: aiohttp.ClientSession, url: str
) -> AsyncIterator[aiohttp.StreamReader]:
    async with session.get(url, timeout=aiohttp.ClientTimeout(total=60)) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/event-stream"
        yield response.content


async def line_beginning(content: aiohttp.StreamReader, start: bytes) -> bytes:
    async with asyncio.timeout(MAX_WAIT_S):
        async for line in content:
            if line.startswith(start):
                return line
    raise AssertionError("the stream ended")


class UnbufferedChecks:
    """Subclasses give the fixture `proxy`."""

    @pytest.mark.parametrize(
        "asked",
        [
            "POST /api/v1/modules/m1/videos",
            "PUT /api/v1/videos/00000000-0000-4000-8000-000000000007/file",
            "PATCH /api/v1/uploads/none",
        ],
    )
    async def test_an_upload_is_refused_while_it_arrives(self, proxy: Proxy, asked: str) -> None:
        """One that collects it first waits for a body that never comes (Go does, so Caddy, too)."""
        host, _, port = proxy.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(f"{asked} HTTP/1.1\r\nHost: {host}\r\n".encode())
            writer.write(b"Content-Length: 1000000\r\n\r\n" + bytes(1000))
            async with asyncio.timeout(MAX_WAIT_S):
                assert (await reader.readline()).startswith(b"HTTP/1.1 401 ")
        finally:
            writer.close()


class ProxyChecks:
    """Subclasses give the fixture `proxy`."""

    async def test_ranges_arrive_byte_for_byte(self, proxy: Proxy) -> None:
        direct = f"http://127.0.0.1:{proxy.upstream.port}"
        async with admin(proxy.url) as through, admin(direct) as straight:
            path = f"/api/v1/videos/{proxy.upstream.video_id}/stream"
            _, whole = await fetch(straight, path)

            assert await fetch(through, path) == (200, whole)
            assert await fetch(through, path, Range="bytes=0-1") == (206, whole[:2])
            assert await fetch(through, path, Range="bytes=-500") == (206, whole[-500:])
            half = len(whole) // 2
            assert await fetch(through, path, Range=f"bytes={half}-") == (206, whole[half:])
            status, parts = await fetch(through, path, Range="bytes=5-9,100-109")
            assert status == 206
            assert whole[5:10] in parts
            assert whole[100:110] in parts
            status, problem = await fetch(through, path, Range=f"bytes={len(whole)}-")
            assert (status, json.loads(problem)["status"]) == (416, 416)

    async def test_validators_and_caching_arrive(self, proxy: Proxy) -> None:
        async with admin(proxy.url) as session:
            told = await playback(session, proxy.upstream.video_id)
            async with session.get(told["stream_url"]) as response:
                headers = response.headers
            assert headers["Accept-Ranges"] == "bytes"
            assert headers["Cache-Control"].startswith("private, max-age=")
            assert headers["Referrer-Policy"] == "no-referrer"
            known = {"If-None-Match": headers["ETag"]}
            async with session.get(told["stream_url"], headers=known) as response:
                assert response.status == 304

    async def test_an_upload_passes_and_a_refused_one_is_explained(self, proxy: Proxy) -> None:
        async with admin(proxy.url) as session:
            path = "/api/v1/modules/m1/videos"
            content = await asyncio.to_thread(proxy.upstream.media.read_bytes)
            async with session.post(path, data=_form(content)) as response:
                assert response.status == 201, await response.text()
            async with session.post(path, data=_form(bytes(2 << 20))) as response:
                assert response.status == 415
                assert response.headers["Content-Type"] == "application/problem+json"

    async def test_events_arrive_at_once(self, proxy: Proxy) -> None:
        async with admin(proxy.url) as session:
            told = await playback(session, proxy.upstream.video_id)
            for url in ("/api/v1/events", told["events_url"]):
                async with event_stream(session, url) as content:
                    await line_beginning(content, b"retry:")
                    await _rename(session, proxy.upstream.video_id)
                    asked_s = time.monotonic()
                    await line_beginning(content, b"event: video.updated")
                    # A buffer would have kept it until the stream ends.
                    assert time.monotonic() - asked_s < MAX_WAIT_S / 2

    async def test_an_event_stream_comes_back_to_a_service_that_restarts(
        self, proxy: Proxy
    ) -> None:
        async with admin(proxy.gone_url) as session:
            for path in ("/api/v1/events", "/play/grant/events"):
                async with session.get(path) as response:
                    assert response.status == 200
                    assert response.content_type == "text/event-stream"
                    assert response.headers["Cache-Control"] == "no-store"
                    assert re.fullmatch(rb"retry: \d+\n\n", await response.read())
            async with session.get("/api/v1/courses") as response:
                assert response.status in (502, 503)

    async def test_heartbeats_keep_a_quiet_stream(self, proxy: Proxy) -> None:
        async with admin(proxy.url) as session:
            query = "?types=video.failed"
            async with event_stream(session, f"/api/v1/events{query}") as content:
                started_s = time.monotonic()
                for _ in range(3):  # longer than nginx waits here for a byte
                    await line_beginning(content, b":")
                assert time.monotonic() - started_s > 2 * HEARTBEAT_S

    async def test_the_request_id_is_in_answer_and_log(self, proxy: Proxy) -> None:
        # Refused, since the service logs reads at debug alone.
        async with admin(proxy.url) as session, session.get("/api/v1/courses/none") as response:
            assert response.status == 404
            request_id = response.headers["X-Request-ID"]

        assert len(request_id) == 32
        await asyncio.to_thread(
            wait_for, lambda: request_id in proxy.logged(), "the proxy's line", MAX_WAIT_S
        )
        assert request_id in await asyncio.to_thread(proxy.upstream.output.read_text)

    @pytest.mark.parametrize(
        "path",
        [
            "/play/{grant}/{video}/{asset}",
            "/play/{grant}/{video}/{asset}?x=1",
            "/play/{grant}/events?types=nothing",
            "/play/{grant}",
            "//play/{grant}/{video}/nothing",
            "/%70lay/{grant}/{video}/{asset}",
            "/%50lay/../play/{grant}/%0a/x",
            "/play/{grant}%0a/x",
            "/web/../play/{grant}/x",
        ],
    )
    @pytest.mark.parametrize("is_away", [False, True], ids=["running", "away"])
    async def test_a_grant_is_never_in_the_log(
        self, proxy: Proxy, path: str, is_away: bool
    ) -> None:
        async with admin(proxy.url) as session:
            told = await playback(session, proxy.upstream.video_id)
        grant, asset = told["grant"], told["stream_url"].rpartition("/")[2]
        target = path.format(grant=grant, video=proxy.upstream.video_id, asset=asset)

        assert grant not in await _logged_of(proxy, [target], is_away=is_away)

    @pytest.mark.parametrize("is_away", [False, True], ids=["running", "away"])
    async def test_whom_an_address_names_is_never_in_the_log(
        self, proxy: Proxy, is_away: bool
    ) -> None:
        user = f"ada-{time.monotonic_ns()}"
        targets = [
            f"/api/v1/users/{user}/data",
            f"/api/v1/users/{user}/data?x=1",
            f"/api/v1/users/faculty%2F{user}/data",
            f"/api/v1/users/{user}",
            f"//api//v1//users//{user}/data",
            f"/api/v1/%75s%65rs/{user}/data",
            f"/api/v1/users/%0a{user}/data",
            f"/api/v1/users/../users/{user}/data",
            f"/play/../api/v1/users/{user}/data",
        ]

        logged = await _logged_of(proxy, targets, is_away=is_away)

        assert user not in logged
        assert "/users/***" in logged

    async def test_the_log_still_tells_what_was_played(self, proxy: Proxy) -> None:
        async with admin(proxy.url) as session:
            told = await playback(session, proxy.upstream.video_id)
            await fetch(session, told["stream_url"])

        shown = f"/play/***/{proxy.upstream.video_id}/"
        await asyncio.to_thread(
            wait_for, lambda: shown in proxy.logged(), "the proxy's line", MAX_WAIT_S
        )


def _form(content: bytes) -> aiohttp.FormData:
    form = aiohttp.FormData()
    form.add_field("file", io.BytesIO(content), filename="clock.webm")
    return form


async def _rename(session: aiohttp.ClientSession, video_id: str) -> None:
    body = {"title": f"Renamed {time.monotonic_ns()}"}
    async with session.patch(f"/api/v1/videos/{video_id}", json=body) as response:
        assert response.status == 200


async def _logged_of(proxy: Proxy, targets: list[str], *, is_away: bool) -> str:
    """All that the proxy has logged once these requests are."""
    marker = f"/healthz/{time.monotonic_ns()}"  # logged later than they
    url = proxy.gone_url if is_away else proxy.url
    for target in (*targets, marker):
        await asyncio.to_thread(_request_as_written, url, target)
    await asyncio.to_thread(
        wait_for, lambda: marker in proxy.logged(), "the proxy's line", MAX_WAIT_S
    )
    return await asyncio.to_thread(proxy.logged)


def _request_as_written(url: str, target: str) -> None:
    """Client libraries tidy paths up; here they go out as they are."""
    address = url.removeprefix("http://")
    host, _, port = address.partition(":")
    head = f"GET {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    with socket.create_connection((host, int(port)), MAX_WAIT_S) as connection:
        connection.sendall(head.encode())
        while connection.recv(65536):
            pass
