"""Players that tell of themselves (CMCD): those of others in both forms, and our own element."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, Page, Request

from storage.samples import write_clock_mp4
from tests.flows.players.players import running_site, site_of_players
from tests.harness.running import free_port
from tests.harness.serving import Serve, call, ready_video, served_from
from tests.harness.waiting import wait_until
from tests.programs.chromium import VIDEO, open_chromium, until
from tests.programs.web_build import built_pages

pytestmark = pytest.mark.asyncio(loop_scope="module")

HEIGHTS, DURATION_S = (180, 96), 40
LADDER_TIMEOUT_S = 120
STORED_WITHIN_S = 40  # sums are stored every 15 s
PLAYERS = ("hls", "dash", "shaka", "shaka on dash")
FORMS = ((False, 1), (True, 1), (False, 2))  # is in fields, version
TOLD = [(player, *form) for player in PLAYERS for form in FORMS]
ELEMENT = """<!doctype html><title>Course site</title>
<script type="module" src="{server}/static/course-video.js"></script>
<course-video video="{video}" token="{token}" muted></course-video>"""

# What the element had to show whenever a request was given fields.
NOTE_STATES = f"""
window.states = [];
const setHeader = XMLHttpRequest.prototype.setRequestHeader;
XMLHttpRequest.prototype.setRequestHeader = function (name, value) {{
    if (name.toLowerCase().startsWith("cmcd-")) window.states.push({VIDEO}.readyState);
    setHeader.call(this, name, value);
}};
"""
HAVE_CURRENT_DATA = 2


@dataclass(frozen=True)
class Lesson:
    """A video with its ladder, and sites of another origin that show it."""

    serve: Serve
    video: Any
    browser: Browser
    players: str
    site: str

    async def enrol(self, user_id: str) -> None:
        async with self.serve.client("root", "admin") as admin:
            path = f"/api/v1/courses/c1/enrollments/{user_id}"
            await call(admin, "PUT", path, json={"role": "student"})

    async def quality(self) -> Any:
        async with self.serve.client("root", "admin") as admin:
            path = f"/api/v1/analytics/videos/{self.video['id']}/quality"
            return await call(admin, "GET", path)


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    return free_port(), free_port()


@pytest.fixture(scope="module")
def serving(
    tmp_path_factory: pytest.TempPathFactory, made_cluster: Path, ports: tuple[int, int]
) -> Iterator[Serve]:
    built_pages()
    settings = {
        "RENDITIONS": ",".join(map(str, HEIGHTS)),
        "REPORT_INTERVAL": "1s",
        "STREAM_RATE_LIMIT": "1000/second",
        "LOG_LEVEL": "info",  # at "debug" the shortcut answers nothing
        "CORS_ORIGINS": ",".join(f"http://127.0.0.1:{port}" for port in ports),
    }
    with served_from(tmp_path_factory.mktemp("told"), made_cluster, **settings) as serve:
        serve.start()
        yield serve


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lesson(
    serving: Serve,
    tmp_path_factory: pytest.TempPathFactory,
    ports: tuple[int, int],
    player_modules: Path,
) -> AsyncIterator[Lesson]:
    film = tmp_path_factory.mktemp("film") / "film.mp4"
    await asyncio.to_thread(write_clock_mp4, film, DURATION_S, (320, 180))
    video = await ready_video(serving, film)
    async with serving.client("ada") as ada:
        video = await wait_until(
            lambda: call(ada, "GET", f"/api/v1/videos/{video['id']}"),
            lambda told: {one["state"] for one in told["renditions"]} == {"ready"},
            within_s=LADDER_TIMEOUT_S,
        )
    async with (
        site_of_players(player_modules, ports[0]) as players,
        site_of_element(serving, video["id"], ports[1]) as site,
        open_chromium() as browser,
    ):
        yield Lesson(serving, video, browser, players, site)


@asynccontextmanager
async def site_of_element(serve: Serve, video_id: str, port: int) -> AsyncIterator[str]:
    async def show(request: web.Request) -> web.Response:
        token = serve.token(request.match_info["user"])
        html = ELEMENT.format(server=serve.url, video=video_id, token=token)
        return web.Response(text=html, content_type="text/html")

    app = web.Application()
    app.router.add_get("/{user}", show)
    async with running_site(app, port) as url:
        yield url


class Heard:
    """The requests for media of a page, and what each said of its player."""

    def __init__(self, page: Page) -> None:
        self.requests: list[Request] = []
        page.on("request", self._hear)

    def _hear(self, request: Request) -> None:
        if "/play/" in request.url and re.search(r"\.(m3u8|mpd|mp4)", request.url):
            self.requests.append(request)

    @property
    def in_query(self) -> list[str]:
        return [one.url for one in self.requests if "CMCD=" in one.url]

    @property
    def in_fields(self) -> list[str]:
        return [one.headers.get("cmcd-session", "") for one in self.requests if tells(one)]


def tells(request: Request) -> bool:
    return any(name.startswith("cmcd-") for name in request.headers)


async def counted(serve: Serve, pattern: str) -> float:
    """The sum of the service's own counts whose name and labels match."""
    async with serve.client("svc", "service") as session, session.get("/metrics") as response:
        text = await response.text()
    found = re.findall(rf"^coursestream_{pattern}\S* ([\d.e+]+)$", text, re.MULTILINE)
    return sum(map(float, found))


