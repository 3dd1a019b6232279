"""Chromium shows each picture of the files at its time, also where it switches between rungs."""

import asyncio
import base64
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Page

from storage.fragments.assembly import read_assembled
from tests.chromium import open_chromium
from tests.storage.playlists.published import Published
from tests.storage.rungs import PICTURES, SEGMENT

CODECS = {"v96": "avc1.64000A", "v48": "avc1.64000A", "a96": "av01.0.00M.08"}
# Around the boundaries of segments and pieces, and within.
NUMBERS = [0, 1, 2, 3, 7, 18, 19, 20, 21, 39, 40, 41, 59, 60, 79, 80, 81, 98, 99]

SHOW = """async ([parts, type, numbers]) => {
    const next = (target, event) => new Promise((resolve, reject) => {
        target.addEventListener(event, resolve, { once: true })
        setTimeout(() => reject(new Error(`no ${event}`)), 10000)
    })
    const video = document.createElement('video')
    const source = new MediaSource()
    const opened = next(source, 'sourceopen')
    video.src = URL.createObjectURL(source)
    document.body.append(video)
    await opened
    const buffer = source.addSourceBuffer(type)
    const loaded = next(video, 'loadeddata')
    for (const part of parts) {
        const ended = next(buffer, 'updateend')
        buffer.appendBuffer(Uint8Array.from(atob(part), (one) => one.charCodeAt(0)))
        await ended
    }
    source.endOfStream()
    await loaded
    const canvas = document.createElement('canvas')
    canvas.width = 64
    canvas.height = 48
    const context = canvas.getContext('2d', { willReadFrequently: true })
    const shown = []
    for (const number of numbers) {
        const drawn = new Promise((resolve) => video.requestVideoFrameCallback(resolve))
        const sought = next(video, 'seeked')
        video.currentTime = number / 10 + 0.05
        await sought
        await drawn
        context.drawImage(video, 0, 0, 64, 48)
        const row = context.getImageData(0, 24, 64, 1).data
        let found = 0
        for (let bit = 0; bit < 8; bit++) found = found * 2 + (row[(bit * 8 + 4) * 4] > 128)
        shown.push(found)
    }
    const { buffered, duration } = video
    return { shown, duration, buffered: [buffered.length, buffered.start(0), buffered.end(0)] }
}"""


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page() -> AsyncIterator[Page]:
    async with open_chromium() as browser:
        yield await browser.new_page()


async def parts_of(published: Published, name: str, segments: range) -> list[bytes]:
    """The initialization and then these segments."""
    return await asyncio.to_thread(read_parts, published, name, segments)


def read_parts(published: Published, name: str, segments: range) -> list[bytes]:
    path = published.directory / f"{name}.mp4"
    file, content = read_assembled(path), path.read_bytes()
    media = [file.fragments[number] for number in segments]
    return [
        content[: file.initialization_size],
        *(content[one.offset : one.offset + one.size] for one in media),
    ]


async def show(page: Page, parts: list[bytes], codecs: str) -> None:
    encoded = [base64.b64encode(part).decode() for part in parts]
    found = await page.evaluate(SHOW, [encoded, f'video/mp4; codecs="{codecs}"', NUMBERS])
    assert found["shown"] == NUMBERS
    assert found["buffered"] == [1, 0, pytest.approx(10)]
    assert found["duration"] == pytest.approx(10)


async def test_each_picture_is_shown_at_its_time(page: Page, published: Published) -> None:
    for name, codecs in CODECS.items():
        await show(page, await parts_of(published, name, range(PICTURES // SEGMENT)), codecs)


async def test_each_picture_is_shown_at_its_time_where_rungs_change(
    page: Page, published: Published
) -> None:
    parts = [
        *await parts_of(published, "v48", range(2)),
        *await parts_of(published, "v96", range(2, 3)),
        *await parts_of(published, "v48", range(3, 5)),
    ]

    await show(page, parts, CODECS["v48"])
