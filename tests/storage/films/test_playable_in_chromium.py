"""Files reported as playable play in a real browser, under the media type that is reported."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page

from storage.conversion.transcode import transcode
from storage.formats import Container
from storage.media.facts import MediaLimits
from storage.media.probe import probe
from tests.programs.chromium import open_chromium

# Support by MediaSource, the answer of canPlayType, and the size of the decoded picture.
JUDGE = """async ([mediaType, base64]) => {
    const video = document.createElement('video');
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const ended = new Promise((resolve) => {
        video.onloadeddata = () => resolve([video.videoWidth, video.videoHeight]);
        video.onerror = () => resolve(video.error.message);
    });
    video.src = URL.createObjectURL(new Blob([bytes], {type: mediaType}));
    const can = video.canPlayType(mediaType);
    return [MediaSource.isTypeSupported(mediaType), can, await ended];
}"""
COMBINATIONS = [
    *(
        ("mp4", video, sound)
        for video in ("libx264", "libvpx-vp9", "libsvtav1")
        for sound in ("aac", "libmp3lame", "libopus", None)
    ),
    *(
        ("webm", video, sound)
        for video in ("libvpx", "libvpx-vp9", "libsvtav1")
        for sound in ("libopus", "vorbis", None)
    ),
]


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page() -> AsyncIterator[Page]:
    async with open_chromium() as browser:
        yield await browser.new_page()


async def test_every_combination_that_is_said_to_play(
    page: Page, make_clip: Callable[..., Path], limits: MediaLimits
) -> None:
    for container, video, sound in COMBINATIONS:
        path = await asyncio.to_thread(make_clip, muxer=container, video=video, audio=sound)
        found = await asyncio.to_thread(probe, path, container, limits)
        assert found.is_playable_in_browsers

        answer = await _judged(page, found.mime_type, path)

        # Chromium's MediaSource has no type for MP3 in MP4, its <video> does.
        is_taken = sound != "libmp3lame"
        assert answer == [is_taken, "probably", [160, 90]], found.mime_type


@pytest.mark.parametrize("target", ["mp4", "webm"])
async def test_what_was_made_playable(
    page: Page,
    make_clip: Callable[..., Path],
    limits: MediaLimits,
    tmp_path: Path,
    target: Container,
) -> None:
    source = await asyncio.to_thread(make_clip, video="mpeg4", audio="ac3")
    made, report = tmp_path / "made", list[float]().append
    await asyncio.to_thread(transcode, source, "mp4", made, [target], 1.0, 10**6, report)
    found = await asyncio.to_thread(probe, made, target, limits)

    answer = await _judged(page, found.mime_type, made)

    assert answer == [True, "probably", [160, 90]]


async def _judged(page: Page, media_type: str, path: Path) -> Any:
    content = base64.b64encode(await asyncio.to_thread(path.read_bytes)).decode()
    return await page.evaluate(JUDGE, [media_type, content])
