"""From an upload to a video that is watched, left, and taken up again."""

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import av
import pytest
from PIL import Image

from storage.samples import write_clock_mp4
from tests.harness.serving import processed

COURSE = "flow-watch"
MODULE = "flow-watch-1"


@pytest.fixture
async def admin(service: Any) -> AsyncIterator[aiohttp.ClientSession]:
    async with service.client("root", "admin") as session:
        yield session


@pytest.fixture
async def teacher(service: Any, admin: aiohttp.ClientSession) -> AsyncIterator[Any]:
    """An instructor of the course, which has one module and one student, `ada`."""
    await put(admin, f"courses/{COURSE}", {"title": "Flow"})
    await put(admin, f"courses/{COURSE}/enrollments/tess", {"role": "instructor"})
    await put(admin, f"courses/{COURSE}/enrollments/ada", {"role": "student"})
    await put(admin, f"courses/{COURSE}/modules/{MODULE}", {"title": "One", "position": 1})
    async with service.client("tess") as session:
        yield session


@pytest.fixture
async def student(service: Any, teacher: Any) -> AsyncIterator[aiohttp.ClientSession]:
    async with service.client("ada") as session:
        yield session


async def put(session: aiohttp.ClientSession, path: str, body: dict[str, Any]) -> Any:
    async with session.put(f"/api/v1/{path}", json=body) as response:
        assert response.status in (200, 201), await response.text()
        return await response.json()


async def upload(session: aiohttp.ClientSession, file: Path, module: str = MODULE) -> Any:
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("title", "A lecture")
    with file.open("rb") as body:
        form.add_field("file", body, filename='semi;colons; and "quotes".mp4')
        async with session.post(f"/api/v1/modules/{module}/videos", data=form) as response:
            answer = await response.json()
            assert response.status == 201, answer
            assert response.headers["Location"] == f"/api/v1/videos/{answer['id']}"
            return answer


async def ready(session: aiohttp.ClientSession, video_id: str) -> Any:
    """The video, once it can be watched."""
    return await processed(session, f"/api/v1/videos/{video_id}")


async def post(session: aiohttp.ClientSession, path: str, body: Any) -> Any:
    async with session.post(path, json=body) as response:
        answer = await response.json()
        assert response.status in (200, 201), answer
        return answer


async def test_upload_is_processed_watched_and_resumed(
    teacher: aiohttp.ClientSession, student: aiohttp.ClientSession, tmp_path: Path
) -> None:
    file = tmp_path / "lecture.mp4"
    await asyncio.to_thread(write_clock_mp4, file, 6)
    original = file.read_bytes()

    uploaded = await upload(teacher, file)
    assert uploaded["status"] == "processing"
    assert uploaded["original_filename"] == 'semi;colons; and "quotes".mp4'
    video = await ready(teacher, uploaded["id"])

    assert video["status"] == "ready"
    assert video["original_sha256"] == hashlib.sha256(original).hexdigest()
    assert video["original_size"] == len(original)
    assert set(video["thumbnails"]) == {"small", "medium", "large"}

    playback = await post(student, f"/api/v1/videos/{video['id']}/playback", {})
    assert playback["resume_position"] == 0
    async with student.get(playback["stream_url"]) as response:
        served = await response.read()
        assert response.headers["Content-Type"] == video["mime_type"]
    assert hashlib.sha256(served).hexdigest() == video["sha256"]
    assert served.index(b"moov") < served.index(b"mdat")

    report = {
        "session_id": playback["session_id"],
        "sequence": playback["next_sequence"],
        "position": 2.5,
        "watched": [[0, 2.5]],
        "event": "paused",
    }
    progress_url = f"/play/{playback['grant']}/{video['id']}/progress"
    state = await post(student, progress_url, report)
    assert state["watched"] == [[0, 2.5]]
    assert not state["completed"]

    on_the_phone = await post(student, f"/api/v1/videos/{video['id']}/playback", {})
    assert on_the_phone["resume_position"] == 2.5
    assert on_the_phone["session_id"] != playback["session_id"]
    report |= {
        "session_id": on_the_phone["session_id"],
        "sequence": on_the_phone["next_sequence"],
        "position": video["duration"],
        "watched": [[2.5, video["duration"]]],
        "event": "completed",
    }
    state = await post(student, progress_url, report)
    assert state["completed"]

    again = await post(student, f"/api/v1/videos/{video['id']}/playback", {})
    assert again["completed"]
    assert again["resume_position"] == 0


@pytest.mark.parametrize("which", [0, 1], ids=["mp4", "webm"])
async def test_pyav_opens_the_stream_over_http_and_seeks(service: Any, which: int) -> None:
    async with service.client("student") as session:
        playback = await post(session, f"/api/v1/videos/{service.videos[which]}/playback", {})

    def decode_near(seconds: float) -> float:
        with av.open(service.url + playback["stream_url"], timeout=20) as media:
            media.seek(int(seconds * av.time_base))
            frame = next(media.decode(video=0))
            assert frame.time is not None
            return frame.time

    found_s = await asyncio.to_thread(decode_near, 20.0)

    assert 15.0 < found_s <= 20.0


async def test_thumbnails_are_pictures_of_the_asked_width(service: Any) -> None:
    async with service.client("student") as session:
        async with session.get(f"/api/v1/videos/{service.videos[0]}") as response:
            video = await response.json()
        async with session.get(video["thumbnails"]["small"]) as response:
            picture = await response.read()
            assert response.headers["Content-Type"] == "image/jpeg"
            etag = response.headers["ETag"]
        async with session.get(
            video["thumbnails"]["small"], headers={"If-None-Match": etag}
        ) as response:
            assert response.status == 304
        async with session.get(
            video["thumbnails"]["small"], headers={"Accept": "image/png"}
        ) as response:
            assert response.status == 406

    with Image.open(io.BytesIO(picture)) as image:
        assert image.width == 160
