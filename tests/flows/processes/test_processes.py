"""Processes stopped in the middle of everything, killed, and started again."""

import asyncio
import hashlib
import json
import re
import signal
from pathlib import Path

import aiohttp
import pytest

from tests.harness.running import SECRET, STOP_TIMEOUT_S
from tests.harness.serving import (
    Serve,
    call,
    commands,
    read_slowly,
    ready_video,
    report,
    slow_transfer,
    status_of,
    until_silent,
)
from tests.harness.waiting import wait_until
from tests.harness.wire import connected
from tests.service.listening import listening

RESTART_TIMEOUT_S = 20.0  # seconds on an idle machine
JWT = re.compile(r"eyJ[\w-]+\.[\w-]+")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda one: one.name)
async def test_a_stop_in_the_middle_of_everything_is_in_order(
    serve: Serve, large_mp4: Path, number: signal.Signals
) -> None:
    await asyncio.to_thread(serve.start)
    video = await ready_video(serve, large_mp4)
    workers = await serve.workers()
    assert len(workers) == 1
    async with serve.client("ada") as student:
        playback = await call(student, "POST", f"/api/v1/videos/{video['id']}/playback", json={})
        async with (
            slow_transfer(serve, playback["stream_url"]) as reader,
            listening(student) as own_events,
            listening(student, playback["events_url"]) as video_events,
        ):
            serve.process.send_signal(number)
            for stream in (own_events, video_events):
                await stream.until_end()
                assert len(stream.retries_ms) == 2  # at its beginning, and to come back later
                assert all(2000 <= retry_ms <= 4000 for retry_ms in stream.retries_ms)
            assert serve.process.poll() is None  # a transfer is running
            assert await status_of(serve, "/readyz") is None  # the listener is closed
            sha256 = await read_slowly(reader, video["size"])
            assert await reader.read() == b""

    assert await asyncio.to_thread(serve.process.wait, STOP_TIMEOUT_S) == 0
    assert sha256 == video["sha256"]
    assert not workers & set(await commands())
    assert await serve.database() == set()
    assert problems(serve.log()) == []


def problems(log: str) -> list[str]:
    """Lines of the log that an operator would have to look at."""
    lines = [line for line in log.splitlines() if line.startswith("{")]
    return [line for line in lines if json.loads(line)["level"] in ("warning", "error", "critical")]


async def test_a_second_ctrl_c_does_not_wait_for_transfers(serve: Serve, large_mp4: Path) -> None:
    await asyncio.to_thread(serve.start)
    video = await ready_video(serve, large_mp4)
    async with serve.client("ada") as student:
        playback = await call(student, "POST", f"/api/v1/videos/{video['id']}/playback", json={})
    async with slow_transfer(serve, playback["stream_url"]):
        serve.process.send_signal(signal.SIGINT)
        await until_silent(serve, "/readyz")
        serve.process.send_signal(signal.SIGINT)

        assert await asyncio.to_thread(serve.process.wait, 10) == 0

    assert await serve.database() == set()


