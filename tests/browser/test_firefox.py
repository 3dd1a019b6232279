"""Firefox: a lecture watched, sought, taken up again and kept; the studio from an empty list to a
lecture with captions."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from storage.samples import write_clock_mp4
from tests.browser.support.pictures import RESULTS
from tests.harness.serving import Serve, ready_video, served_from
from tests.harness.waiting import wait_until
from tests.programs.chromium import VIDEO, until
from tests.programs.firefox import ENTER, FirefoxPage, open_firefox
from tests.programs.web_build import built_pages

LENGTH_S = 40
PATIENCE_MS = 45_000
ROOT = "document.querySelector('course-video').shadowRoot"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory, made_cluster: Path) -> Iterator[Serve]:
    built_pages()
    settings = {"REPORT_INTERVAL": "1s"}
    with served_from(tmp_path_factory.mktemp("firefox"), made_cluster, **settings) as serve:
        serve.start()
        yield serve


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address(serving: Serve) -> AsyncIterator[str]:
    """The watch page of a video that `ada` may see."""
    film = serving.data_dir.parent / "film.mp4"
    await asyncio.to_thread(write_clock_mp4, film, LENGTH_S, (320, 180))
    video = await ready_video(serving, film)
    yield f"/watch/{video['id']}"


async def shows(page: FirefoxPage, claim: str) -> None:
    await until(page, claim, timeout_ms=PATIENCE_MS)


async def progress(serve: Serve, address: str) -> Any:
    async with serve.client("ada") as client:
        path = f"/api/v1/videos/{address.removeprefix('/watch/')}/progress"
        async with client.get(path) as answer:
            return await answer.json()


async def test_a_lecture_is_watched_sought_and_taken_up_again(serving: Serve, address: str) -> None:
    async with open_firefox(serving.data_dir.parent / "viewer") as page:
        await page.goto(f"{serving.url}{address}#token={serving.token('ada')}")
        await shows(page, f"{VIDEO}.readyState >= 2")
        await page.evaluate(f"{VIDEO}.muted = true")
        await page.evaluate(f"{VIDEO}.play()")
        await shows(page, f"{VIDEO}.currentTime > 1.5")
        await page.evaluate(f"{VIDEO}.currentTime = 25")
        await shows(page, f"{VIDEO}.currentTime > 26.5 && !{VIDEO}.paused")
        await page.evaluate(f"{VIDEO}.pause()")
        place = await page.evaluate(f"{VIDEO}.currentTime")
        seen = await wait_until(
            lambda: progress(serving, address), lambda now: abs(now["position"] - place) < 0.1
        )
        await page.reload()
        await shows(page, f"{VIDEO}.readyState >= 2 && {VIDEO}.currentTime > 25")
        await page.screenshot(RESULTS / "firefox.png")

        assert await page.evaluate(f"{VIDEO}.currentTime") == pytest.approx(place, abs=0.2)
    (first_from, first_to), (second_from, second_to) = seen["watched"]
    assert (first_from, second_from) == pytest.approx((0, 25), abs=0.6)
    assert 1 < first_to < 20
    assert second_to == pytest.approx(place, abs=0.6)


async def press(page: FirefoxPage, name: str) -> None:
    """Presses the button with this text, once it is there."""
    buttons = "[...document.querySelectorAll('button')]"
    button = f"{buttons}.find((one) => one.textContent.trim() === '{name}')"
    await shows(page, f"{button} !== undefined")
    await page.evaluate(f"{button}.click()")


async def enter_title(page: FirefoxPage, title: str) -> None:
    await enter(page, "dialog[open] input", title)
    await page.type(ENTER)
    await shows(page, "document.querySelector('dialog') === null")


async def enter(page: FirefoxPage, selector: str, words: str) -> None:
    field = f"document.querySelector('{selector}')"
    await shows(page, f"{field} && ({field}.focus(), document.activeElement === {field})")
    await page.type(words)
    await shows(page, f"{field}.value === '{words}'")


async def test_a_lecture_from_an_empty_studio_to_a_student(serving: Serve) -> None:
    film = serving.data_dir.parent / "Lecture_03-final.mp4"
    await asyncio.to_thread(write_clock_mp4, film, 8)
    async with open_firefox(serving.data_dir.parent / "teacher") as page:
        await page.goto(f"{serving.url}/studio#token={serving.token('root', 'admin')}")
        await press(page, "New course")
        await enter_title(page, "Optics")
        await press(page, "New module")
        await enter_title(page, "Week 1")
        await shows(page, "document.querySelector('.module h2')?.textContent === 'Week 1'")
        await page.choose_files("document.querySelector('.module input[type=file]')", film)
        await shows(page, "document.querySelector('.lesson')?.dataset.status === 'ready'")
        title = await page.evaluate("document.querySelector('.lesson__title').textContent")
        lesson = await page.evaluate("document.querySelector('a.lesson__title').href")
        await press(page, "People")
        await press(page, "Add people")
        await enter(page, "dialog[open] textarea", "grace")
        await press(page, "Enrol 1 person")
        await shows(page, "document.querySelector('tbody th')?.textContent === 'grace'")

        await page.goto(f"{lesson}?view=captions")
        await _write_captions(page)
        await page.screenshot(RESULTS / "firefox-studio.png")
    assert title == "Lecture 03 final"
    await _see_captions(serving, lesson.rpartition("/")[2])


async def _write_captions(page: FirefoxPage) -> None:
    languages = "document.querySelector('[role=tabpanel] select')"
    await shows(page, f"{languages} !== null")
    chosen = "new Event('change', { bubbles: true })"
    await page.evaluate(f"{languages}.value = 'en', {languages}.dispatchEvent({chosen})")
    await press(page, "Add at 0:00.000")
    await enter(page, "[role=tabpanel] textarea", "Light & shadow")
    await press(page, "Save")
    await shows(page, "document.querySelector('.toasts').textContent.includes('Saved.')")


async def _see_captions(serving: Serve, video_id: str) -> None:
    async with open_firefox(serving.data_dir.parent / "student") as page:
        await page.goto(f"{serving.url}/watch/{video_id}#token={serving.token('grace')}")
        await shows(page, f"{VIDEO}.readyState >= 2")
        await page.evaluate(f"{VIDEO}.currentTime = 1")
        await page.type("c")
        await shows(page, f"{ROOT}.querySelector('.cue')?.textContent.includes('Light & shadow')")
        await page.evaluate(f"{VIDEO}.muted = true, {VIDEO}.play()")
        await shows(page, f"{VIDEO}.currentTime > 2")
        await page.screenshot(RESULTS / "firefox-captions.png")


async def test_a_kept_lesson_plays_with_the_server_dead(serving: Serve, address: str) -> None:
    profile = serving.data_dir.parent / "hiker"
    async with open_firefox(profile) as page:
        await page.goto(f"{serving.url}{address}#token={serving.token('ada')}")
        await shows(page, f"{VIDEO}.readyState >= 2")
        await page.evaluate(f"{ROOT}.querySelector('[aria-label=Settings]').click()")
        await page.evaluate(f"{ROOT}.querySelector('[data-label=Download]').click()")
        await shows(page, f"{ROOT}.querySelector('dialog .action') !== null")
        await page.evaluate(f"{ROOT}.querySelector('dialog .action').click()")
        await shows(page, f"{ROOT}.querySelector('dialog').textContent.includes('Kept on this')")
    serving.process.kill()
    await asyncio.to_thread(serving.process.wait)

    async with open_firefox(profile) as page:
        await page.goto(f"{serving.url}{address}")
        await shows(page, f"{VIDEO}.readyState >= 2")
        await page.evaluate(f"{VIDEO}.currentTime = 30")
        await page.evaluate(f"{VIDEO}.muted = true")
        await page.evaluate(f"{VIDEO}.play()")
        await shows(page, f"{VIDEO}.currentTime > 31 && {VIDEO}.videoWidth === 320")
        await page.screenshot(RESULTS / "firefox-offline.png")
