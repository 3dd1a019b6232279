"""Pages in a Chromium that blocks storage; without cookies the token is in memory, as they say."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, async_playwright, expect

from tests.programs.chromium import CHROMIUM, FLAGS, TIMEOUT_MS, VIDEO, open_chromium, until

THROWS = """for (const name of ['localStorage', 'sessionStorage'])
  Object.defineProperty(window, name, { get() { throw new DOMException('no', 'SecurityError'); } });
"""
IS_NULL = "Object.defineProperty(window, 'localStorage', { get() { return null; } });"
BOTH_ARE_NULL = IS_NULL + IS_NULL.replace("local", "session")
# `chrome://settings/cookies`: block all.
NO_COOKIES = {"profile": {"default_content_setting_values": {"cookies": 2}}}

pytestmark = pytest.mark.asyncio(loop_scope="module")


@asynccontextmanager
async def scripted(script: str) -> AsyncIterator[BrowserContext]:
    async with open_chromium() as browser:
        context = await browser.new_context()
        await context.add_init_script(script)
        yield context


@asynccontextmanager
async def blocking_cookies(profile: Path) -> AsyncIterator[BrowserContext]:
    """A profile whose settings block all cookies, and with them storage and locks."""
    (profile / "Default").mkdir(parents=True)
    (profile / "Default" / "Preferences").write_text(json.dumps(NO_COOKIES))
    if not CHROMIUM.exists():
        pytest.skip(f"needs {CHROMIUM}")
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            profile, executable_path=str(CHROMIUM), args=list(FLAGS)
        )
        yield context
        await context.close()


async def opened(context: BrowserContext, service: Any, path: str) -> Page:
    context.set_default_timeout(TIMEOUT_MS)
    expect.set_options(timeout=TIMEOUT_MS)
    page = await context.new_page()
    await page.goto(f"{service.url}{path}#token={service.student_token}")
    return page


async def play_and_report(page: Page) -> None:
    """Play, and return once the server has acknowledged a report."""
    await until(page, f"{VIDEO}?.readyState >= 2")
    async with page.expect_response(lambda one: one.url.endswith("/progress") and one.ok):
        await page.evaluate(f"{VIDEO}.play()")
    await until(page, f"{VIDEO}.currentTime > 1")


async def walk(context: BrowserContext, service: Any, *, is_said: bool) -> Page:
    """From the first page to a video, which plays, and back."""
    page = await opened(context, service, "/")
    await page.locator(f'.lesson a[href="/watch/{service.videos[0]}"]').click()
    await play_and_report(page)

    notice = page.locator('[data-key="storage"]')
    await expect(notice).to_have_count(1 if is_said else 0)
    assert service.student_token not in page.url
    await page.locator('a[href="/"]').first.click()
    await expect(page.locator(f'.lesson a[href="/watch/{service.videos[0]}"]')).to_be_visible()
    return page


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(THROWS, id="throws"),
        pytest.param(BOTH_ARE_NULL, id="null"),
        pytest.param(IS_NULL, id="only-localStorage-is-null"),
        pytest.param("", id="not-blocked"),
    ],
)
async def test_a_session_needs_no_storage(service: Any, script: str) -> None:
    async with scripted(script) as context:
        page = await walk(context, service, is_said=False)
        await page.reload()
        await expect(page.locator(".lesson").first).to_be_visible()


async def test_pages_work_where_all_cookies_are_blocked(service: Any, tmp_path: Path) -> None:
    async with blocking_cookies(tmp_path / "profile") as context:
        await walk(context, service, is_said=True)
