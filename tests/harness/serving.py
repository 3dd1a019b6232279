"""`serve` on a directory that outlives it, and what users do with it."""

import asyncio
import hashlib
import os
import signal
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from server.commands.tokens import mint_token
from server.postgres.cluster import Cluster
from storage.mp4.faststart import move_index_to_front
from storage.samples import write_clock_mp4
from tests.harness.making import copy_tree
from tests.harness.running import SECRET, free_port, start, wait_for
from tests.harness.waiting import wait_until
from tests.harness.wire import connected

START_TIMEOUT_S = 60.0
FILLER_BYTES = 48 * 2**20  # more than the kernel takes off a reader's hands


@dataclass
class Serve:
    """`serve` on a directory that outlives it."""

    data_dir: Path
    output: Path
    port: int = field(default_factory=free_port)
    process: Any = None
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> float:
        """Seconds until it listened."""
        started_s = time.monotonic()
        told_before = self.log().count("listens on")
        settings = {
            "LOG_LEVEL": "debug",
            "LOG_FORMAT": "json",
            "REPORT_RATE_LIMIT": "1000000/second",  # tests report faster than people
            "SEEN_CLAIMS": "believed",  # and more than could have been played
            **self.settings,
        }
        self.process = start(self.data_dir, self.output, self.port, **settings)

        def is_listening() -> bool:
            assert self.process.poll() is None, self.log()
            return self.log().count("listens on") > told_before

        wait_for(is_listening, "the address", START_TIMEOUT_S)
        return time.monotonic() - started_s

    def log(self) -> str:
        return self.output.read_text(errors="replace") if self.output.exists() else ""

    async def workers(self) -> set[int]:
        """The media workers that it started. Their children have the same name until they exec."""
        mark = f"--child-of {self.process.pid}"
        found = {pid for pid, command in (await commands()).items() if mark in command}
        return {pid for pid in found if parent_of(pid) not in found}

    async def web_processes(self) -> set[int]:
        """Those of several that share the port, without the one that started them."""
        mark = f" web {self.process.pid} "
        found = {pid for pid, command in (await commands()).items() if mark in command}
        return {pid for pid in found if parent_of(pid) in found}

    async def web_arbiter(self) -> int:
        mark = f" web {self.process.pid} "
        found = {pid for pid, command in (await commands()).items() if mark in command}
        (arbiter,) = (pid for pid in found if parent_of(pid) == self.process.pid)
        return arbiter

    @contextmanager
    def answered_by(self, pid: int, others: set[int]) -> Iterator[None]:
        """Connections opened inside the block are that process's: the others stand still."""
        still = others - {pid}
        for other in still:
            os.kill(other, signal.SIGSTOP)
        try:
            yield
        finally:
            for other in still:
                os.kill(other, signal.SIGCONT)

    def token(self, user_id: str, *roles: str) -> str:
        return mint_token(SECRET, user_id, roles=roles)

    def client(self, user_id: str, *roles: str, **options: Any) -> aiohttp.ClientSession:
        headers = {"Authorization": f"Bearer {self.token(user_id, *roles)}"}
        return aiohttp.ClientSession(self.url, headers=headers, **options)

    async def database(self) -> set[int]:
        """The processes of its PostgreSQL."""
        return set(await asyncio.to_thread(self.cluster.process_ids))

    @property
    def cluster(self) -> Cluster:
        return Cluster(self.data_dir / "postgres")


def parent_of(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill_all(pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


async def until_gone(pids: set[int], timeout_s: float = 10.0) -> None:
    await wait_until(lambda: not any(map(is_alive, pids)), within_s=timeout_s)


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


@contextmanager
def served_from(directory: Path, cluster: Path | None = None, **settings: str) -> Iterator[Serve]:
    """Not started yet, on a copy of the made cluster; no process of it is left afterwards.

    Without a cluster, `serve` makes its own at the first start, which takes seconds.
    """
    if cluster is not None:
        copy_tree(cluster, directory / "data")
    served = Serve(directory / "data", directory / "output", settings=settings)
    try:
        yield served
    finally:
        if served.process is not None and served.process.poll() is None:
            served.process.kill()
            served.process.wait()
        kill_all(served.cluster.process_ids())


def write_large_mp4(directory: Path, filler: bytes | None = None, duration_s: float = 2) -> Path:
    """Takes a while to send to who reads slowly, and no time to process.

    Ends with the `filler`, or with zeros that take no room on the disk.
    """
    filler_bytes = FILLER_BYTES if filler is None else len(filler)
    camera, large = directory / "camera.mp4", directory / "large.mp4"
    write_clock_mp4(camera, duration_s, (128, 72) if duration_s > 2 else (854, 480))
    move_index_to_front(camera, large)
    with large.open("r+b") as file:
        begin = file.seek(0, os.SEEK_END)
        file.write((8 + filler_bytes).to_bytes(4, "big") + b"free" + (filler or b""))
        file.truncate(begin + 8 + filler_bytes)
    return large


async def call(session: aiohttp.ClientSession, method: str, path: str, **options: Any) -> Any:
    async with session.request(method, path, **options) as response:
        answer = await response.json()
        assert response.status in (200, 201), answer
        return answer


async def ready_video(serve: Serve, file: Path) -> Any:
    """A video of a course where `ada` is a student."""
    async with serve.client("root", "admin") as admin:
        return await ready_video_of(admin, file)


async def furnish(admin: aiohttp.ClientSession) -> None:
    """A course with a module, where `ada` is a student."""
    for path, body in (
        ("", {"title": "Course"}),
        ("/enrollments/ada", {"role": "student"}),
        ("/modules/m1", {"title": "Module", "position": 1}),
    ):
        await call(admin, "PUT", f"/api/v1/courses/c1{path}", json=body)


async def ready_video_of(admin: aiohttp.ClientSession, file: Path) -> Any:
    await furnish(admin)
    with file.open("rb") as opened:
        form = aiohttp.FormData()
        form.add_field("file", opened, filename="lecture.mp4")
        video = await call(admin, "POST", "/api/v1/modules/m1/videos", data=form)
    video = await processed(admin, f"/api/v1/videos/{video['id']}")
    assert video["status"] == "ready", video
    return video


async def processed(session: aiohttp.ClientSession, path: str, within_s: float = 60.0) -> Any:
    """The video at the path, once it is ready or has failed."""
    return await wait_until(
        lambda: call(session, "GET", path),
        lambda video: video["status"] != "processing",
        within_s=within_s,
    )


async def report(
    session: aiohttp.ClientSession,
    playback: Any,
    video: Any,
    position: float,
    event: str = "progress",
) -> Any:
    body = {
        "session_id": playback["session_id"],
        "sequence": playback["next_sequence"],
        "position": position,
        "watched": [[0, position]],
        "event": event,
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


async def until_silent(serve: Serve, path: str) -> None:
    """Until nobody listens any longer."""
    await wait_until(lambda: status_of(serve, path), lambda status: status is None, within_s=20)