async def played_by(lesson: Lesson, player: str, *, is_in_fields: bool, version: int) -> Heard:
    """Plays the first seconds as a user of its own, whose session has the user's name."""
    user_id = f"{player.replace(' ', '-')}-{is_in_fields}-{version}"
    await lesson.enrol(user_id)
    async with lesson.serve.client(user_id) as client:
        path = f"/api/v1/videos/{lesson.video['id']}/playback"
        terms = await call(client, "POST", path, json={})
    addresses = [urljoin(lesson.serve.url, terms[name]) for name in ("hls_url", "dash_url")]
    page = await lesson.browser.new_page()
    heard = Heard(page)
    await page.goto(lesson.players)
    told = {"sid": f"sid-{user_id}", "isInFields": is_in_fields, "version": version}
    await page.evaluate("(given) => load(...given)", [player, *addresses, told])
    await page.evaluate("video.playbackRate = 4; video.play()")
    await until(page, "video.currentTime > 8")
    assert await page.evaluate("faults") == []
    await page.close()
    return heard


async def test_the_players_of_others_are_measured_and_answered_like_any(lesson: Lesson) -> None:
    by_shortcut = await counted(lesson.serve, "requests_replayed_total")
    ranges = 0
    for player, is_in_fields, version in TOLD:
        heard = await played_by(lesson, player, is_in_fields=is_in_fields, version=version)
        told = heard.in_fields if is_in_fields else heard.in_query
        silent = heard.in_query if is_in_fields else heard.in_fields
        assert (len(told), silent) == (len(heard.requests), []), player
        assert all(("v%3D2" in one) == (version == 2) for one in heard.in_query), player
        ranges += sum("range" in one.headers for one in heard.requests)

    # All but the first one of each file and form.
    assert await counted(lesson.serve, "requests_replayed_total") - by_shortcut > ranges / 3

    def are_all_stored(told: Any) -> bool:
        """The last requests of a session may be stored after its first ones."""
        total = told["all"]
        return (total["sessions"], total["exits_before_start"]) == (len(TOLD), 0)

    quality = await wait_until(lesson.quality, are_all_stored, within_s=STORED_WITHIN_S)
    total = quality["all"]
    assert total["viewers"] == len(TOLD)
    assert total["sessions_with_errors"] == 0
    assert 10_000 < total["bitrate"] < 1_000_000
    assert [(one["of"], one["sessions"]) for one in quality["devices"]] == [("desktop", len(TOLD))]
    assert "sid-" not in lesson.serve.log()


async def test_our_element_tells_in_fields(lesson: Lesson) -> None:
    await lesson.enrol("own")
    page = await lesson.browser.new_page()
    heard = Heard(page)
    async with page.expect_response("**/playback") as answered:
        await page.goto(
            f"{lesson.serve.url}/watch/{lesson.video['id']}#token={lesson.serve.token('own')}"
        )
    session_id = (await (await answered.value).json())["session_id"]
    await until(page, f"{VIDEO}.readyState >= 2")
    await page.evaluate(f"{VIDEO}.muted = true; {VIDEO}.play()")
    await until(page, f"{VIDEO}.currentTime > 2")

    sent = [one for one in heard.requests if one.resource_type == "xhr"]
    assert sent
    assert all(f'sid="{session_id}"' in one.headers["cmcd-session"] for one in sent)
    assert heard.in_query == []
    assert session_id not in lesson.serve.log()
    assert "CMCD" not in lesson.serve.log()
    await page.close()


async def test_elsewhere_our_element_asks_for_no_permission_before_the_first_picture(
    lesson: Lesson,
) -> None:
    await lesson.enrol("guest")
    page = await lesson.browser.new_page()
    heard = Heard(page)
    await page.add_init_script(NOTE_STATES)
    await page.goto(f"{lesson.site}/guest")
    await until(page, f"{VIDEO}.readyState >= {HAVE_CURRENT_DATA}")
    assert any(not tells(one) for one in heard.requests)  # simple ones, that need no permission

    await page.evaluate(f"{VIDEO}.playbackRate = 4; {VIDEO}.play()")
    await wait_until(lambda: heard.in_fields)
    assert min(await page.evaluate("states")) >= HAVE_CURRENT_DATA
    assert heard.in_query == []
    await page.close()
