"""A service whose grants last seconds, a lecture that no browser buffers whole, and other sites."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web
from playwright.async_api import Browser, BrowserContext, Page, ViewportSize, expect

from tests.harness.running import free_port
from tests.harness.serving import Serve, call, ready_video_of
from tests.programs.chromium import TIMEOUT_MS, VIDEO, open_chromium, until

GRANT_TTL_S = 4
LENGTH_S = 90
DESKTOP = ViewportSize(width=1180, height=820)
CAPTIONS = "WEBVTT\n\n" + "\n\n".join(
    f"00:{second:02d}.000 --> 00:{second + 4:02d}.000\nLine {second} <b>of</b> &lt;b&gt; text"
    for second in range(0, 55, 5)
)
CHAPTERS = "WEBVTT\n\n00:00.000 --> 00:30.000\nBeginning\n\n00:30.000 --> 01:30.000\nThe rest\n"
ELEMENT = """<!doctype html><title>Course site</title>
<script type="module" src="{server}/static/course-video.js"></script>
<div lang="{lang}"><course-video video="{video}" token="{token}"></course-video></div>"""
EARLY = """<!doctype html><title>Course site</title><course-video></course-video>
<script>
  const element = document.querySelector("course-video");
  element.getToken = () => "{token}";
  element.playbackRate = 1.5;
  element.video = "{video}";
</script>
<script type="module" src="{server}/static/course-video.js"></script>"""
LATE = """<!doctype html><title>Course site</title>
<script type="module" src="{server}/static/course-video.js"></script>
<course-video video="{video}"></course-video>
<script type="module">
  document.querySelector("course-video").getToken = async () => "{token}";
</script>"""
FRAME = """<!doctype html><title>Course site</title>
<iframe src="{server}/embed/{video}#token={token}" allow="autoplay; fullscreen" width="640"
    height="360"></iframe>"""

PAGES = {"element": ELEMENT, "early": EARLY, "late": LATE, "frame": FRAME}


def write_noise_mp4(path: Path) -> None:
    """About 50 MB that change all the time: a browser reads them as it plays."""
    noise = "color=gray:size=320x180:rate=25,noise=alls=90:allf=t+u"
    subprocess.run(
        [
            *("ffmpeg", "-v", "error", "-f", "lavfi", "-i", noise, "-t", "4"),
            *("-c:v", "libx264", "-preset", "ultrafast", "-b:v", "5M", "-g", "25"),
            *("-pix_fmt", "yuv420p", str(path.with_suffix(".part.mp4"))),
        ],
        check=True,
        timeout=120,
    )
    turns = str(LENGTH_S // 4)
    subprocess.run(
        [
            *("ffmpeg", "-v", "error", "-stream_loop", turns, "-i"),
            *(str(path.with_suffix(".part.mp4")), "-t", str(LENGTH_S), "-c", "copy"),
            *("-movflags", "+faststart", str(path)),
        ],
        check=True,
        timeout=120,
    )


@dataclass
class Theatre:
    """The service, its lecture and a browser; `friend` and `stranger` are other sites."""

    serve: Serve
    browser: Browser
    video_id: str
    friend: str
    stranger: str

    async def enrol(self, user_id: str) -> str:
        """A token of a student of the course."""
        async with self.serve.client("root", "admin") as admin:
            path = f"/api/v1/courses/c1/enrollments/{user_id}"
            await call(admin, "PUT", path, json={"role": "student"})
        return self.serve.token(user_id)

    async def context(self, **options: Any) -> BrowserContext:
        context = await self.browser.new_context(viewport=DESKTOP, **options)
        context.set_default_timeout(TIMEOUT_MS)
        expect.set_options(timeout=TIMEOUT_MS)
        return context

    async def watch(self, user_id: str, **options: Any) -> Page:
        """The watch page of a student, with the first picture on it."""
        token = await self.enrol(user_id)
        page = await (await self.context(**options)).new_page()
        await page.goto(f"{self.serve.url}/watch/{self.video_id}#token={token}")
        await until(page, f"{VIDEO}.readyState >= 2")
        return page

    async def progress(self, user_id: str) -> Any:
        async with self.serve.client(user_id) as client:
            return await call(client, "GET", f"/api/v1/videos/{self.video_id}/progress")


async def play_on(page: Page, for_s: float = 1.0) -> float:
    """Waits until so many further seconds have been played; the place then."""
    start: float = await page.evaluate(f"{VIDEO}.currentTime")
    await until(page, f"!{VIDEO}.paused && {VIDEO}.currentTime >= {start + for_s}")
    return start + for_s


@asynccontextmanager
async def opened_theatre(serve: Serve, directory: Path) -> AsyncIterator[Theatre]:
    friend_port, stranger_port = free_port(), free_port()
    friend, stranger = (f"http://localhost:{port}" for port in (friend_port, stranger_port))
    serve.settings |= {
        "GRANT_TTL": f"{GRANT_TTL_S}s",
        "REPORT_INTERVAL": "1s",
        "CORS_ORIGINS": friend,
    }
    await asyncio.to_thread(serve.start)
    film = directory / "noise.mp4"
    await asyncio.to_thread(write_noise_mp4, film)
    async with serve.client("root", "admin") as admin:
        video = await ready_video_of(admin, film)
        for what, text in (("captions/en", CAPTIONS), ("chapters", CHAPTERS)):
            async with admin.put(f"/api/v1/videos/{video['id']}/{what}", data=text) as answer:
                assert answer.status == 201
    async with _sites(serve, video["id"], friend_port, stranger_port), open_chromium() as browser:
        yield Theatre(serve, browser, video["id"], friend, stranger)


@asynccontextmanager
async def _sites(serve: Serve, video_id: str, *ports: int) -> AsyncIterator[None]:
    async def show(request: web.Request) -> web.Response:
        html = PAGES[request.match_info["kind"]]
        token = serve.token(request.match_info["user"])
        lang = request.query.get("lang", "")
        filled = html.format(server=serve.url, video=video_id, token=token, lang=lang)
        return web.Response(text=filled, content_type="text/html")

    app = web.Application()
    app.router.add_get("/{kind}/{user}", show)
    runner = web.AppRunner(app)
    await runner.setup()
    for port in ports:
        await web.TCPSite(runner, "localhost", port).start()
    try:
        yield
    finally:
        await runner.cleanup()
