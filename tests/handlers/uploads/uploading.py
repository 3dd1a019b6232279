"""Uploads sent byte by byte, and what they may leave behind when they are refused."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from handlers import keys
from tests.harness.waiting import wait_until
from tests.harness.wire import Wire, WireAnswer, connected

BEFORE = (
    b'--a\r\nContent-Disposition: form-data; name="title"\r\n\r\nLecture\r\n'
    b'--a\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'
)
AFTER = b"\r\n--a--\r\n"
# Content of an empty storage: its id and its owner.
IDENTITY_FILES = {".coursestream", ".coursestream-owner"}
ROWS = (
    "SELECT (SELECT count(*) FROM videos) AS videos, (SELECT count(*) FROM event_log"
    " WHERE type LIKE 'video.%%') AS events, (SELECT count(*) FROM procrastinate_jobs) AS jobs,"
    " (SELECT count(*) FROM space_reservations) AS reservations"
)


class Sending:
    """An upload under way, by `tess`, the teacher; chunked when its length was not announced."""

    def __init__(self, wire: Wire, *, is_chunked: bool) -> None:
        self._wire = wire
        self._is_chunked = is_chunked

    async def send(self, content: bytes) -> None:
        if self._is_chunked:
            content = f"{len(content):x}\r\n".encode() + content + b"\r\n"
        self._wire.writer.write(content)
        await self._wire.writer.drain()

    async def end(self) -> WireAnswer:
        """The answer once everything has been sent."""
        await self.send(AFTER)
        if self._is_chunked:
            self._wire.writer.write(b"0\r\n\r\n")
        return await self.answer()

    async def answer(self) -> WireAnswer:
        return await self._wire.answer("POST")

    def vanish(self) -> None:
        self._wire.writer.transport.abort()


@asynccontextmanager
async def sending(
    service: Any, file_bytes: int | None, before: bytes = BEFORE
) -> AsyncIterator[Sending]:
    """The head of the request is out, and `before`: the form up to the file, if not less of it."""
    token = service.teacher.headers["Authorization"]
    length = (
        "Transfer-Encoding: chunked"
        if file_bytes is None
        else f"Content-Length: {len(BEFORE) + file_bytes + len(AFTER)}"
    )
    async with connected(service.url) as wire:
        await wire.send(
            "POST /api/v1/modules/m1/videos HTTP/1.1",
            "Host: a",
            f"Authorization: {token}",
            "Content-Type: multipart/form-data; boundary=a",
            length,
        )
        upload = Sending(wire, is_chunked=file_bytes is None)
        await upload.send(before)
        yield upload


async def until_it_arrives(service: Any, size_bytes: int = 0) -> Path:
    """The temporary file, once it has so many bytes."""
    unfinished = service.app[keys.STORAGE].unfinished
    (path, *_) = await wait_until(
        lambda: [path for path in unfinished.iterdir() if path.stat().st_size >= size_bytes]
    )
    return Path(path)


async def left_behind(service: Any) -> list[str]:
    """Every trace of an upload: files, directories, rows, events, jobs, reservations."""
    row = await service.app[keys.DATABASE].fetch_one(ROWS)
    rows = [f"{count} {name}" for name, count in row._asdict().items() if count]
    return files_left(service) + rows


def files_left(service: Any) -> list[str]:
    storage = service.app[keys.STORAGE]
    return sorted(
        str(path.relative_to(storage.root))
        for path in (*storage.unfinished.rglob("*"), *storage.courses.glob("*/**/*"))
    )


async def is_nothing_left(service: Any) -> bool:
    """Soon: what ends an upload may come after its answer."""
    await wait_until(lambda: left_behind(service), lambda seen: not seen, within_s=10)
    return True
