"""`python -m benchmarks.viewing.first_frame`: time to the first picture and to that of a seek.

Chromium opens the watch page as a viewer who is signed in, each time with empty caches, and in the
same rounds a page of another site that holds nothing but `<video src>` of the same file. Once for
a lecture without a ladder, which plays as its file, and once for one with a ladder, by hls.js.
Pictures count when they are presented (`requestVideoFrameCallback`). The first round only warms
up. Service, database and browser share the cores with all else that runs there, so ratios say more
than times.
"""

import asyncio
import os
import sys
import tempfile
from argparse import Namespace
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from aiohttp import web
from playwright.async_api import Browser, Page, async_playwright

from benchmarks.measurement.frame import options_of, run_isolated, spread
from benchmarks.servers.api import call, client
from benchmarks.servers.processes import running, wait_for_port
from benchmarks.servers.product import ROOT, SETTINGS, environ_of, stop
from server.commands.tokens import mint_token
from storage.samples import write_clock_mp4

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--autoplay-policy=no-user-gesture-required",
    # Else each window loads 150 modules for the popup of its address bar.
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,WebUIOmniboxFullPopup",
)
PORT, SITE_PORT = 8121, 8122
URL = f"http://127.0.0.1:{PORT}"
JWT_SECRET = "the tokens of a measurement, thirty-two bytes or more"
HEIGHTS: Mapping[str, tuple[int, ...]] = {"file": (), "ladder": (480, 240)}
LENGTH_S, SIZE = 60, (1280, 720)
SEEKS_S = (40.0, 12.0, 52.0, 25.0, 33.0)
READY_TIMEOUT_S, SHOWN_TIMEOUT_MS = 600.0, 60_000
MOST_FIRST_MS, MOST_SEEK_MS = 400, 150
BARE = """<!doctype html><title>Bare</title><video width="1024" height="576" muted preload="auto">
</video><script>document.querySelector("video").src = {source!r};</script>"""
# In each page before its own scripts; the element makes its <video> itself.
WATCHED = """
(() => {
    const watch = (video) => {
        globalThis.video = video;
        globalThis.shown = new Promise((done) =>
            video.requestVideoFrameCallback(() => done(performance.now())));
    };
    const create = document.createElement.bind(document);
    document.createElement = (name, ...rest) => {
        const made = create(name, ...rest);
        if (name === 'video') watch(made);
        return made;
    };
    addEventListener('DOMContentLoaded', () => {
        const found = document.querySelector('video');
        if (found) watch(found);
    });
})();
"""
SHOWN = """(timeoutMs) => new Promise((done, fail) => {
    setTimeout(() => fail(new Error('no picture')), timeoutMs);
    const look = () => globalThis.shown ? shown.then(done) : setTimeout(look, 5);
    look();
})"""
SEEK = """([placeS, timeoutMs]) => new Promise((done, fail) => {
    setTimeout(() => fail(new Error('no picture')), timeoutMs);
    const soughtMs = performance.now();
    const look = (nowMs, { mediaTime }) => Math.abs(mediaTime - placeS) < 0.5
        ? done(performance.now() - soughtMs)
        : video.requestVideoFrameCallback(look);
    video.requestVideoFrameCallback(look);
    video.currentTime = placeS;
})"""


@dataclass(frozen=True, slots=True)
class Stage:
    """A browser, the pages that it opens by their names, and its cookies for a viewer."""

    browser: Browser
    pages: Mapping[str, str]
    signed_in: Any


@dataclass(frozen=True, slots=True)
class Sample:
    """Milliseconds until a picture was presented: the first one, and that of a seek."""

    first_ms: float
    seek_ms: float


async def measured(stage: Stage, name: str) -> Sample:
    context = await stage.browser.new_context(storage_state=stage.signed_in)
    await context.add_init_script(WATCHED)
    page = await context.new_page()
    await page.goto(stage.pages[name], wait_until="commit")
    first_ms: float = await page.evaluate(SHOWN, SHOWN_TIMEOUT_MS)
    seeks_ms = [await sought(page, place_s) for place_s in SEEKS_S]
    await context.close()
    return Sample(first_ms, median(seeks_ms))


async def sought(page: Page, place_s: float) -> float:
    took_ms: float = await page.evaluate(SEEK, [place_s, SHOWN_TIMEOUT_MS])
    return took_ms


