"""The studio in Chromium: a service without any course, and its people at their pages."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from playwright.async_api import Browser, BrowserContext, Locator, Page, ViewportSize, expect

from storage.mp4.faststart import move_index_to_front
from storage.samples import write_clock_mp4
from tests.harness.serving import Serve, call, processed
from tests.programs.chromium import TIMEOUT_MS, open_chromium

DESKTOP = ViewportSize(width=1280, height=860)


@dataclass
class Studio:
    """A service and a browser; every person has a context of their own."""

    serve: Serve
    browser: Browser
    directory: Path
    people: dict[str, BrowserContext] = field(default_factory=dict)

    async def open(self, user_id: str, path: str, *roles: str, **options: Any) -> Page:
        """A new page of that person; `options` are of a context of its own."""
        page = await (await self._context(user_id, options)).new_page()
        await page.goto(f"{self.serve.url}{path}#token={self.serve.token(user_id, *roles)}")
        return page

    async def _context(self, user_id: str, options: dict[str, Any]) -> BrowserContext:
        if user_id in self.people and not options:
            return self.people[user_id]
        context = await self.browser.new_context(**{"viewport": DESKTOP, "locale": "en", **options})
        prepare(context)
        return self.people.setdefault(user_id, context) if not options else context

    async def furnish(self, course_id: str, title: str, **people: str) -> None:
        """A course with a module of the id `{course_id}-m1`, and people by their roles."""
        async with self.serve.client("root", "admin") as admin:
            path = f"/api/v1/courses/{course_id}"
            await call(admin, "PUT", path, json={"title": title})
            module = {"title": "Week 1", "position": 1}
            await call(admin, "PUT", f"{path}/modules/{course_id}-m1", json=module)
            for user_id, role in people.items():
                await call(admin, "PUT", f"{path}/enrollments/{user_id}", json={"role": role})

    async def lesson(self, course_id: str, seconds: int = 10) -> Any:
        """A ready video in the first module of a furnished course."""
        film = await self.film("lesson.mp4", seconds)
        form = aiohttp.FormData()
        form.add_field("file", await asyncio.to_thread(film.read_bytes), filename=film.name)
        async with self.serve.client("root", "admin") as admin:
            path = f"/api/v1/modules/{course_id}-m1/videos"
            video = await call(admin, "POST", path, data=form)
            return await processed(admin, f"/api/v1/videos/{video['id']}")

    async def film(self, name: str, seconds: int = 10, filler_bytes: int = 0) -> Path:
        path = self.directory / name
        if not path.exists():
            await asyncio.to_thread(write_film, path, seconds, filler_bytes)
        return path


def prepare(context: BrowserContext) -> None:
    context.set_default_timeout(TIMEOUT_MS)
    expect.set_options(timeout=TIMEOUT_MS)


def write_film(path: Path, seconds: int, filler_bytes: int) -> None:
    """A film that ends with bytes which cost time to send and none to prepare."""
    camera = path.with_suffix(".camera.mp4")
    write_clock_mp4(camera, seconds)
    move_index_to_front(camera, path)
    if filler_bytes:
        with path.open("ab") as file:
            file.write((8 + filler_bytes).to_bytes(4, "big") + b"free")
            file.truncate(file.tell() + filler_bytes)


@asynccontextmanager
async def opened_studio(serve: Serve, directory: Path) -> AsyncIterator[Studio]:
    serve.settings |= {"REPORT_INTERVAL": "1s"}
    await asyncio.to_thread(serve.start)
    async with open_chromium() as browser:
        yield Studio(serve, browser, directory)


async def drop(page: Page, target: Locator, files: Sequence[Path]) -> None:
    """Drags files from the desktop onto an element, as the browser itself sees it."""
    await target.scroll_into_view_if_needed()
    box = await target.bounding_box()
    assert box is not None
    place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    data = {"items": [], "files": [str(file) for file in files], "dragOperationsMask": 1}
    devtools = await page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        event = {"type": kind, **place, "data": data}
        await devtools.send("Input.dispatchDragEvent", event)
    await devtools.detach()
