"""Players on a line that falls from 20 Mbit/s to 350 kbit/s and rises again.

The kernel shapes the line (`tc`, in a network of the test's own). Our player and those of others
watch at once, each from an address of its own: they step down and up, and none stands still.
"""

import asyncio
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from playwright.async_api import Browser, Page, Request, ViewportSize

from tests.flows.players.players import site_of_players
from tests.flows.players.shaped_line import ShapedLine
from tests.harness.own_network import in_own_network
from tests.harness.running import free_port
from tests.harness.serving import Serve, call, ready_video, served_from
from tests.harness.waiting import wait_until
from tests.programs.chromium import VIDEO, open_chromium, until
from tests.programs.web_build import built_pages

FAST, SLOW = "20mbit", "350kbit"
HEIGHTS = LARGE, SMALL = (360, 144)
LENGTH_S, TURN_S = 180, 10
OWN = "own"
ADDRESSES = {OWN: "127.0.0.2", "hls": "127.0.0.3", "dash": "127.0.0.4", "shaka": "127.0.0.5"}
SETTLED = 2  # requests, one after the other
LADDER_TIMEOUT_S = 400  # made at idle priority: on a busy machine it waits
# The least that players of others buffer. A segment of the large rung takes less on the slow line,
# and the small rung half of it: whoever steps down has no reason to stand still.
BUFFERED_S = 9
MOST_AHEAD_S = 60 + 2 * 4  # of our player: the bound, and a segment each way
STEP_WITHIN_S = 75
STALLED_S = 0.5  # of all; what a busy machine adds
COUNT_STALLS = f"""() => {{
    window.watched = {VIDEO.replace("?? {}", "?? document.querySelector('video')")};
    let since = null;
    window.stalledMs = 0;
    const end = () => {{
        if (since !== null) window.stalledMs += performance.now() - since;
        since = null;
    }};
    watched.addEventListener('waiting', () => {{ since ??= performance.now() }});
    watched.addEventListener('playing', end);
    watched.addEventListener('timeupdate', end);
    window.stalledNow = () => {{ const was = since; end(); since = was; return window.stalledMs }};
    watched.muted = true;
    return watched.play();
}}"""
AHEAD_S = """() => {
    const { buffered, currentTime } = watched;
    for (let n = 0; n < buffered.length; n += 1)
        if (buffered.start(n) <= currentTime && currentTime <= buffered.end(n))
            return buffered.end(n) - currentTime;
    return 0;
}"""


@dataclass
class Viewer:
    """A page that plays, and which rungs it asked for, in order."""

    player: str
    page: Page
    asked: list[int] = field(default_factory=list)

    def note(self, request: Request) -> None:
        rung = re.search(r"/v(\d+)[^/]*\.mp4$", request.url)
        if rung and "range" in request.headers:
            self.asked.append(int(rung[1]))

    async def settles_on(self, height: int) -> None:
        """Waits until its newest requests are for that rung."""
        await wait_until(
            lambda: self.asked,
            lambda asked: asked[-SETTLED:] == [height] * SETTLED,
            within_s=STEP_WITHIN_S,
        )

    async def has_buffered(self) -> None:
        await wait_until(lambda: self.page.evaluate(AHEAD_S), lambda ahead_s: ahead_s > BUFFERED_S)

    async def stalled_s(self) -> float:
        milliseconds: float = await self.page.evaluate("stalledNow()")
        return milliseconds / 1000


@pytest.mark.alone
@pytest.mark.timeout(600)
def test_players_follow_the_line_without_standing_still(
    tmp_path: Path, made_cluster: Path, player_modules: Path
) -> None:
    built_pages()
    film = _write_grainy_film(tmp_path / "film.mp4")

    in_own_network(lambda: _serve_and_watch(tmp_path, made_cluster, player_modules, film))


