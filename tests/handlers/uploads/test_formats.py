"""Uploads in formats that are not served: stored by their content, told as they will be served."""

import asyncio
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import av
import pytest

from handlers import keys
from tests.handlers.uploads.uploading import is_nothing_left


def _write(path: Path, muxer: str, codec: str) -> bytes:
    with av.open(str(path), "w", format=muxer) as out:
        stream = out.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(10):
            frame = av.VideoFrame(64, 48, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path.read_bytes()


async def _post(service: Any, content: bytes) -> Any:
    form = aiohttp.FormData()
    form.add_field("file", BytesIO(content), filename="lecture.mp4")
    return await service.ask("tess", "POST", "modules/m1/videos", data=form)


@pytest.mark.parametrize(
    ("muxer", "codec", "extension", "container"),
    [
        ("mov", "libx264", "mov", "mp4"),
        ("matroska", "libvpx-vp9", "mkv", "webm"),
        ("avi", "mpeg4", "avi", "mp4"),
        ("mpegts", "mpeg2video", "ts", "mp4"),
        ("flv", "flv", "flv", "mp4"),
    ],
)
async def test_original_is_stored_by_its_content(
    service: Any, tmp_path: Path, muxer: str, codec: str, extension: str, container: str
) -> None:
    content = await asyncio.to_thread(_write, tmp_path / "a", muxer, codec)

    answer = await _post(service, content)

    assert answer.said == "201"
    assert answer.json["container"] == container
    assert answer.json["mime_type"].startswith(f"video/{container};")
    storage = service.app[keys.STORAGE]
    stored = await asyncio.to_thread(lambda: [*storage.courses.rglob("original.*")])
    assert [path.name for path in stored] == [f"original.{extension}"]
    assert await asyncio.to_thread(stored[0].read_bytes) == content


async def test_format_that_is_not_allowed_is_named(
    start_service: Callable[..., Any], tmp_path: Path
) -> None:
    service = await start_service(ALLOWED_FORMATS="mp4,mov")
    await service.put("courses/c1", {"title": "One"})
    await service.put("courses/c1/enrollments/tess", {"role": "instructor"})
    await service.put("courses/c1/modules/m1", {"title": "One", "position": 1})
    content = await asyncio.to_thread(_write, tmp_path / "a", "avi", "mpeg4")

    answer = await _post(service, content)

    assert answer.said == "415 unsupported-format"
    assert answer.json["detail"] == "AVI files are not accepted here."
    assert await is_nothing_left(service)
