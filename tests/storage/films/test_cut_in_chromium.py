"""A trimmed clip in a real browser: the part outside of the edit list is never shown, the rest at
its time."""

import asyncio
import base64
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image
from playwright.async_api import Page

from storage.mp4.boxes import Node
from storage.remux.preparation import prepare
from storage.samples import FRAME_RATE, read_frame_number, write_clock_mp4
from tests.programs.chromium import open_chromium
from tests.storage.mp4.editing import cut, edit_index, traks

# Its length, and a picture of it at each of the times.
LOOK = """async ([base64, times]) => {
    const video = document.createElement('video');
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const loaded = new Promise((resolve) => { video.onloadeddata = resolve; });
    video.src = URL.createObjectURL(new Blob([bytes], {type: 'video/mp4'}));
    await loaded;
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    const pictures = [];
    for (const time of times) {
        const found = new Promise((resolve) => { video.onseeked = resolve; });
        const shown = new Promise((resolve) => {
            const look = (_, frame) => Math.abs(frame.mediaTime - time) < 0.1
                ? resolve() : video.requestVideoFrameCallback(look);
            video.requestVideoFrameCallback(look);
        });
        video.currentTime = time;
        await found;
        await shown;
        canvas.getContext('2d').drawImage(video, 0, 0);
        pictures.push(canvas.toDataURL('image/png').split(',')[1]);
    }
    return [video.duration, pictures];
}"""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page() -> AsyncIterator[Page]:
    async with open_chromium() as browser:
        yield await browser.new_page()


@pytest.mark.parametrize(
    ("start_s", "most_pictures_off"),
    [
        pytest.param(2.0, 0, id="at-a-keyframe"),
        # Chromium then shows each picture one too early, as it does with the upload.
        pytest.param(2.02, 1, id="within-a-keyframe"),
    ],
)
async def test_pictures_of_a_copied_cut(
    page: Page, tmp_path: Path, start_s: float, most_pictures_off: int
) -> None:
    clip = tmp_path / "clip.mp4"
    await asyncio.to_thread(write_clock_mp4, clip, 6, (320, 180))

    def trim(index: Node) -> None:
        for trak in traks(index):
            cut(trak, start_s, 2)

    source = await asyncio.to_thread(edit_index, clip, tmp_path / "source.mp4", trim)
    done = await asyncio.to_thread(prepare, source, tmp_path / "target", "mp4")
    assert done.way == "rebuilt"

    times = [0.25, 1.01, 1.9]
    content = base64.b64encode(await asyncio.to_thread((tmp_path / "target").read_bytes)).decode()
    duration_s, pictures = await page.evaluate(LOOK, [content, times])

    assert duration_s == pytest.approx(2, abs=0.03)
    expected = [int((start_s + time) * FRAME_RATE) for time in times]
    assert [_number(picture) for picture in pictures] == pytest.approx(
        expected, abs=most_pictures_off
    )


def _number(picture: Any) -> int:
    with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
        return read_frame_number(image.convert("L"))