def _serve_and_watch(directory: Path, cluster: Path, modules: Path, film: Path) -> None:
    line, site_port = ShapedLine([*ADDRESSES.values()], FAST), free_port()
    settings = {
        "HOST": "0.0.0.0",
        "RENDITIONS": ",".join(map(str, HEIGHTS)),
        "CORS_ORIGINS": f"http://127.0.0.1:{site_port}",
    }
    with served_from(directory, cluster, **settings) as serve:
        serve.start()
        asyncio.run(_watch(serve, line, film, modules, site_port))


async def _watch(serve: Serve, line: ShapedLine, film: Path, modules: Path, site_port: int) -> None:
    lesson = await _with_ladder(serve, film)
    async with site_of_players(modules, site_port) as site, open_chromium() as browser:
        viewers = [await _open(browser, lesson, site, player) for player in ADDRESSES]
        await asyncio.gather(*(one.page.evaluate(COUNT_STALLS) for one in viewers))
        await _follow(line, viewers)
        stalled = {one.player: await one.stalled_s() for one in viewers}
    assert {player: time_s for player, time_s in stalled.items() if time_s > STALLED_S} == {}


async def _follow(line: ShapedLine, viewers: list[Viewer]) -> None:
    await asyncio.gather(*(one.settles_on(LARGE) for one in viewers))
    await asyncio.gather(*(one.has_buffered() for one in viewers))
    for rate, height in ((SLOW, SMALL), (FAST, LARGE)):
        line.become(rate)
        await asyncio.gather(*(one.settles_on(height) for one in viewers))
    (own,) = (one for one in viewers if one.player == OWN)
    assert await own.page.evaluate(AHEAD_S) <= MOST_AHEAD_S


@dataclass(frozen=True)
class Lesson:
    """A video with its ladder, and what its student plays."""

    serve: Serve
    video: Any
    playback: Any

    def at(self, player: str, path: str) -> str:
        """The path at the address of that player's line."""
        return urljoin(f"http://{ADDRESSES[player]}:{self.serve.port}", path)


async def _with_ladder(serve: Serve, film: Path) -> Lesson:
    video = await ready_video(serve, film)
    path = f"/api/v1/videos/{video['id']}"
    async with serve.client("ada") as ada:
        video = await wait_until(
            lambda: call(ada, "GET", path),
            lambda seen: [one["state"] for one in seen["renditions"]] == ["ready"] * len(HEIGHTS),
            within_s=LADDER_TIMEOUT_S,
        )
        return Lesson(serve, video, await call(ada, "POST", f"{path}/playback", json={}))


async def _open(browser: Browser, lesson: Lesson, site: str, player: str) -> Viewer:
    page = await browser.new_page(viewport=ViewportSize(width=1180, height=820))
    viewer = Viewer(player, page)
    page.on("request", viewer.note)
    if player == OWN:
        token = lesson.serve.token("ada")
        await page.goto(lesson.at(player, f"/watch/{lesson.video['id']}#token={token}"))
        await until(page, f"{VIDEO}.readyState >= 2")
    else:
        await page.goto(site)
        urls = [lesson.at(player, lesson.playback[name]) for name in ("hls_url", "dash_url")]
        await page.evaluate("(given) => load(...given)", [player, *urls])
    return viewer


def _write_grainy_film(path: Path) -> Path:
    """About 500 kbit/s; the grain goes where it is made smaller."""
    turn = path.with_stem("turn")
    picture = f"testsrc2=size=640x360:rate=15:duration={TURN_S},noise=alls=8:allf=t"
    coding = ("-c:v", "libx264", "-preset", "veryfast", "-b:v", "420k", "-maxrate", "460k")
    steady = ("-bufsize", "460k", "-g", "30", "-pix_fmt", "yuv420p")
    sound = ("-f", "lavfi", "-i", f"sine=440:duration={TURN_S}", "-c:a", "aac", "-b:a", "64k")
    _ffmpeg("-f", "lavfi", "-i", picture, *sound, *coding, *steady, str(turn))
    turns = str(LENGTH_S // TURN_S - 1)
    _ffmpeg("-stream_loop", turns, "-i", str(turn), "-c", "copy", str(path))
    return path


def _ffmpeg(*arguments: str) -> None:
    subprocess.run(["ffmpeg", "-v", "error", *arguments], check=True, timeout=120)
