"""Controls as promised: nothing moves on the page, and every choice does as it says."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Request, expect

from storage.samples import write_clock_mp4
from tests.browser.support.campus import WIDTHS
from tests.browser.support.theatre import CAPTIONS, CHAPTERS, play_on
from tests.harness.serving import Serve, call, ready_video, served_from
from tests.harness.waiting import wait_until
from tests.programs.chromium import TIMEOUT_MS, VIDEO, open_chromium, until
from tests.programs.web_build import built_pages

# The higher rung is above the height at which data is saved, 360.
SIZE, HEIGHTS, LENGTH_S = (480, 400), (400, 180), 60
LADDER_TIMEOUT_S = 120
NEWCOMER, STUDENT = "newcomer", {"role": "student"}  # who has not got anywhere yet
LATENCY_MS = 120  # so that what comes late is painted late
SHIFTS = """
globalThis.shifts = [];
new PerformanceObserver((list) => {
    for (const { value, sources } of list.getEntries())
        shifts.push([value, ...sources.map(({ node, previousRect, currentRect }) =>
            [node?.outerHTML ?? node?.data, previousRect, currentRect])]);
}).observe({ type: 'layout-shift', buffered: true });
"""
RUNG = re.compile(r"v\d+-\w+\.(m3u8|mp4)")
# The menu is as high as what it shows, so that its upper edge moves from list to list.
MENU_SHIFT = 0.001
SETTLED = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
# Each further than the player has fetched ahead, and away from the one before.
SEEKS_S = (50, 2, 42, 10, 57)
MOST_OF_BARE, SEEK_LEEWAY_MS = 4, 400  # it has a playlist to look at, and two files
BARE = """async (id) => {
    const answer = await fetch(`/api/v1/videos/${id}/playback`, {
        method: 'POST', body: '{}', headers: { 'Content-Type': 'application/json' },
    });
    globalThis.bare = document.createElement('video');
    bare.muted = true;
    bare.preload = 'auto';
    document.body.append(bare);
    bare.src = (await answer.json()).sources[0].url;
    await new Promise((done) => bare.addEventListener('loadeddata', done, { once: true }));
}"""
# Milliseconds until the picture of the place is presented.
SEEK = """(second) => new Promise((done) => {
    const video = MEDIA;
    const soughtMs = performance.now();
    const look = (_, { mediaTime }) => Math.abs(mediaTime - second) < 0.5
        ? done(performance.now() - soughtMs)
        : video.requestVideoFrameCallback(look);
    video.requestVideoFrameCallback(look);
    video.currentTime = second;
})"""
MEDIA_KEYS = """
globalThis.acts = {};
const set = MediaSession.prototype.setActionHandler;
MediaSession.prototype.setActionHandler = function (action, act) {
    acts[action] = act;
    set.call(this, action, act);
};
"""
WITHOUT_PICTURE_IN_PICTURE = """
Object.defineProperty(Document.prototype, 'pictureInPictureEnabled', { get: () => false });
"""
# Of the captions now: their size in pixels, and what is behind them.
LOOK = """() => {
    const player = document.querySelector('course-video').shadowRoot;
    const style = (name) => getComputedStyle(player.querySelector(name));
    return [parseFloat(style('.captions').fontSize), style('.cue').backgroundColor];
}"""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Lesson:
    """A service with a course of two lessons, the first with its ladder; a browser."""

    serve: Serve
    browser: Browser
    video_id: str

    async def watch(self, script: str = "", user_id: str = "ada") -> Page:
        """The watch page in a browser of its own, with the first picture on it."""
        page = await self.blank(script=script)
        await self.open(page, user_id)
        return page

    async def blank(self, width: str = "desk", script: str = "") -> Page:
        context = await self.browser.new_context(viewport=WIDTHS[width])
        context.set_default_timeout(TIMEOUT_MS)
        page = await context.new_page()
        await page.add_init_script(script)
        return page

    async def open(self, page: Page, user_id: str = "ada") -> None:
        """From the beginning, wherever the test before has stopped."""
        token = self.serve.token(user_id)
        await page.goto(f"{self.serve.url}/watch/{self.video_id}?t=0#token={token}")
        await until(page, f"{VIDEO}.readyState >= 2")

    async def sizes(self) -> dict[int | None, float]:
        """The megabytes of the lesson by height; of the sound alone by None."""
        async with self.serve.client("ada") as ada:
            path = f"/api/v1/videos/{self.video_id}/playback"
            playback = await call(ada, "POST", path, json={})
        return {one["height"]: one["bytes"] / 1e6 for one in playback["sizes"]}


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory, made_cluster: Path) -> Iterator[Serve]:
    built_pages()
    settings = {"RENDITIONS": ",".join(map(str, HEIGHTS)), "STREAM_RATE_LIMIT": "1000/second"}
    with served_from(tmp_path_factory.mktemp("controls"), made_cluster, **settings) as serve:
        serve.start()
        yield serve


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lesson(serving: Serve) -> AsyncIterator[Lesson]:
    film = serving.data_dir.parent / "film.mp4"
    await asyncio.to_thread(write_clock_mp4, film, LENGTH_S, SIZE)
    video = await ready_video(serving, film)
    await asyncio.to_thread(write_clock_mp4, film, 2, (320, 180))
    await ready_video(serving, film)
    async with serving.client("root", "admin") as admin:
        await call(admin, "PUT", f"/api/v1/courses/c1/enrollments/{NEWCOMER}", json=STUDENT)
        path = f"/api/v1/videos/{video['id']}"
        for what, text in (("captions/en", CAPTIONS), ("chapters", CHAPTERS)):
            async with admin.put(f"{path}/{what}", data=text) as answer:
                assert answer.status == 201
        await wait_until(
            lambda: call(admin, "GET", path),
            lambda told: {one["state"] for one in told["renditions"]} == {"ready"},
            within_s=LADDER_TIMEOUT_S,
        )
    expect.set_options(timeout=TIMEOUT_MS)
    async with open_chromium() as browser:
        yield Lesson(serving, browser, video["id"])


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _closing(lesson: Lesson) -> AsyncIterator[None]:
    """Each test begins without the pages of the last one."""
    yield
    for context in lesson.browser.contexts:
        await context.close()


async def shifts(page: Page) -> list[Any]:
    """All that has moved so far, also by the viewer's own doing."""
    await page.evaluate(SETTLED)
    found: list[Any] = await page.evaluate("shifts")
    return found


