"""The samples of docs/integrate.md, as they stand there, play a lecture: plain, React, Django."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, Page

from storage.samples import write_clock_mp4
from tests.browser.support.theatre import play_on
from tests.harness.running import free_port, wait_for
from tests.harness.serving import Serve, call, ready_video
from tests.harness.waiting import wait_until
from tests.programs.chromium import TIMEOUT_MS, VIDEO, open_chromium, until
from tests.programs.web_build import WEB

ESBUILD = WEB / "node_modules" / ".bin" / "esbuild"
DJANGO_SITE = Path(__file__).parent / "support" / "django_site.py"
DOCS = (WEB.parent / "docs" / "integrate.md").read_text()
MOUNT = """
import { createElement } from "react";
import { createRoot } from "react-dom/client";
import { Lecture } from "./lecture.jsx";
globalThis.heard = [];
const fetchToken = async () => (await (await fetch("/course-token")).json()).token;
const onProgress = (progress) => heard.push(progress);
const props = { video: document.body.dataset.video, fetchToken, onProgress };
createRoot(document.querySelector("#root")).render(createElement(Lecture, props));
"""
REACT_PAGE = """<!doctype html><title>Course site</title>
<script type="module" src="{server}/static/course-video.js"></script>
<body data-video="{video}"><div id="root"></div>
<script type="module" src="/bundle.js"></script>"""

pytestmark = pytest.mark.asyncio(loop_scope="module")


def samples(heading: str) -> list[str]:
    """The blocks of code below the heading."""
    (section,) = re.findall(rf"^{heading}\n(.*?)^##", DOCS, re.M | re.S)
    return re.findall(r"^```\w+\n(.*?)^```$", section, re.M | re.S)


@dataclass
class Site:
    """A course site of another origin; the service whose lecture it shows, and a browser."""

    serve: Serve
    browser: Browser
    video_id: str
    port: int
    django_port: int
    files: dict[str, str] = field(default_factory=dict)

    async def show(self, files: dict[str, str]) -> Page:
        """The page `/` of the site, which consists of these texts and the view of tokens."""
        self.files = {
            **files,
            "/course-token": json.dumps({"token": self.serve.token("ada")}),
        }
        context = await self.browser.new_context()
        context.set_default_timeout(TIMEOUT_MS)
        page = await context.new_page()
        await page.goto(f"http://localhost:{self.port}/")
        return page

    async def answer(self, request: web.Request) -> web.Response:
        kind = "text/javascript" if request.path.endswith(".js") else "text/html"
        return web.Response(text=self.files.get(request.path, ""), content_type=kind)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(serving: Serve) -> AsyncIterator[Site]:
    port, django_port = free_port(), free_port()
    origins = f"http://localhost:{port},http://localhost:{django_port}"
    serving.settings |= {"CORS_ORIGINS": origins, "REPORT_INTERVAL": "1s"}
    await asyncio.to_thread(serving.start)
    film = serving.data_dir.parent / "film.mp4"
    await asyncio.to_thread(write_clock_mp4, film, 10, (320, 180))
    video = await ready_video(serving, film)
    async with open_chromium() as browser:
        site = Site(serving, browser, video["id"], port, django_port)
        app = web.Application()
        app.router.add_get("/{path:.*}", site.answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "localhost", port).start()
        yield site
        await runner.cleanup()


async def plays(site: Site, page: Page) -> None:
    """The lecture plays there, and the service hears of it."""
    await until(page, f"{VIDEO}.readyState >= 2")
    await page.evaluate(f"{VIDEO}.currentTime = 0")
    await page.evaluate(f"{VIDEO}.play()")
    await play_on(page)
    path = f"/api/v1/videos/{site.video_id}/progress"
    async with site.serve.client("ada") as ada:
        await wait_until(lambda: call(ada, "GET", path), lambda told: told["watched"])


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The React sample and what mounts it, with React itself in the file."""
    directory = tmp_path_factory.mktemp("react")
    (sample,) = samples("### React")
    (directory / "lecture.jsx").write_text(sample)
    (directory / "mount.js").write_text(MOUNT)
    (directory / "node_modules").symlink_to(WEB / "node_modules")
    options = ["--bundle", "--format=esm", "--jsx=automatic", "--log-level=warning"]
    done = subprocess.run(
        [ESBUILD, "mount.js", *options, '--define:process.env.NODE_ENV="production"'],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.fixture(scope="module")
def django(tmp_path_factory: pytest.TempPathFactory, site: Site) -> Iterator[str]:
    """The address of a site by Django that shows the sample."""
    directory = tmp_path_factory.mktemp("django")
    template, script = samples("### Django")
    (directory / "templates").mkdir()
    (directory / "templates" / "lesson.html").write_text(f"<!doctype html>{template}")
    (directory / "static").mkdir()
    (directory / "static" / "lesson.js").write_text(script)
    port = site.django_port
    told = [str(port), site.serve.url, site.video_id, site.serve.token("ada")]
    with (
        (directory / "log").open("w") as log,
        subprocess.Popen(
            [sys.executable, DJANGO_SITE, directory, *told],
            stdout=log,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        wait_for(lambda: "listens" in (directory / "log").read_text(), "Django", 30)
        yield f"http://localhost:{port}/"
        process.terminate()


async def test_a_plain_page_plays(site: Site) -> None:
    (sample,) = samples("## A lecture in your own page")[:1]
    for said, meant in (
        ("https://video.example.org", site.serve.url),
        ("0198c0de-0000-7000-8000-000000000001", site.video_id),
        ("eyJ…", site.serve.token("ada")),
    ):
        assert sample.count(said) == 1
        sample = sample.replace(said, meant)
    page = await site.show({"/": f"<!doctype html>{sample}"})

    await plays(site, page)
    await page.context.close()


async def test_the_component_for_react_plays_and_tells_of_progress(site: Site, bundle: str) -> None:
    html = REACT_PAGE.format(server=site.serve.url, video=site.video_id)
    page = await site.show({"/": html, "/bundle.js": bundle})

    await plays(site, page)

    await until(page, "heard.some(({ watched }) => watched.length > 0)")
    await page.context.close()


async def test_the_template_for_django_plays(site: Site, django: str) -> None:
    page = await (await site.browser.new_context()).new_page()
    await page.goto(django)

    await plays(site, page)
    await page.context.close()
