"""A real browser for the tests that need one."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

CHROMIUM = Path("/usr/bin/chromium")
HAS_CHROMIUM = CHROMIUM.exists()
FLAGS = (
    "--headless",
    "--no-sandbox",  # it refuses to run as root with one
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    # A page that another one covers must not slow down: tests look at several at once.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    # The popup of the address bar is a page of 150 modules that each window loads for itself: half
    # a second of processor time beside the page under test.
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,WebUIOmniboxFullPopup",
)
TIMEOUT_MS = 15_000
# The element inside the player; what has no such element yet has no property either.
VIDEO = "(document.querySelector('course-video')?.media ?? {})"


@asynccontextmanager
async def open_chromium() -> AsyncIterator[Browser]:
    """Debian's Chromium; skips the test where there is none, but never in CI."""
    require_chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        yield browser
        await browser.close()


@asynccontextmanager
async def open_profile(directory: Path) -> AsyncIterator[BrowserContext]:
    """Chromium with a profile that outlives it: the next one there is the browser restarted."""
    require_chromium()
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            directory, executable_path=str(CHROMIUM), args=list(FLAGS)
        )
        context.set_default_timeout(TIMEOUT_MS)
        yield context
        await context.close()


def require_chromium() -> None:
    if not HAS_CHROMIUM and os.environ.get("CI") != "true":
        pytest.skip(f"needs {CHROMIUM}")


async def until(page: Page, claim: str, timeout_ms: int = TIMEOUT_MS) -> None:
    """Wait until the JavaScript expression is true in the page.

    Playwright's own `wait_for_function` needs eval, which the pages' policy forbids.
    """
    became_true: bool = await page.evaluate(
        f"""() => new Promise((resolve) => {{
            const end = performance.now() + {timeout_ms};
            const look = () => {{
                if ({claim}) resolve(true);
                else if (performance.now() > end) resolve(false);
                else setTimeout(look, 20);
            }};
            look();
        }})"""
    )
    assert became_true, f"never became true: {claim}"
