"""Videos whose every byte is known, who may watch them, and reading that checks each byte."""

import asyncio
import hashlib
import random
import re
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.harness.serving import Serve, call, ready_video_of, write_large_mp4
from tests.harness.wire import LONGEST_WAIT_S, Wire, WireAnswer, connected

SMALL_BUFFER_BYTES = 32 * 1024  # of a client's kernel: one that stops reading is noticed at once
AT_ONCE = 16
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Lecture:
    """A video that is served, and its bytes: random ones, so that no two places look alike."""

    video: Any
    content: bytes

    @property
    def id(self) -> str:
        return str(self.video["id"])

    @property
    def size(self) -> int:
        return len(self.content)


async def make_lecture(serve: Serve, directory: Path, seed: int, size_bytes: int) -> Lecture:
    directory.mkdir(exist_ok=True)
    file = await asyncio.to_thread(
        write_large_mp4, directory, random.Random(seed).randbytes(size_bytes)
    )
    content = await asyncio.to_thread(file.read_bytes)
    async with serve.client("root", "admin") as admin:
        video = await ready_video_of(admin, file)
    assert hashlib.sha256(content).hexdigest() == video["sha256"], "was changed by processing"
    return Lecture(video, content)


async def grants_for(serve: Serve, lecture: Lecture, user_ids: Sequence[str]) -> list[str]:
    """Enrols them; for each the path of the video by a grant of its own."""
    at_once = asyncio.Semaphore(AT_ONCE)

    async def grant_for(user_id: str) -> str:
        async with at_once, serve.client(user_id) as student:
            enrolment = f"/api/v1/courses/c1/enrollments/{user_id}"
            await call(admin, "PUT", enrolment, json={"role": "student"})
            playback = f"/api/v1/videos/{lecture.id}/playback"
            return str((await call(student, "POST", playback, json={}))["stream_url"])

    connector = aiohttp.TCPConnector(limit=AT_ONCE)
    async with serve.client("root", "admin", connector=connector) as admin:
        return await asyncio.gather(*map(grant_for, user_ids))


def request_lines(path: str, *headers: str, method: str = "GET") -> list[str]:
    return [f"{method} {path} HTTP/1.1", "Host: x", *headers]


def range_header(start: int, stop: int | None = None) -> str:
    return f"Range: bytes={start}-{'' if stop is None else stop - 1}"


@dataclass(frozen=True)
class Watcher:
    """A connection of who may watch a lecture. Nothing is read that is not compared."""

    wire: Wire
    path: str
    lecture: Lecture

    async def ask(self, *headers: str, method: str = "GET") -> None:
        await self.wire.send(*request_lines(self.path, *headers, method=method))

    async def head_of(self, start: int, stop: int | None = None) -> None:
        """The head of a range that was asked for; its body is left to `take`."""
        answer = await self.wire.head()
        stop = self.lecture.size if stop is None else stop
        expected = f"bytes {start}-{stop - 1}/{self.lecture.size}"
        assert (answer.status, answer.headers["Content-Range"]) == (206, expected), answer

    async def take(self, start: int, stop: int, *, chunk_bytes: int = 2**16) -> None:
        """Reads what must be the lecture's bytes from `start` to `stop`."""
        while start < stop:
            async with asyncio.timeout(LONGEST_WAIT_S):
                chunk = await self.wire.reader.read(min(stop - start, chunk_bytes))
            assert chunk, f"cut at {start}"
            self.compare(start, chunk)
            start += len(chunk)

    async def take_until_cut(self, start: int) -> int:
        """Reads what still comes before the connection ends; where that was."""
        while True:
            try:
                async with asyncio.timeout(LONGEST_WAIT_S):
                    chunk = await self.wire.reader.read(2**16)
            except ConnectionError:
                return start
            if not chunk:
                return start
            self.compare(start, chunk)
            start += len(chunk)

    def compare(self, start: int, chunk: bytes) -> None:
        is_same = chunk == memoryview(self.lecture.content)[start : start + len(chunk)]
        assert is_same, f"wrong bytes between {start} and {start + len(chunk)}"

    async def range(self, start: int, stop: int) -> None:
        """Asks for a range and compares all of it."""
        await self.ask(range_header(start, stop))
        await self.head_of(start, stop)
        await self.take(start, stop)

    async def answer(self, *headers: str, method: str = "GET") -> WireAnswer:
        await self.ask(*headers, method=method)
        return await self.wire.answer(method)

    def reset(self) -> None:
        """Leaves as a browser does on a seek: at once, with bytes unread."""
        own = self.wire.writer.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.wire.writer.transport.abort()


@asynccontextmanager
async def watching(
    url: str, path: str, lecture: Lecture, *, receive_buffer_bytes: int | None = None
) -> AsyncIterator[Watcher]:
    async with connected(url, receive_buffer_bytes=receive_buffer_bytes) as wire:
        yield Watcher(wire, path, lecture)


def file_of(serve: Serve, lecture: Lecture) -> Path:
    """Its path in the server's storage."""
    (found,) = (serve.data_dir / "storage").rglob(f"{lecture.id}/source-*")
    return found


def parts_of(answer: WireAnswer) -> list[tuple[int, bytes]]:
    """Parts of a multipart answer: the position of each in the file, and its bytes."""
    boundary = answer.headers["Content-Type"].partition("boundary=")[2]
    pieces = (b"\r\n" + answer.body).split(f"\r\n--{boundary}".encode())
    assert (pieces[0], pieces[-1]) == (b"", b"--\r\n")
    parts = []
    for piece in pieces[1:-1]:
        head, _, body = piece.partition(b"\r\n\r\n")
        span = re.search(rb"Content-Range: bytes (\d+)-(\d+)/", head)
        assert span is not None
        assert int(span[2]) - int(span[1]) + 1 == len(body), "a part of another length"
        parts.append((int(span[1]), body))
    return parts
