"""Uploads by tus, request by request, and those that are cut."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from handlers import keys
from server.commands.tokens import mint_token
from tests.handlers.conftest import SECRET
from tests.harness.wire import Wire, connected

VERSION = {"Tus-Resumable": "1.0.0"}
OCTETS = {"Content-Type": "application/offset+octet-stream"}
TESS = mint_token(SECRET, "tess")
MIB = 2**20


def metadata(**values: str) -> str:
    pairs = {"module_id": "m1", "filename": "lecture.mp4", **values}
    return ",".join(
        f"{key} {base64.b64encode(one.encode()).decode()}" for key, one in pairs.items()
    )


async def create(
    service: Any, length: int, who: str = "tess", data: bytes | None = None, **headers: str
) -> Any:
    """The answer to the creation of an upload, with its first bytes."""
    asked = {"Upload-Length": str(length), "Upload-Metadata": metadata(), **VERSION, **headers}
    return await service.ask(who, "POST", "uploads", headers=asked, data=data)


async def created(service: Any, length: int, who: str = "tess", **headers: str) -> str:
    """URL to send it to."""
    answer = await create(service, length, who, **headers)
    assert answer.said == "201", answer.body
    location: str = answer.headers["Location"]
    return location


async def patch(
    service: Any, location: str, offset: int, content: bytes, who: str = "tess", **headers: str
) -> Any:
    asked = {**VERSION, **OCTETS, "Upload-Offset": str(offset), **headers}
    return await service.ask(who, "PATCH", location, headers=asked, data=content)


async def head(service: Any, location: str, who: str = "tess") -> Any:
    return await service.ask(who, "HEAD", location, headers=VERSION)


async def offset_of(service: Any, location: str) -> int:
    answer = await head(service, location)
    assert answer.status == 200, answer.status
    return int(answer.headers["Upload-Offset"])


def upload_id_of(location: str) -> UUID:
    return UUID(location.rpartition("/")[2])


def partial_of(service: Any, location: str) -> Path:
    path: Path = service.app[keys.STORAGE].partial(upload_id_of(location))
    return path


async def stored_bytes(service: Any, video_id: str) -> bytes:
    """The file of a video that nobody has processed yet."""
    path = service.app[keys.STORAGE].asset("c1", UUID(video_id), "original.mp4")
    content: bytes = await asyncio.to_thread(path.read_bytes)
    return content


@asynccontextmanager
async def patching(
    url: str, token: str, location: str, offset: int, length: int | None, *lines: str
) -> AsyncIterator[Wire]:
    """A PATCH whose head is out; its body, chunked where it has no length, is still to come."""
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    async with connected(url) as wire:
        await wire.send(
            f"PATCH {location} HTTP/1.1",
            "Host: a",
            f"Authorization: Bearer {token}",
            "Tus-Resumable: 1.0.0",
            "Content-Type: application/offset+octet-stream",
            f"Upload-Offset: {offset}",
            size,
            *lines,
        )
        yield wire


async def send(wire: Wire, content: bytes) -> None:
    wire.writer.write(content)
    await wire.writer.drain()
