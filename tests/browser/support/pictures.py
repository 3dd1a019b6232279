"""Pictures of pages for people to look at: into `test-results/` where PICTURES is set."""

import os
from pathlib import Path
from typing import Any

from playwright.async_api import Page

RESULTS = Path(__file__).resolve().parents[3] / "test-results"
ARE_WANTED = bool(os.environ.get("PICTURES"))


async def take_picture(page: Page, name: str, **options: Any) -> None:
    """Painting and packing one of a wide page costs as much as looking through it for faults."""
    if ARE_WANTED:
        await page.screenshot(path=RESULTS / f"{name}.png", **options)