@pytest.mark.parametrize("width", ["phone", "desk"])
async def test_nothing_moves_while_a_lesson_opens_or_a_menu(lesson: Lesson, width: str) -> None:
    page = await lesson.blank(width, SHIFTS)
    network = await page.context.new_cdp_session(page)
    slow = {"latency": LATENCY_MS, "uploadThroughput": -1, "downloadThroughput": -1}
    await network.send("Network.emulateNetworkConditions", {"offline": False, **slow})

    await lesson.open(page)
    await expect(page.locator("#lessons .lesson")).to_have_count(2)
    await expect(page.locator("#next a")).to_be_visible()
    assert await shifts(page) == []

    await page.get_by_role("button", name="Settings").click()
    await page.get_by_role("menuitem", name="Quality").click()
    await expect(page.get_by_role("menuitemradio", name="Save data")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("menu")).to_be_hidden()
    assert sum(value for value, *_ in await shifts(page)) < MENU_SHIFT


async def test_the_first_picture_needs_the_engine_once_and_one_rung(lesson: Lesson) -> None:
    page = await lesson.blank()
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url.rpartition("/")[2]))

    await lesson.open(page)

    rungs = {name.partition("-")[0] for name in asked if RUNG.match(name)}
    assert len(rungs) == 1, asked
    assert len([name for name in asked if name.startswith("hls_engine-")]) == 1


async def choose(page: Page, setting: str, choice: str) -> None:
    await page.get_by_role("button", name="Settings").click()
    await page.get_by_role("menuitem", name=setting).click()
    await page.get_by_role("menuitemradio", name=choice).click()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("menu")).to_be_hidden()


async def test_the_menu_tells_each_quality_and_its_megabytes(lesson: Lesson) -> None:
    page = await lesson.watch()
    await page.get_by_role("button", name="Settings").click()
    await page.get_by_role("menuitem", name="Quality").click()

    told = await page.get_by_role("menuitemradio").all_inner_texts()

    sizes = {height: f"{size:.1f} MB" for height, size in (await lesson.sizes()).items()}
    rows = [" ".join(one.split()) for one in told]
    assert rows == [
        "Automatic 400p now",
        f"400p {sizes[400]}",
        f"180p {sizes[180]}",
        "Save data",
        f"Listen only {sizes[None]}",
    ]


async def test_the_chosen_quality_is_played_from_the_first_piece_of_the_next_page(
    lesson: Lesson,
) -> None:
    page = await lesson.watch()
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url.rpartition("/")[2]))
    page.on("framenavigated", lambda _: asked.clear())  # what the page before went on to ask for
    for choice, height in (("Save data", 180), ("400p", 400)):
        await choose(page, "Quality", choice)

        await page.reload()
        await until(page, f"{VIDEO}.readyState >= 2")

        assert await page.evaluate(f"{VIDEO}.videoHeight") == height
        assert {name.partition("-")[0] for name in asked if RUNG.match(name)} == {f"v{height}"}


async def test_saving_data_outlasts_a_larger_picture(lesson: Lesson) -> None:
    page = await lesson.blank("phone")
    await lesson.open(page)
    await choose(page, "Quality", "Save data")
    await page.reload()
    await until(page, f"{VIDEO}.readyState >= 2")
    small = await page.evaluate(f"{VIDEO}.clientWidth")
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url.rpartition("/")[2]))

    await page.set_viewport_size(WIDTHS["desk"])
    await until(page, f"{VIDEO}.clientWidth > {small}")
    await page.evaluate(f"{VIDEO}.currentTime = {LENGTH_S / 2}")
    await page.evaluate(f"{VIDEO}.play()")
    await play_on(page)

    assert {name.partition("-")[0] for name in asked if RUNG.match(name)} == {"v180"}


