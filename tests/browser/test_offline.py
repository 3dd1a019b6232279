"""Lessons kept on the device: downloaded, and played with the server dead and a new browser."""

import asyncio
import base64
import io
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image
from playwright.async_api import BrowserContext, Page, expect

from storage.hashes import PIECE_BYTES
from storage.mp4.faststart import move_index_to_front
from storage.samples import FRAME_RATE, read_frame_number, write_clock_mp4
from tests.browser.support.axe import violations
from tests.browser.support.pictures import RESULTS
from tests.browser.support.theatre import play_on
from tests.harness.serving import Serve, call, ready_video_of, served_from
from tests.harness.waiting import wait_until
from tests.programs.chromium import TIMEOUT_MS, VIDEO, open_profile, until
from tests.programs.web_build import built_pages

LENGTH_S = 40
FILLER = random.Random(20261201).randbytes(2 * PIECE_BYTES + 54_321)
SLOW_BYTES_PER_S = 4_000_000
SLOW = {
    "offline": False,
    "latency": 0,
    "uploadThroughput": -1,
    "downloadThroughput": SLOW_BYTES_PER_S,
}
FULL_BYTES = PIECE_BYTES + 2_000_000  # one piece, and the page
LICENCE_LIFE = timedelta(days=14)
LADDER_TIMEOUT_S = 120
# The picture at a second, as a PNG.
SHOWN_AT = f"""async (second) => {{
    const video = {VIDEO};
    const sought = new Promise((done) => video.addEventListener('seeked', done, {{ once: true }}));
    const drawn = new Promise((done) => video.requestVideoFrameCallback(done));
    video.currentTime = second;
    await Promise.all([sought, drawn]);
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    canvas.getContext('2d').drawImage(video, 0, 0);
    return canvas.toDataURL('image/png');
}}"""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Study:
    """A service with one lesson, which students take along."""

    serve: Serve
    video_id: str
    directory: Path

    async def enrol(self, user_id: str) -> None:
        async with self.serve.client("root", "admin") as admin:
            path = f"/api/v1/courses/c1/enrollments/{user_id}"
            await call(admin, "PUT", path, json={"role": "student"})

    async def withdraw(self, user_id: str) -> None:
        async with self.serve.client("root", "admin") as admin:
            await admin.delete(f"/api/v1/courses/c1/enrollments/{user_id}")

    async def progress(self, user_id: str) -> Any:
        async with self.serve.client(user_id) as client:
            return await call(client, "GET", f"/api/v1/videos/{self.video_id}/progress")

    async def watch(self, context: BrowserContext, user_id: str | None) -> Page:
        """The watch page in a new tab, with its first picture."""
        page = await context.new_page()
        fragment = f"#token={self.serve.token(user_id)}" if user_id else ""
        await page.goto(f"{self.serve.url}/watch/{self.video_id}{fragment}")
        return page

    async def stop(self) -> None:
        self.serve.process.kill()
        await asyncio.to_thread(self.serve.process.wait)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory, made_cluster: Path) -> Iterator[Serve]:
    built_pages()
    settings = {"REPORT_INTERVAL": "1s"}
    with served_from(tmp_path_factory.mktemp("study"), made_cluster, **settings) as serve:
        serve.start()
        yield serve


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def study(serving: Serve) -> AsyncIterator[Study]:
    directory = serving.data_dir.parent
    film = await asyncio.to_thread(write_film, directory)
    async with serving.client("root", "admin") as admin:
        video = await ready_video_of(admin, film)
    expect.set_options(timeout=TIMEOUT_MS)
    yield Study(serving, video["id"], directory)


def write_film(directory: Path) -> Path:
    """A clock, and so many bytes behind it that a download has several pieces."""
    camera, film = directory / "camera.mp4", directory / "film.mp4"
    write_clock_mp4(camera, LENGTH_S, (320, 180))
    move_index_to_front(camera, film)
    with film.open("ab") as file:
        file.write((8 + len(FILLER)).to_bytes(4, "big") + b"free" + FILLER)
    return film


async def open_dialog(page: Page) -> None:
    await until(page, f"{VIDEO}.readyState >= 2")
    await page.get_by_role("button", name="Settings").click()
    await page.get_by_role("menuitem", name="Download").click()
    await expect(page.get_by_role("dialog")).to_be_visible()


