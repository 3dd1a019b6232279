"""The whole service by TLS, on both event loops, in one process and in several."""

import asyncio
import hashlib
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from server.commands.tokens import mint_token
from tests.harness.running import SECRET, STOP_TIMEOUT_S
from tests.harness.serving import Serve, call, ready_video_of, served_from
from tests.programs.certificates import make_certificate
from tests.service.listening import listening

RANGES = [(0, 0), (0, 65535), (65535, 65536), (1048575, 1048576), (1, 3 * 2**20)]


@asynccontextmanager
async def client(
    serve: Serve, trusted: ssl.SSLContext, user_id: str, *roles: str
) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(
        f"https://localhost:{serve.port}",
        headers={"Authorization": f"Bearer {mint_token(SECRET, user_id, roles=roles)}"},
        connector=aiohttp.TCPConnector(ssl=trusted, family=2),
    ) as session:
        yield session


@pytest.mark.parametrize(("workers", "event_loop"), [("1", "asyncio"), ("2", "uvloop")])
async def test_ranges_events_and_the_stop_are_right_by_tls(
    serve: Serve, large_mp4: Path, tmp_path: Path, workers: str, event_loop: str
) -> None:
    own = make_certificate(tmp_path)
    serve.settings |= {"WORKERS": workers, "EVENT_LOOP": event_loop, **own.settings}
    await asyncio.to_thread(serve.start)
    assert f"coursestream listens on https://127.0.0.1:{serve.port}\n" in serve.log()
    trusted = ssl.create_default_context(cafile=own.certificate)

    async with (
        client(serve, trusted, "root", "admin") as admin,
        client(serve, trusted, "ada") as student,
    ):
        video = await ready_video_of(admin, large_mp4)
        path = f"/api/v1/videos/{video['id']}/playback"
        playback = await call(student, "POST", path, json={})
        whole = await body_of(student, playback["stream_url"])
        assert hashlib.sha256(whole).hexdigest() == video["sha256"]
        for first, last in RANGES:
            for url in (playback["stream_url"], f"/api/v1/videos/{video['id']}/stream"):
                found = await body_of(student, url, Range=f"bytes={first}-{last}")
                assert found == whole[first : last + 1]
        async with student.post("/api/v1/session") as begun:
            cookie = begun.headers["Set-Cookie"]
            assert cookie.startswith("__Host-coursestream=")
            assert "Secure" in cookie.split("; ")
        async with listening(student) as stream:
            serve.process.send_signal(signal.SIGTERM)
            await stream.until_end()
            assert len(stream.retries_ms) == 2
    assert await asyncio.to_thread(serve.process.wait, STOP_TIMEOUT_S) == 0
    assert "Traceback" not in serve.log()


async def body_of(session: aiohttp.ClientSession, url: str, **headers: Any) -> bytes:
    async with session.get(url, headers=headers) as response:
        assert response.status == (206 if headers else 200)
        return await response.read()


def test_a_certificate_that_cannot_be_served_is_reported_before_anything_starts(
    tmp_path: Path,
) -> None:
    files = {"TLS_CERT_FILE": str(tmp_path / "no.crt"), "TLS_KEY_FILE": str(tmp_path / "no.key")}
    with served_from(tmp_path, **files) as serve:
        with pytest.raises(AssertionError):
            serve.start()
        assert serve.process.wait(STOP_TIMEOUT_S) == 1
        assert "COURSESTREAM_TLS_CERT_FILE" in serve.log()
        assert "Traceback" not in serve.log()
        assert not (serve.data_dir / "postgres").exists()
