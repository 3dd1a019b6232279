"""Seconds that Chromium reports as watched: those that were played, whatever the viewer does."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.programs.chromium import VIDEO, open_chromium, until

CHAPTERS = "WEBVTT\n\n00:00.000 --> 00:10.000\nOne\n\n00:10.000 --> 00:30.000\nTwo\n"
EDGE_S = 0.6  # what a browser plays beyond the place that a test asks for, on a busy machine
# Playwright keeps every page visible. A hidden one gets `timeupdate` rarely or never.
BACKGROUND = f"""globalThis.goToBackground = () => {{
    Object.defineProperty(document, 'visibilityState', {{ get: () => 'hidden' }});
    {VIDEO}.addEventListener('timeupdate', (event) => event.stopImmediatePropagation(), true);
    document.dispatchEvent(new Event('visibilitychange'));
}}"""
_numbers = count(1)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    async with open_chromium() as browser:
        yield browser


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chaptered(service: Any) -> AsyncIterator[str]:
    """A video with chapters."""
    path = f"/api/v1/videos/{service.videos[0]}/chapters"
    async with service.client("instructor") as client:
        async with client.put(path, data=CHAPTERS) as answer:
            assert answer.status == 201
        yield service.videos[0]
        await client.delete(path)


class Viewer:
    """A student of their own, who watches in a browser context of their own."""

    def __init__(self, service: Any, page: Page, user_id: str, video_id: str) -> None:
        self._service, self._user_id, self._video_id = service, user_id, video_id
        self.page = page

    async def open(self) -> None:
        token = self._service.token(self._user_id)
        await self.page.goto(f"{self._service.url}/watch/{self._video_id}#token={token}")
        await self.is_ready()

    async def is_ready(self) -> None:
        await until(self.page, f"{VIDEO}?.readyState >= 2 && !{VIDEO}.seeking")
        await self.page.evaluate(f"{VIDEO}.muted = true")

    async def reload(self) -> None:
        await self.page.reload()
        await self.is_ready()

    async def seek(self, second: float) -> None:
        await self.page.evaluate(f"{VIDEO}.currentTime = {second}")
        await until(self.page, f"!{VIDEO}.seeking && {VIDEO}.readyState >= 2")

    async def play_to(self, second: float) -> None:
        await self.page.evaluate(f"{VIDEO}.play()")
        await until(self.page, f"{VIDEO}.currentTime >= {second}")

    async def pause(self) -> float:
        """The place where it stopped."""
        await self.page.evaluate(f"{VIDEO}.pause()")
        place: float = await self.page.evaluate(f"{VIDEO}.currentTime")
        return place

    async def watched(self) -> list[list[float]]:
        """The seconds that the server counted, once it has the report of the last pause."""
        place = await self.page.evaluate(f"{VIDEO}.currentTime")
        async with self._service.client(self._user_id) as client, asyncio.timeout(15):
            while True:
                path = f"/api/v1/videos/{self._video_id}/progress"
                async with client.get(path) as answer:
                    progress: dict[str, Any] = await answer.json()
                if abs(progress["position"] - place) < 0.01:
                    return list(progress["watched"])
                await asyncio.sleep(0.05)


@pytest_asyncio.fixture(loop_scope="module")
async def viewer(chromium: Browser, service: Any, chaptered: str) -> AsyncIterator[Viewer]:
    user_id = f"viewer-{next(_numbers)}"
    path = f"/api/v1/courses/demo/enrollments/{user_id}"
    async with (
        service.client("admin", "admin") as client,
        client.put(path, json={"role": "student"}) as answer,
    ):
        assert answer.status == 201
    context = await chromium.new_context()
    yield Viewer(service, await context.new_page(), user_id, chaptered)
    await context.close()


def assert_watched(watched: list[list[float]], expected: list[list[float]]) -> None:
    """Each piece as expected, give or take what a browser does not do to the frame."""
    assert watched == [
        [pytest.approx(start, abs=EDGE_S), pytest.approx(stop, abs=EDGE_S)]
        for start, stop in expected
    ]


async def test_resuming_a_video_with_chapters_counts_nothing_before_the_place(
    viewer: Viewer,
) -> None:
    await viewer.open()
    await viewer.seek(20)
    await viewer.play_to(21)
    left_at = await viewer.pause()
    await viewer.watched()
    await viewer.reload()
    await viewer.play_to(22)
    stopped_at = await viewer.pause()

    assert left_at == pytest.approx(21, abs=EDGE_S)
    assert_watched(await viewer.watched(), [[20, stopped_at]])


async def test_seeking_while_playing_skips_what_lies_between(viewer: Viewer) -> None:
    await viewer.open()
    await viewer.play_to(1.5)
    left_at: float = await viewer.page.evaluate(
        f"() => {{ const at = {VIDEO}.currentTime; {VIDEO}.currentTime = 15; return at; }}"
    )
    await until(viewer.page, f"!{VIDEO}.seeking")
    await viewer.play_to(16.5)
    stopped_at = await viewer.pause()

    assert_watched(await viewer.watched(), [[0, left_at], [15, stopped_at]])


async def test_twice_as_fast_counts_all_that_was_played(viewer: Viewer) -> None:
    await viewer.open()
    await viewer.page.evaluate(f"{VIDEO}.playbackRate = 2")
    await viewer.play_to(8)
    stopped_at = await viewer.pause()

    assert_watched(await viewer.watched(), [[0, stopped_at]])


async def test_pausing_and_going_on_leaves_no_gap(viewer: Viewer) -> None:
    await viewer.open()
    await viewer.play_to(1)
    await viewer.pause()
    await viewer.watched()
    await viewer.play_to(2)
    stopped_at = await viewer.pause()

    assert_watched(await viewer.watched(), [[0, stopped_at]])


async def test_replaying_adds_only_what_is_new(viewer: Viewer) -> None:
    await viewer.open()
    await viewer.play_to(2)
    await viewer.seek(1)
    await viewer.play_to(3)
    stopped_at = await viewer.pause()

    assert_watched(await viewer.watched(), [[0, stopped_at]])


async def test_a_tab_in_the_background_counts_what_it_plays(viewer: Viewer) -> None:
    await viewer.page.add_init_script(BACKGROUND)
    await viewer.open()
    await viewer.play_to(0.5)
    await viewer.page.evaluate("goToBackground()")
    await until(viewer.page, f"{VIDEO}.currentTime >= 3")
    stopped_at = await viewer.pause()

    assert_watched(await viewer.watched(), [[0, stopped_at]])