async def keep(page: Page, height: str | None = None) -> None:
    """Downloads the lesson by the player's menu."""
    await open_dialog(page)
    if height:
        await page.get_by_role("radio", name=height).check()
    await page.get_by_role("button", name="Download", exact=True).click()
    await expect(page.get_by_role("status").filter(has_text="Kept on this device")).to_be_visible()


async def frame_at(page: Page, frame: int) -> int:
    """The number that is shown where that frame should be."""
    url = await page.evaluate(SHOWN_AT, (frame + 0.5) / FRAME_RATE)
    return read_frame_number(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))))


async def play_without_server(study: Study, profile: Path) -> None:
    """Watches the kept lesson in the browser restarted, signed in to nothing."""
    async with open_profile(profile) as context:
        page = await study.watch(context, None)
        await until(page, f"{VIDEO}.readyState >= 2")
        await expect(page.locator(".line")).to_contain_text("No connection")
        for frame in (733, 12, 402):
            assert await frame_at(page, frame) == frame
        await page.evaluate(f"{VIDEO}.currentTime = 20")
        await page.evaluate(f"{VIDEO}.play()")
        await play_on(page, for_s=2)
        await page.evaluate(f"{VIDEO}.pause()")
        await page.screenshot(path=RESULTS / "offline.png")
        # A reload goes on where it was.
        await page.reload()
        await until(page, f"{VIDEO}.readyState >= 2 && {VIDEO}.currentTime > 21")


async def refuses_after_the_end(study: Study, profile: Path) -> None:
    """Opens the kept lesson a day after its licence has ended, by the clock of the device."""
    async with open_profile(profile) as context:
        await context.clock.set_fixed_time(datetime.now(UTC) + LICENCE_LIFE + timedelta(days=1))
        page = await study.watch(context, None)
        refusal = page.get_by_role("alert")
        await expect(refusal).to_contain_text("This video may no longer be played offline.")
        await expect(refusal).to_contain_text("Connect to the internet")
        await page.screenshot(path=RESULTS / "offline-ended.png")
        assert await violations(page) == []


async def reaches_the_service(study: Study, user_id: str) -> None:
    """Waits for the seconds that were watched without it."""

    async def seen() -> Any:
        return (await study.progress(user_id))["watched"]

    watched = await wait_until(seen, lambda pieces: pieces and pieces[-1][1] > 21, within_s=20)
    assert 19.5 < watched[-1][0] < 21, watched


async def test_a_lesson_is_watched_with_the_server_dead_and_reported_later(study: Study) -> None:
    await study.enrol("hiker")
    profile = study.directory / "hiker"
    async with open_profile(profile) as context:
        await keep(await study.watch(context, "hiker"))
    await study.stop()

    await play_without_server(study, profile)

    await asyncio.to_thread(study.serve.start)
    async with open_profile(profile) as context:
        page = await study.watch(context, "hiker")
        await reaches_the_service(study, "hiker")
        await until(page, f"{VIDEO}.readyState >= 2")
        await expect(page.locator(".line")).to_be_empty()


async def test_a_download_goes_on_in_the_middle_of_a_piece_after_a_restart(study: Study) -> None:
    await study.enrol("commuter")
    profile = study.directory / "commuter"
    async with open_profile(profile) as context:
        page = await study.watch(context, "commuter")
        await open_dialog(page)
        network = await context.new_cdp_session(page)
        await network.send("Network.emulateNetworkConditions", SLOW)
        await page.get_by_role("button", name="Download", exact=True).click()
        await expect(page.locator("dialog .amount")).to_contain_text("4.2 MB of")
        await page.get_by_role("button", name="Pause").click()
        await expect(page.get_by_role("status").filter(has_text="Paused")).to_be_visible()

    async with open_profile(profile) as context:
        page = await study.watch(context, "commuter")
        await open_dialog(page)
        ranges: list[str] = []
        page.on("request", lambda one: ranges.append(one.headers.get("range", "")))
        await page.screenshot(path=RESULTS / "download-paused.png")
        await page.get_by_role("button", name="Resume").click()
        await expect(page.get_by_role("status").filter(has_text="Kept")).to_be_visible()

    starts = [int(one[6:-1]) for one in ranges if one.startswith("bytes=")]
    assert starts[0] > PIECE_BYTES
    assert starts[0] % PIECE_BYTES