async def test_a_seek_shows_its_picture_about_as_soon_as_a_bare_video_does(lesson: Lesson) -> None:
    page = await lesson.watch()
    await page.evaluate(BARE, lesson.video_id)
    took_ms: dict[str, list[float]] = {"ours": [], "bare": []}
    for second in SEEKS_S:
        for name, media in (("ours", VIDEO), ("bare", "bare")):
            took_ms[name].append(await page.evaluate(SEEK.replace("MEDIA", media), second))

    assert median(took_ms["ours"]) < MOST_OF_BARE * median(took_ms["bare"]) + SEEK_LEEWAY_MS, (
        took_ms
    )


async def test_a_seek_asks_for_no_more_than_the_pieces_it_shows(lesson: Lesson) -> None:
    page = await lesson.watch()
    await until(page, f"{VIDEO}.buffered.length && {VIDEO}.buffered.end(0) >= 30")
    asked: list[Request] = []
    page.on("request", lambda one: asked.append(one))

    await page.evaluate(SEEK.replace("MEDIA", VIDEO), 55)
    asked = [one for one in asked if lesson.video_id in one.url]  # the next one is fetched ahead
    pieces = [(one.url, one.headers.get("range")) for one in asked if "/play/" in one.url]

    # A piece of the picture and one of the sound; the next ones may have been asked for as well.
    assert not [one.url for one in asked if one.url.endswith(("/playback", ".m3u8"))]
    assert 2 <= len(set(pieces)) == len(pieces) <= 6, pieces


async def test_who_only_listens_is_sent_no_pictures(lesson: Lesson) -> None:
    page = await lesson.watch()
    await page.evaluate(f"{VIDEO}.play()")
    await play_on(page)
    await choose(page, "Quality", "Listen only")

    await until(page, f"{VIDEO}.readyState >= 2 && {VIDEO}.videoHeight === 0")
    await play_on(page)
    await expect(page.locator("course-video .sound-only")).to_be_visible()

    await choose(page, "Quality", "Automatic")
    await until(page, f"{VIDEO}.videoHeight === 400")
    await play_on(page)


async def test_captions_look_as_chosen_and_after_a_reload(lesson: Lesson) -> None:
    """From the first pause on, in which browsers have no active cues."""
    page = await lesson.watch(user_id=NEWCOMER)
    await page.keyboard.press("c")
    cue = page.locator(".cue").first
    await expect(cue).to_be_visible()
    size, ground = await page.evaluate(LOOK)
    await choose(page, "Caption size", "Large")
    await choose(page, "Caption background", "None")

    larger, none = await page.evaluate(LOOK)
    await page.reload()
    await expect(cue).to_be_visible()

    assert larger > size
    assert (ground, none) == ("rgba(0, 0, 0, 0.72)", "rgba(0, 0, 0, 0)")
    assert await page.evaluate(LOOK) == [larger, none]


async def test_media_keys_move_the_player(lesson: Lesson) -> None:
    page = await lesson.watch(script=MEDIA_KEYS)
    await page.evaluate(f"{VIDEO}.play()")
    await play_on(page)

    await page.evaluate("acts.seekto({ action: 'seekto', seekTime: 30 })")
    await until(page, f"!{VIDEO}.seeking && {VIDEO}.currentTime >= 30")
    await page.evaluate("acts.pause({ action: 'pause' })")
    await until(page, f"{VIDEO}.paused")
    paused_at = await page.evaluate(f"{VIDEO}.currentTime")
    await page.evaluate("acts.seekforward({ action: 'seekforward', seekOffset: 4 })")
    await until(page, f"Math.abs({VIDEO}.currentTime - {paused_at + 4}) < 0.05")
    await page.evaluate("acts.seekbackward({ action: 'seekbackward' })")
    await until(page, f"Math.abs({VIDEO}.currentTime - {paused_at - 6}) < 0.05")
    await page.evaluate("acts.play({ action: 'play' })")
    await play_on(page)

    assert await page.evaluate("navigator.mediaSession.metadata.title") == "lecture.mp4"
    await page.evaluate("acts.nexttrack({ action: 'nexttrack' })")
    await page.wait_for_url(lambda url: "/watch/" in url and lesson.video_id not in url)


@pytest.mark.parametrize("is_possible", [True, False], ids=["possible", "impossible"])
async def test_picture_in_picture_is_offered_where_it_can_be_had(
    lesson: Lesson, is_possible: bool
) -> None:
    page = await lesson.watch(script="" if is_possible else WITHOUT_PICTURE_IN_PICTURE)
    assert await page.evaluate("document.pictureInPictureEnabled") is is_possible

    button = page.get_by_role("button", name="Picture in picture")

    await expect(button).to_be_visible(visible=is_possible)


async def test_voices_keep_their_pitch_at_any_speed(lesson: Lesson) -> None:
    page = await lesson.watch()
    await choose(page, "Speed", "2×")
    await page.evaluate(f"{VIDEO}.play()")
    await play_on(page)

    await page.reload()

    await until(page, f"{VIDEO}.readyState >= 2")
    kept = f"[{VIDEO}.playbackRate, {VIDEO}.preservesPitch]"
    assert await page.evaluate(kept) == [2, True]
