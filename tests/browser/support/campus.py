"""A service with several courses, whose lessons a student has begun, finished or not opened."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from PIL import Image, ImageDraw, ImageFont
from playwright.async_api import Browser, BrowserContext, Page, ViewportSize, expect

from tests.harness.serving import Serve, call, processed, report
from tests.programs.chromium import TIMEOUT_MS, open_chromium

STUDENT, TEACHER = "maria.lopez", "j.okafor"
WIDTHS = {"phone": ViewportSize(width=390, height=844)} | {
    name: ViewportSize(width=width, height=width * 9 // 16)
    for name, width in {"desk": 1280, "wall": 2560}.items()
}


@dataclass(frozen=True)
class Film:
    """A still slide for `length_s` seconds; `seen` of it by the student."""

    title: str
    module: str
    length_s: int
    ground: str
    seen: float = 0.0


@dataclass(frozen=True)
class CampusCourse:
    course_id: str
    title: str
    films: tuple[Film, ...] = ()


COURSES = (
    CampusCourse(
        "physics",
        "Physics I: Mechanics and Waves",
        (
            Film("Why things fall: Galileo’s inclined plane", "Week 1: Motion", 1470, "#1d4e89", 1),
            Film("Newton’s laws in a lift", "Week 1: Motion", 1260, "#0f766e", 0.4),
            Film("Energy, work and the pendulum", "Week 2: Energy", 1830, "#7c2d12"),
        ),
    ),
    CampusCourse(
        "cells",
        "Introduction to Cell Biology",
        (Film("The membrane", "Cells", 640, "#365314", 1),),
    ),
    CampusCourse(
        "art",
        "History of Art: From Giotto to Artemisia Gentileschi and the Schools of the North",
        (Film("Perspective, invented twice", "Renaissance", 2400, "#701a75"),),
    ),
    CampusCourse("seminar", "Philosophy Seminar"),
)


def paint_film(film: Film, course: str, path: Path) -> None:
    """A slide as a film of a frame every twenty seconds: its length costs nothing."""
    slide = Image.new("RGB", (640, 360), film.ground)
    draw = ImageDraw.Draw(slide)
    draw.rectangle((0, 310, 640, 360), fill="#f8fafc")
    draw.text((40, 100), film.title, fill="#ffffff", font=ImageFont.load_default(26))
    draw.text((40, 325), course, fill="#334155", font=ImageFont.load_default(15))
    still = path.with_suffix(".png")
    slide.save(still)
    subprocess.run(
        [
            *("ffmpeg", "-v", "error", "-loop", "1", "-framerate", "1/20", "-i", str(still)),
            *("-t", str(film.length_s), "-c:v", "libx264", "-preset", "ultrafast"),
            *("-pix_fmt", "yuv420p", "-movflags", "+faststart", str(path)),
        ],
        check=True,
        timeout=120,
    )


@dataclass
class Campus:
    """The service and a browser; the ids of its videos by title."""

    serve: Serve
    browser: Browser
    videos: dict[str, str] = field(default_factory=dict)

    def token(self, user_id: str, *roles: str) -> str:
        return self.serve.token(user_id, *roles)

    async def context(self, width: str = "desk", **options: Any) -> BrowserContext:
        context = await self.browser.new_context(viewport=WIDTHS[width], **options)
        context.set_default_timeout(TIMEOUT_MS)
        expect.set_options(timeout=TIMEOUT_MS)
        return context

    async def open(self, path: str, user_id: str = "", width: str = "desk", **options: Any) -> Page:
        """The page at the path, in a browser of its own, of this user or of nobody."""
        page = await (await self.context(width, **options)).new_page()
        fragment = f"#token={self.token(user_id)}" if user_id else ""
        await page.goto(f"{self.serve.url}{path}{fragment}")
        return page


@asynccontextmanager
async def opened_campus(serve: Serve, directory: Path) -> AsyncIterator[Campus]:
    await asyncio.to_thread(serve.start)
    async with open_chromium() as browser:
        campus = Campus(serve, browser)
        async with serve.client("root", "admin") as admin:
            for course in COURSES:
                await _furnish(campus, admin, course, directory)
        async with serve.client(STUDENT) as student:
            for film in (film for course in COURSES for film in course.films if film.seen):
                await _watch(student, campus.videos[film.title], film)
        yield campus


async def _furnish(
    campus: Campus, admin: aiohttp.ClientSession, course: CampusCourse, directory: Path
) -> None:
    path = f"/api/v1/courses/{course.course_id}"
    await call(admin, "PUT", path, json={"title": course.title})
    for user_id, role in ((STUDENT, "student"), (TEACHER, "instructor")):
        await call(admin, "PUT", f"{path}/enrollments/{user_id}", json={"role": role})
    modules = dict.fromkeys(film.module for film in course.films)
    for position, title in enumerate(modules):
        body = {"title": title, "position": position}
        await call(admin, "PUT", f"{path}/modules/{course.course_id}-{position}", json=body)
    for film in course.films:
        module_id = f"{course.course_id}-{list(modules).index(film.module)}"
        campus.videos[film.title] = await _upload(admin, module_id, film, course.title, directory)


async def _upload(
    admin: aiohttp.ClientSession, module_id: str, film: Film, course: str, directory: Path
) -> str:
    path = directory / "lesson.mp4"
    await asyncio.to_thread(paint_film, film, course, path)
    form = aiohttp.FormData({"title": film.title})
    form.add_field("file", path.read_bytes(), filename="lesson.mp4")
    path.unlink()
    video = await call(admin, "POST", f"/api/v1/modules/{module_id}/videos", data=form)
    ready = await processed(admin, f"/api/v1/videos/{video['id']}")
    assert ready["status"] == "ready", ready
    return str(ready["id"])


async def _watch(student: aiohttp.ClientSession, video_id: str, film: Film) -> None:
    playback = await call(student, "POST", f"/api/v1/videos/{video_id}/playback", json={})
    await report(student, playback, {"id": video_id}, film.length_s * film.seen)