async def test_a_withdrawn_lesson_is_removed_at_the_next_contact(study: Study) -> None:
    await study.enrol("dropout")
    profile = study.directory / "dropout"
    async with open_profile(profile) as context:
        await keep(await study.watch(context, "dropout"))
    await study.withdraw("dropout")

    async with open_profile(profile) as context:
        page = await study.watch(context, "dropout")
        await expect(page.locator(".offer")).to_contain_text("Removed from this device")
        await page.screenshot(path=RESULTS / "offline-withdrawn.png")
    await study.stop()
    async with open_profile(profile) as context:
        page = await context.new_page()
        with pytest.raises(Exception, match="ERR_CONNECTION_REFUSED"):
            await page.goto(f"{study.serve.url}/watch/{study.video_id}")
    await asyncio.to_thread(study.serve.start)


async def sign_out(page: Page, user_id: str, choice: str | None) -> None:
    """`choice` is a button of the question about kept lessons; None where there is none."""
    await page.get_by_role("button", name=user_id).click()
    await page.get_by_role("button", name="Sign out").click()
    if choice is not None:
        question = page.get_by_role("dialog")
        await expect(question).to_contain_text("Keep 1 lesson on this device?")
        await expect(question.get_by_role("listitem")).to_have_text("lecture.mp4")
        await page.screenshot(path=RESULTS / "sign-out.png")
        assert await violations(page) == []
        await question.get_by_role("button", name=choice).click()


async def test_who_signs_out_decides_on_the_lessons_kept(study: Study) -> None:
    await study.enrol("guest")
    async with open_profile(study.directory / "guest") as context:
        page = await study.watch(context, "guest")
        await keep(page)
        await page.keyboard.press("Escape")
        await sign_out(page, "guest", "Close")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        assert len(await context.cookies()) == 1

        await sign_out(page, "guest", "Keep and sign out")
        await expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
        assert await context.cookies() == []

        # The first page, where no player is, knows of them, too.
        await page.goto(f"{study.serve.url}/#token={study.serve.token('guest')}")
        await sign_out(page, "guest", "Remove and sign out")
        await expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
        await page.goto(f"{study.serve.url}/#token={study.serve.token('guest')}")
        await sign_out(page, "guest", None)
        await expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
        assert await page.evaluate("navigator.serviceWorker.getRegistrations()") == []


async def test_a_full_disk_pauses_a_download_until_there_is_room(study: Study) -> None:
    await study.enrol("hoarder")
    async with open_profile(study.directory / "hoarder") as context:
        page = await study.watch(context, "hoarder")
        faults: list[object] = []
        page.on("pageerror", lambda fault: faults.append(fault))
        await open_dialog(page)
        browser = await context.new_cdp_session(page)
        await browser.send("Network.emulateNetworkConditions", SLOW)
        await page.get_by_role("button", name="Download", exact=True).click()
        await expect(page.get_by_role("button", name="Pause")).to_be_visible()

        disk = {"origin": study.serve.url}
        await browser.send("Storage.overrideQuotaForOrigin", {**disk, "quotaSize": FULL_BYTES})
        refusal = page.get_by_role("dialog").get_by_role("alert")
        await expect(refusal).to_contain_text("There is not enough room on this device.")
        await expect(page.get_by_role("status").filter(has_text="Paused")).to_be_visible()
        await page.screenshot(path=RESULTS / "download-full.png")
        assert await violations(page) == []

        assert faults == []
        await browser.send("Storage.overrideQuotaForOrigin", disk)
        await page.get_by_role("button", name="Resume").click()
        await expect(page.get_by_role("status").filter(has_text="Kept")).to_be_visible()


async def test_one_height_of_a_ladder_is_kept_until_its_licence_ends(study: Study) -> None:
    study.serve.settings["RENDITIONS"] = "180,96"
    await study.stop()
    await asyncio.to_thread(study.serve.start)
    await study.enrol("saver")
    async with study.serve.client("saver") as client:
        path = f"/api/v1/videos/{study.video_id}/playback"
        await wait_until(
            lambda: call(client, "POST", path, json={}),
            lambda playback: len(playback["sizes"]) == 3,
            within_s=LADDER_TIMEOUT_S,
        )
    profile = study.directory / "saver"
    async with open_profile(profile) as context:
        page = await study.watch(context, "saver")
        await keep(page, "96p")
        await page.screenshot(path=RESULTS / "download.png")
    await study.stop()

    await play_without_server(study, profile)
    await refuses_after_the_end(study, profile)