async def measured_rounds(stage: Stage, rounds: int) -> list[Mapping[str, Sample]]:
    found: list[Mapping[str, Sample]] = []
    for _ in range(1 + rounds):
        found.append({name: await measured(stage, name) for name in stage.pages})
    return found[1:]


@asynccontextmanager
async def staged(film: Path, rungs: int) -> AsyncIterator[Stage]:
    """The film uploaded, and as many rungs of its ladder ready."""
    admin = mint_token(JWT_SECRET, "admin", roles=["admin"])
    viewer = mint_token(JWT_SECRET, "viewer")
    async with client(URL, admin) as session:
        video_id = await uploaded(session, film, rungs)
    async with client(URL, viewer) as session:
        terms = await call(session, "POST", f"videos/{video_id}/playback", json={})
    source = URL + terms["sources"][0]["url"]
    async with (
        bare_site(BARE.format(source=source)),
        async_playwright() as playwright,
        await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS) as browser,
    ):
        pages = {"bare": f"http://127.0.0.1:{SITE_PORT}/", "watch": f"{URL}/watch/{video_id}"}
        yield Stage(browser, pages, await signed_in(browser, viewer))


async def uploaded(session: Any, film: Path, rungs: int) -> str:
    await call(session, "PUT", "courses/c1", json={"title": "Course"})
    await call(session, "PUT", "courses/c1/enrollments/viewer", json={"role": "student"})
    await call(session, "PUT", "courses/c1/modules/m1", json={"title": "Module", "position": 1})
    with film.open("rb") as body:
        video = await call(session, "POST", "modules/m1/videos", data={"file": body})
    async with asyncio.timeout(READY_TIMEOUT_S):
        while not is_done(await call(session, "GET", f"videos/{video['id']}"), rungs):
            await asyncio.sleep(0.5)
    return str(video["id"])


def is_done(video: Any, rungs: int) -> bool:
    states = [rendition["state"] for rendition in video["renditions"]]
    return video["status"] == "ready" and states == ["ready"] * rungs


async def signed_in(browser: Browser, token: str) -> Any:
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"{URL}/#token={token}")
    await page.wait_for_selector(".viewer__button", timeout=SHOWN_TIMEOUT_MS)
    state = await context.storage_state()
    await context.close()
    return state


@asynccontextmanager
async def bare_site(html: str) -> AsyncIterator[None]:
    async def show(_: web.Request) -> web.Response:
        return web.Response(text=html, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", show)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", SITE_PORT).start()
    try:
        yield
    finally:
        await runner.cleanup()


async def rounds_of(film: Path, rungs: int, rounds: int) -> list[Mapping[str, Sample]]:
    async with staged(film, rungs) as stage:
        return await measured_rounds(stage, rounds)


def verdicts(kind: str, rounds: Sequence[Mapping[str, Sample]]) -> Iterator[str]:
    for value, goal_ms in (("first_ms", MOST_FIRST_MS), ("seek_ms", MOST_SEEK_MS)):
        what = {"first_ms": "first picture", "seek_ms": "seek to picture"}[value]
        bare, watch = ([getattr(one[name], value) for one in rounds] for name in ("bare", "watch"))
        ratios = [ours / theirs for ours, theirs in zip(watch, bare, strict=True)]
        yield f"{kind}, {what}, ms: {spread(watch, 0)}, goal {goal_ms}"
        yield f"{kind}, {what}, ms, bare <video>: {spread(bare, 0)}; ours of it {spread(ratios, 2)}"


def measure(options: Namespace) -> Iterator[str]:
    for kind, heights in HEIGHTS.items():
        with tempfile.TemporaryDirectory(dir=options.output) as name:
            directory = Path(name)
            film, log = directory / "film.mp4", directory / "log"
            write_clock_mp4(film, LENGTH_S, SIZE)
            settings = {
                **SETTINGS,
                "DATA_DIR": str(directory / "data"),
                "PORT": str(PORT),
                "RENDITIONS": ",".join(map(str, heights)) or "none",
                "JWT_SECRET": JWT_SECRET,
            }
            command = [sys.executable, str(ROOT / "run_server.py"), "serve"]
            with running(command, log, environ_of(settings)) as process:
                wait_for_port(process, PORT, log)
                found = asyncio.run(rounds_of(film, len(heights), options.rounds))
                stop(process)
        yield from verdicts(kind, found)
        yield f"{kind}, load of the last minute: {os.getloadavg()[0]:.1f}"


def main(given: list[str]) -> int:
    return run_isolated(options_of("viewing.first_frame", __doc__), given, measure)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