async def test_nothing_is_lost_by_kill_9(
    serve: Serve, large_mp4: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await asyncio.to_thread(serve.start)
    video = await ready_video(serve, large_mp4)
    async with serve.client("ada") as student:
        playback = await call(student, "POST", f"/api/v1/videos/{video['id']}/playback", json={})
        told = await report(student, playback, video, 1.25)
        workers, database = await serve.workers(), await serve.database()
        assert len(workers) == 1

        serve.process.kill()
        await asyncio.to_thread(serve.process.wait)
    await gone(workers)
    assert database & await serve.database()  # it is there for who comes next

    restart_s = await asyncio.to_thread(serve.start)

    with capsys.disabled():
        print(f" [restarted in {restart_s:.1f} s]", end="")
    assert restart_s < RESTART_TIMEOUT_S
    assert [await status_of(serve, path) for path in ("/healthz", "/readyz")] == [200, 200]
    async with serve.client("ada") as student:
        kept = await call(student, "GET", f"/api/v1/videos/{video['id']}/progress")
        assert kept == told
        async with student.get(playback["stream_url"]) as response:  # the old grant still holds
            assert hashlib.sha256(await response.read()).hexdigest() == video["sha256"]
    serve.process.send_signal(signal.SIGINT)
    assert await asyncio.to_thread(serve.process.wait, STOP_TIMEOUT_S) == 0
    assert await serve.database() == set()


async def gone(pids: set[int]) -> None:
    """Children die with a killed parent."""
    await wait_until(commands, lambda seen: not pids & seen.keys())


async def test_a_second_start_takes_seconds_and_keeps_the_data(
    serve: Serve, large_mp4: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first_s = await asyncio.to_thread(serve.start)
    video = await ready_video(serve, large_mp4)
    serve.process.terminate()
    assert await asyncio.to_thread(serve.process.wait, STOP_TIMEOUT_S) == 0

    second_s = await asyncio.to_thread(serve.start)

    with capsys.disabled():
        print(f" [first start {first_s:.1f} s, second {second_s:.1f} s]", end="")
    assert second_s < RESTART_TIMEOUT_S
    async with serve.client("ada") as student:
        kept = await call(student, "GET", f"/api/v1/videos/{video['id']}")
        # Further pictures may have come since; they change no more than the time.
        assert kept | {"updated_at": video["updated_at"]} == video
        async with student.get(f"/api/v1/videos/{video['id']}/stream") as response:
            assert hashlib.sha256(await response.read()).hexdigest() == video["sha256"]


async def test_no_credential_comes_into_the_log(serve: Serve, large_mp4: Path) -> None:
    await asyncio.to_thread(serve.start)
    video = await ready_video(serve, large_mp4)
    async with serve.client("ada") as student:
        playback = await call(student, "POST", f"/api/v1/videos/{video['id']}/playback", json={})
        events = await call(student, "POST", "/api/v1/events/grant")
        grant, bearer = playback["grant"], student.headers["Authorization"].split()[1]
    stream_url = playback["stream_url"]
    encoded = stream_url.replace(grant, "".join(f"%{ord(sign):02x}" for sign in grant))
    asked = [
        [f"GET {stream_url} HTTP/1.1", "Range: bytes=0-9"],
        [f"GET {stream_url} HTTP/1.1", "Range: bytes=999999999-"],
        [f"GET {stream_url}x HTTP/1.1"],
        [f"GET {encoded} HTTP/1.1", "Range: bytes=0-9"],
        [f"GET {stream_url.replace('/play/', '/play//')} HTTP/1.1"],
        [f"GET {stream_url.replace('/play/', '/PLAY/')} HTTP/1.1"],
        [f"GET /{grant} HTTP/1.1"],
        [f"GET /api/v1/events?token={bearer} HTTP/1.1"],
        [f"POST {stream_url} HTTP/1.1", "Content-Length: 0"],
        [f"POST /play/{grant}/{video['id']}/progress HTTP/1.1", "Content-Length: 0"],
        [f"GET {stream_url} HTTP/1.1", "Bad\x01Header: x"],
        [f"GET {stream_url} HTTP/9.9"],
        [f"GET {stream_url}\x01 HTTP/1.1"],
        [f"{grant} / HTTP/1.1"],
        ["GET / HTTP/1.1", f"Authorization: Bearer {bearer}x"],
        ["GET /api/v1/courses HTTP/1.1", f"Authorization: Bearer {bearer}x"],
        ["GET /api/v1/courses HTTP/1.1", f"Authorization: Basic {bearer}"],
    ]
    for first, *headers in asked:
        async with connected(serve.url) as wire:
            await wire.send(first, "Host: x", "Connection: close", *headers)
            assert (await wire.rest()).startswith(b"HTTP/1.")
    async with slow_transfer(serve, stream_url):
        pass  # and is cut
    async with (
        aiohttp.ClientSession(serve.url) as session,
        listening(session, events["events_url"]),
    ):
        pass
    serve.process.terminate()
    await asyncio.to_thread(serve.process.wait, STOP_TIMEOUT_S)

    log = serve.log()
    assert "/play/***" in log
    assert JWT.search(log) is None
    secrets = (grant, bearer, events["events_url"].split("/")[2], SECRET)
    parts = {part for secret in secrets for part in secret.split(".") if len(part) > 8}
    assert [part for part in parts if part in log] == []
