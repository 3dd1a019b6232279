"""Files that browsers do not play, and the other format, the whole way from upload to screen."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import av
import pytest
from PIL import Image
from playwright.async_api import Page

from storage.samples import read_frame_number
from tests.films.clock_films import RATE, write_clock
from tests.harness.serving import Serve, call, served_from
from tests.harness.waiting import wait_until
from tests.programs.chromium import open_chromium, until
from tests.storage.sandbox.living import children, name_of

LONG_TIME_S = 60.0
CANCELLED_WITHIN_S = 10.0
VIDEO = "document.querySelector('video')"
SHOW = """([url]) => {
    const video = document.createElement('video');
    video.muted = true;
    video.src = url;
    document.body.replaceChildren(video);
}"""
DRAWN = f"""() => {{
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [{VIDEO}.videoWidth, {VIDEO}.videoHeight];
    canvas.getContext('2d').drawImage({VIDEO}, 0, 0);
    return canvas.toDataURL('image/png');
}}"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, made_cluster: Path) -> Iterator[Serve]:
    directory = tmp_path_factory.mktemp("formats")
    with served_from(directory, made_cluster, ALTERNATE_FORMAT="on") as served:
        served.start()
        yield served


@pytest.fixture
async def teacher(service: Serve) -> AsyncIterator[aiohttp.ClientSession]:
    async with service.client("root", "admin") as session:
        await call(session, "PUT", "/api/v1/courses/c1", json={"title": "Course"})
        module = "/api/v1/courses/c1/modules/m1"
        await call(session, "PUT", module, json={"title": "Module", "position": 1})
        yield session


@pytest.fixture
async def page(service: Serve) -> AsyncIterator[Page]:
    async with open_chromium() as browser:
        page = await browser.new_page()
        await page.goto(service.url)
        yield page


async def test_hevc_is_played_by_a_browser_in_both_formats(
    teacher: aiohttp.ClientSession, page: Page, tmp_path: Path
) -> None:
    await asyncio.to_thread(write_clock, tmp_path / "hevc.mp4", "libx265", 4 * RATE)

    video = await _uploaded(teacher, tmp_path / "hevc.mp4")
    assert (video["status"], video["video_codec"]) == ("processing", "hevc")
    video = await _until(teacher, video, lambda video: video["formats"] == ["mp4", "webm"])

    assert (video["status"], video["container"], video["video_codec"]) == ("ready", "mp4", "h264")
    playback = await call(teacher, "POST", f"/api/v1/videos/{video['id']}/playback", json={})
    types = [source["type"] for source in playback["sources"]]
    assert [kind.partition(";")[0] for kind in types] == ["video/mp4", "video/webm"]
    for source in playback["sources"]:
        await page.evaluate(SHOW, [source["url"]])
        await until(page, f"{VIDEO}.readyState >= 2")
        await page.evaluate(f"{VIDEO}.currentTime = 2.5")
        await until(page, f"!{VIDEO}.seeking && {VIDEO}.readyState >= 2")
        assert await _shown_second(page) == pytest.approx(2.5, abs=1.5 / RATE), source["type"]


async def test_format_is_chosen_by_accept_and_by_name(
    teacher: aiohttp.ClientSession, tmp_path: Path
) -> None:
    await asyncio.to_thread(write_clock, tmp_path / "plain.mp4", "libx264", RATE)
    video = await _uploaded(teacher, tmp_path / "plain.mp4")
    video = await _until(teacher, video, lambda video: video["formats"] == ["mp4", "webm"])

    served = {}
    for query, accept in (("", "*/*"), ("", "video/webm"), ("?format=webm", "*/*")):
        stream = f"/api/v1/videos/{video['id']}/stream{query}"
        async with teacher.get(stream, headers={"Accept": accept}) as response:
            content = await response.read()
            kind = response.headers["Content-Type"].partition(";")[0]
            served[query, accept] = (kind, response.headers["Vary"], content[:4].hex())

    webm = ("video/webm", "Accept", "1a45dfa3")
    assert served.pop(("", "*/*"))[:2] == ("video/mp4", "Accept")
    assert list(served.values()) == [webm, webm]


async def test_deleting_ends_a_conversion_and_restoring_begins_it_anew(
    service: Serve, teacher: aiohttp.ClientSession, tmp_path: Path
) -> None:
    await asyncio.to_thread(_write_still, tmp_path / "long.mp4", 3000)
    video = await _uploaded(teacher, tmp_path / "long.mp4")
    path = f"/api/v1/videos/{video['id']}"
    await _until(teacher, video, lambda video: video["processing_ratio"] > 0)
    (child,) = await _converting(service)

    async with teacher.delete(path) as response:
        assert response.status == 204

    await wait_until(
        lambda: _converting(service), lambda seen: child not in seen, within_s=CANCELLED_WITHIN_S
    )
    await call(teacher, "POST", f"{path}/restore")
    await wait_until(lambda: _converting(service), within_s=LONG_TIME_S)
    async with teacher.delete(path) as response:
        assert response.status == 204


async def _uploaded(session: aiohttp.ClientSession, file: Path) -> Any:
    with file.open("rb") as opened:
        form = aiohttp.FormData()
        form.add_field("file", opened, filename=file.name)
        return await call(session, "POST", "/api/v1/modules/m1/videos", data=form)


async def _until(session: aiohttp.ClientSession, video: Any, holds: Any) -> Any:
    video = await wait_until(
        lambda: call(session, "GET", f"/api/v1/videos/{video['id']}"),
        lambda seen: seen["status"] == "failed" or holds(seen),
        within_s=LONG_TIME_S,
    )
    assert video["status"] != "failed", video
    return video


async def _converting(service: Serve) -> set[int]:
    """The sandboxed children of its media workers that convert."""
    workers = await service.workers()
    return {
        child
        for worker in workers
        for child in await asyncio.to_thread(children, worker)
        if name_of(child) == "transcode"
    }


async def _shown_second(page: Page) -> float:
    picture: str = await page.evaluate(DRAWN)
    with Image.open(BytesIO(base64.b64decode(picture.partition(",")[2]))) as image:
        return read_frame_number(image) / RATE


def _write_still(path: Path, frames: int) -> None:
    """One picture again and again: soon written, and long to convert."""
    image = Image.linear_gradient("L").resize((1280, 720)).convert("RGB")
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=RATE)
        (stream.width, stream.height), stream.pix_fmt = image.size, "yuv420p"
        frame = av.VideoFrame.from_image(image)
        frame.pts, frame.time_base = 0, Fraction(1, RATE)
        (picture,) = [*stream.encode(frame), *stream.encode(None)]
        for number in range(frames):
            packet = av.Packet(bytes(picture))
            packet.stream, packet.is_keyframe = stream, True
            packet.pts = packet.dts = number
            packet.time_base = Fraction(1, RATE)
            out.mux(packet)
