"""The next lesson fetched ahead: terms in the middle of this one, first bytes near the end."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.harness.waiting import wait_until
from tests.programs.chromium import TIMEOUT_MS, VIDEO, open_chromium, until

SAVING = "localStorage.setItem('coursestream.preferences', JSON.stringify({ quality: 'save' }))"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def page() -> AsyncIterator[Page]:
    async with open_chromium() as browser:
        page = await browser.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        yield page


async def play_at(page: Page, share: float) -> None:
    await page.evaluate(f"{VIDEO}.currentTime = {VIDEO}.duration * {share}")
    await page.evaluate(f"{VIDEO}.play()")
    await until(page, f"!{VIDEO}.seeking && {VIDEO}.currentTime > {VIDEO}.duration * {share} + 0.5")


async def open_first(page: Page, service: Any) -> tuple[str, list[str]]:
    """The id of the lesson after the one that is open, and the requests about it so far."""
    asked: list[str] = []
    page.on("request", lambda one: asked.append(f"{one.method} {one.url}"))
    token = service.token("student")
    await page.goto(f"{service.url}/watch/{service.videos[0]}#token={token}")
    await until(page, f"{VIDEO}.readyState >= 2")
    await page.evaluate(f"{VIDEO}.muted = true")
    await expect(page.locator("#next a")).to_be_visible(timeout=TIMEOUT_MS)
    href = await page.locator("#next a").get_attribute("href")
    assert href is not None
    return href.removeprefix("/watch/"), asked


def media_of(asked: list[str], video_id: str) -> list[str]:
    return [one for one in asked if "/play/" in one and f"/{video_id}/" in one]


async def test_the_next_lesson_begins_by_what_was_fetched_ahead(page: Page, service: Any) -> None:
    next_id, asked = await open_first(page, service)
    terms = f"POST {service.url}/api/v1/videos/{next_id}/playback"
    await play_at(page, 0.3)
    assert terms not in asked

    await play_at(page, 0.55)
    await wait_until(lambda: terms in asked)
    assert not media_of(asked, next_id)
    await play_at(page, 0.78)
    media = await wait_until(lambda: media_of(asked, next_id))

    await page.locator("#next a").click()
    await page.wait_for_url(f"**/watch/{next_id}")
    await until(page, f"{VIDEO}.readyState >= 2")
    assert asked.count(terms) == 1
    assert asked.count(media[0]) >= 2


async def test_nothing_is_fetched_ahead_for_who_saves_data(page: Page, service: Any) -> None:
    await page.add_init_script(SAVING)
    next_id, asked = await open_first(page, service)

    await play_at(page, 0.8)

    assert not [one for one in asked if next_id in one and "thumbnails" not in one]
