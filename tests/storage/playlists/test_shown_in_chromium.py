"""Chromium shows each picture of the files at its time, also where it switches between rungs."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Page

from tests.programs.chromium import open_chromium
from tests.storage.media_source import read_parts, show_numbers
from tests.storage.playlists.published import Published
from tests.storage.rungs import PICTURES, RATE, SEGMENT

CODECS = {"v96": "avc1.64000A", "v48": "avc1.64000A", "a96": "av01.0.00M.08"}
# Around the boundaries of segments and pieces, and within.
NUMBERS = [0, 1, 2, 3, 7, 18, 19, 20, 21, 39, 40, 41, 59, 60, 79, 80, 81, 98, 99]

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page() -> AsyncIterator[Page]:
    async with open_chromium() as browser:
        yield await browser.new_page()


async def parts_of(published: Published, name: str, segments: range) -> list[bytes]:
    """The initialization and then these segments."""
    path = published.directory / f"{name}.mp4"
    return await asyncio.to_thread(read_parts, path, segments)


async def show(page: Page, parts: list[bytes], codecs: str) -> None:
    found = await show_numbers(page, parts, codecs, NUMBERS, RATE)
    assert found.shown == NUMBERS
    assert found.buffered == [1, 0, pytest.approx(10)]
    assert found.duration == pytest.approx(10)


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
