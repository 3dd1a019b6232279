"""The page that shows the OpenAPI document, in a real browser, on a phone and on a desk."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, Route, ViewportSize, expect

import handlers
from handlers.openapi import document
from handlers.openapi.endpoints import declared
from handlers.pages.files import MEDIA_TYPES
from handlers.pages.policies import Policies
from tests.programs.chromium import TIMEOUT_MS, open_chromium
from tests.programs.web_build import DIST, built_pages

ORIGIN = "http://localhost"
DOCUMENT = document.build(declared(handlers))
CALLS = sum(len(methods) for methods in DOCUMENT["paths"].values())
DESKTOP = ViewportSize(width=1280, height=900)
PHONE = ViewportSize(width=390, height=844)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def context() -> AsyncIterator[BrowserContext]:
    await asyncio.to_thread(built_pages)
    async with open_chromium() as browser:
        context = await browser.new_context(viewport=DESKTOP)
        context.set_default_timeout(TIMEOUT_MS)
        expect.set_options(timeout=TIMEOUT_MS)
        await context.route("**/*", _serve)
        yield context


async def _serve(route: Route) -> None:
    """Answers as the server: the page under its policy, its files, the document."""
    name = route.request.url.removeprefix(f"{ORIGIN}/").partition("#")[0]
    if name == "openapi.json":
        await route.fulfill(body=document.encode(DOCUMENT), content_type="application/json")
        return
    path = DIST / {"docs": "docs.html", "favicon.ico": "icon.svg"}.get(name, Path(name).name)
    headers = {
        "Content-Type": MEDIA_TYPES[path.suffix],
        "Content-Security-Policy": Policies().of(path.name),
    }
    await route.fulfill(path=path, headers=headers)


@pytest_asyncio.fixture(loop_scope="module")
async def page(context: BrowserContext) -> AsyncIterator[Page]:
    """The page, once it is drawn; it asked for nothing from elsewhere and had no errors."""
    page = await context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text))
    page.on("request", lambda request: faults.extend(elsewhere(request.url)))
    await page.goto(f"{ORIGIN}/docs")
    await expect(page.locator("#document")).to_have_attribute("aria-busy", "false")
    yield page
    await page.close()
    assert faults == []


async def test_shows_every_call_and_every_problem(page: Page) -> None:
    await expect(page.locator(".call")).to_have_count(CALLS)
    await expect(page.locator("#problems dt")).to_have_count(len(document.problem_kinds()))


async def test_call_opens_with_all_it_takes_and_gives(page: Page) -> None:
    call = page.locator("#put_progress")
    await call.locator("summary").click()

    for piece in ("bearer token", "video_id", "sequence", "dropped_frames", "watched_ratio", "403"):
        await expect(call).to_contain_text(piece)


async def test_every_call_can_be_opened(page: Page) -> None:
    await page.evaluate("document.querySelectorAll('.call').forEach((one) => { one.open = true; })")

    await expect(page.locator(".inside")).to_have_count(CALLS)
    assert "undefined" not in await page.locator("#content").inner_text()


async def test_address_of_a_call_opens_it(context: BrowserContext) -> None:
    page = await context.new_page()
    await page.goto(f"{ORIGIN}/docs#get_stream")

    await expect(page.locator("#get_stream")).to_have_attribute("open", "")
    await page.close()


async def test_search_leaves_what_matches(page: Page) -> None:
    await page.get_by_label("Find a call").fill("put PROGRESS")

    await expect(page.locator(".call:visible")).to_have_count(1)
    await expect(page.locator("#put_progress")).to_be_visible()


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desk"])
async def test_nothing_is_wider_than_the_screen(page: Page, viewport: ViewportSize) -> None:
    await page.set_viewport_size(viewport)
    await page.evaluate("document.querySelectorAll('.call').forEach((one) => { one.open = true; })")
    await expect(page.locator(".inside")).to_have_count(CALLS)

    assert await page.evaluate("document.documentElement.scrollWidth") == viewport["width"]


async def test_document_that_does_not_come_is_said(context: BrowserContext) -> None:
    page = await context.new_page()
    await page.route("**/openapi.json", lambda route: route.fulfill(status=503, body=""))
    await page.goto(f"{ORIGIN}/docs")

    await expect(page.get_by_role("alert")).to_contain_text("could not be loaded")
    await page.close()


def elsewhere(url: str) -> list[str]:
    return [] if url.startswith(ORIGIN) else [url]
