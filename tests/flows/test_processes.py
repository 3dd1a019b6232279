"""What users do to the processes: stop them in the middle of everything, kill them, start again."""

import asyncio
import hashlib
import json
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from server.postgres_cluster import Cluster
from server.tokens import mint_token
from storage.remux import remux_faststart
from storage.samples import write_clock_mp4
from tests.listening import listening
from tests.running import SECRET, STOP_TIMEOUT_S, free_port, start, wait_for
from tests.wire import connected

START_TIMEOUT_S = 60.0
RESTART_TIMEOUT_S = 20.0  # seconds on an idle machine
FILLER_BYTES = 48 * 2**20  # more than the kernel takes off a reader's hands
JWT = re.compile(r"eyJ[\w-]+\.[\w-]+")


@dataclass
class Serve:
    """`serve` on a directory that outlives it."""

    data_dir: Path
    output: Path
    port: int = field(default_factory=free_port)
    process: Any = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> float:
        """How many seconds it took until it listened."""
        started_s = time.monotonic()
        told_before = self.log().count("listens on")
        self.process = start(
            self.data_dir, self.output, self.port, LOG_LEVEL="debug", LOG_FORMAT="json"
        )

        def is_listening() -> bool:
            assert self.process.poll() is None, self.log()
            return self.log().count("listens on") > told_before

        wait_for(is_listening, "the address", START_TIMEOUT_S)
        return time.monotonic() - started_s

    def log(self) -> str:
        return self.output.read_text(errors="replace") if self.output.exists() else ""

    async def workers(self) -> set[int]:
        """The media workers that it started."""
        mark = f"--child-of {self.process.pid}"
        return {pid for pid, command in (await commands()).items() if mark in command}

    def client(self, user_id: str, *roles: str) -> aiohttp.ClientSession:
        headers = {"Authorization": f"Bearer {mint_token(SECRET, user_id, roles=roles)}"}
        return aiohttp.ClientSession(self.url, headers=headers)

    async def database(self) -> set[int]:
        """The processes of its PostgreSQL."""
        return set(await asyncio.to_thread(self.cluster.process_ids))

    @property
    def cluster(self) -> Cluster:
        return Cluster(self.data_dir / "postgres")


async def commands() -> dict[int, str]:
    """Every process with its command line."""
    return await asyncio.to_thread(_commands)


def _commands() -> dict[int, str]:
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "cmdline").read_bytes()
            except OSError:
                continue  # it ended while we looked
            found[int(entry.name)] = text.replace(b"\0", b" ").decode(errors="replace")
    return found


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    served = Serve(tmp_path / "data", tmp_path / "output")
    yield served
    if served.process is not None and served.process.poll() is None:
        served.process.kill()
        served.process.wait()
    for pid in served.cluster.process_ids():
        os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def large_mp4(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Takes a while to send to who reads slowly, and no time to process."""
    directory = tmp_path_factory.mktemp("media")
    camera, large = directory / "camera.mp4", directory / "large.mp4"
    write_clock_mp4(camera, 2)
    remux_faststart(camera, large, "mp4")
    with large.open("r+b") as file:
        begin = file.seek(0, os.SEEK_END)
        file.write(FILLER_BYTES.to_bytes(4, "big") + b"free")
        file.truncate(begin + FILLER_BYTES)
    return large


async def call(session: aiohttp.ClientSession, method: str, path: str, **options: Any) -> Any:
    async with session.request(method, path, **options) as response:
        answer = await response.json()
        assert response.status in (200, 201), answer
        return answer


async def ready_video(serve: Serve, file: Path) -> Any:
    """A video of a course where `ada` is a student."""
    async with serve.client("root", "admin") as admin:
        for path, body in (
            ("", {"title": "Course"}),
            ("/enrollments/ada", {"role": "student"}),
            ("/modules/m1", {"title": "Module", "position": 1}),
        ):
            await call(admin, "PUT", f"/api/v1/courses/c1{path}", json=body)
        with file.open("rb") as body:
            form = aiohttp.FormData()
            form.add_field("file", body, filename="lecture.mp4")
            video = await call(admin, "POST", "/api/v1/modules/m1/videos", data=form)
        async with asyncio.timeout(60):
            while video["status"] == "processing":
                await asyncio.sleep(0.1)
                video = await call(admin, "GET", f"/api/v1/videos/{video['id']}")
    assert video["status"] == "ready", video
    return video


async def report(session: aiohttp.ClientSession, playback: Any, video: Any, position: float) -> Any:
    body = {
        "session_id": playback["session_id"],
        "sequence": playback["next_sequence"],
        "position": position,
        "watched": [[0, position]],
        "event": "progress",
    }
    return await call(
        session, "POST", f"/play/{playback['grant']}/{video['id']}/progress", json=body
    )


@asynccontextmanager
async def slow_transfer(serve: Serve, path: str) -> AsyncIterator[asyncio.StreamReader]:
    """A transfer that has begun and that waits for its reader."""
    async with connected(serve.url) as wire:
        await wire.send(f"GET {path} HTTP/1.1", "Host: x")
        head = await wire.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        yield wire.reader


async def read_slowly(reader: asyncio.StreamReader, size_bytes: int) -> str:
    """The SHA-256 of what comes."""
    digest, left_bytes = hashlib.sha256(), size_bytes
    while left_bytes:
        chunk = await reader.read(min(left_bytes, 2**18))
        assert chunk, f"cut {left_bytes} bytes before the end"
        digest.update(chunk)
        left_bytes -= len(chunk)
        await asyncio.sleep(0.001)
    return digest.hexdigest()


async def status_of(serve: Serve, path: str) -> int | None:
    """None when nobody listens."""
    try:
        async with aiohttp.ClientSession(serve.url) as session, session.get(path) as response:
            return response.status
    except aiohttp.ClientConnectionError:
        return None


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
    """What an operator would have to look at."""
    lines = [line for line in log.splitlines() if line.startswith("{")]
    return [line for line in lines if json.loads(line)["level"] in ("warning", "error", "critical")]


async def test_a_second_ctrl_c_does_not_wait_for_transfers(serve: Serve, large_mp4: Path) -> None:
    await asyncio.to_thread(serve.start)
    video = await ready_video(serve, large_mp4)
    async with serve.client("ada") as student:
        playback = await call(student, "POST", f"/api/v1/videos/{video['id']}/playback", json={})
    async with slow_transfer(serve, playback["stream_url"]):
        serve.process.send_signal(signal.SIGINT)
        while await status_of(serve, "/readyz") is not None:
            await asyncio.sleep(0.05)
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
    async with asyncio.timeout(10):
        while pids & set(await commands()):
            await asyncio.sleep(0.05)


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
        assert await call(student, "GET", f"/api/v1/videos/{video['id']}") == video
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
