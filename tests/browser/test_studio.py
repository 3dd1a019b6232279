"""The studio from an empty server to a lecture that a student has watched, by the page alone."""

import asyncio
import hashlib

import pytest
from playwright.async_api import Page, expect

from tests.browser.support.pictures import RESULTS
from tests.browser.support.studio import Studio, drop
from tests.harness.serving import call
from tests.harness.waiting import wait_until
from tests.programs.chromium import VIDEO, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_lecture_from_an_empty_server_to_a_student(studio: Studio) -> None:
    admin = await studio.open("root", "/studio", "admin")
    await admin.get_by_role("button", name="New course").click()
    await admin.get_by_role("textbox", name="Title").fill("Optics")
    await admin.get_by_role("button", name="Create").click()
    await admin.get_by_role("button", name="New module").click()
    await admin.get_by_role("textbox", name="Title").fill("Week 1")
    await admin.keyboard.press("Enter")
    await expect(admin.get_by_role("heading", name="Week 1")).to_be_visible()
    await admin.get_by_role("tab", name="People").click()
    await admin.get_by_role("button", name="Add people").click()
    await admin.get_by_role("textbox").fill("tess, instructor\nada\nbob@example.org")
    await expect(admin.get_by_role("status")).to_contain_text("2 to enrol")
    await expect(admin.get_by_role("dialog")).to_contain_text("no e-mail address")
    await admin.get_by_role("button", name="Enrol 2 people").click()
    await expect(admin.get_by_role("rowheader", name="ada")).to_be_visible()

    teacher = await studio.open("tess", "/studio")
    await teacher.get_by_role("link", name="Optics").click()
    film = await studio.film("Lecture_03-final.mp4")
    await drop(teacher, teacher.get_by_role("region", name="Week 1"), [film])
    lesson = teacher.locator(".lesson", has_text="Lecture 03 final")
    await expect(lesson).to_have_attribute("data-status", "ready")
    await lesson.get_by_role("link").click()
    await _write_captions(teacher)
    await _choose_picture(teacher)

    await _watch(studio, teacher.url.rpartition("/")[2].partition("?")[0])
    await teacher.get_by_role("tab", name="Who watched").click()
    await expect(teacher.get_by_role("listitem").filter(has_text="ada")).to_contain_text("%")
    await teacher.reload()
    await expect(teacher.get_by_role("listitem").filter(has_text="ada")).to_contain_text("%")
    assert "tess" not in await teacher.locator(".details").inner_text()


async def _write_captions(page: Page) -> None:
    await page.get_by_role("tab", name="Captions").click()
    await page.get_by_label("Add a language").select_option("en")
    await page.get_by_role("button", name="Add at 0:00.000").click()
    await expect(page.get_by_role("textbox", name="Text of cue 1")).to_be_focused()
    await page.keyboard.type("Light & shadow")
    await page.get_by_role("textbox", name="End of cue 1").fill("0:09")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_text("Saved.")).to_be_visible()


async def _choose_picture(page: Page) -> None:
    await page.get_by_role("tab", name="Picture").click()
    choose = page.get_by_role("button", name="Use the frame at 0:04.000")

    async def is_offered() -> bool:  # the player may open anew, for the new captions
        await page.evaluate("document.querySelector('course-video').currentTime = 4")
        return await choose.is_visible()

    await wait_until(is_offered, within_s=30)
    await choose.click()
    await expect(page.get_by_text("The picture is changed.")).to_be_visible()
    await page.screenshot(path=RESULTS / "studio-picture.png")


async def _watch(studio: Studio, video_id: str) -> None:
    page = await studio.open("ada", f"/watch/{video_id}")
    await until(page, f"{VIDEO}.readyState >= 2")
    await page.keyboard.press("c")
    await page.evaluate(f"{VIDEO}.play()")
    await expect(page.locator(".cue")).to_contain_text("Light & shadow")
    await until(page, f"{VIDEO}.currentTime > 2")
    await page.close()


async def test_a_film_is_replaced_under_its_id_and_saved(studio: Studio) -> None:
    await studio.furnish("swap", "Swap", tess="instructor")
    lesson = await studio.lesson("swap")
    page = await studio.open("tess", f"/studio/videos/{lesson['id']}?view=file")
    other = await studio.film("Second take.mp4", 4)
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name="Replace the file").click()
    await (await chooser.value).set_files(other)
    await page.get_by_role("dialog").get_by_role("button", name="Replace the file").click()

    await expect(page.locator(".facts")).to_contain_text("Second take.mp4")
    await expect(page.locator(".facts")).to_contain_text("0:04")
    assert lesson["id"] in page.url
    async with page.expect_download() as saving:
        await page.get_by_role("link", name="Download").click()
    saved = await saving.value
    assert saved.suggested_filename == "Second take.mp4"
    async with studio.serve.client("tess") as teacher:
        shown = await call(teacher, "GET", f"/api/v1/videos/{lesson['id']}")
    content = await asyncio.to_thread((await saved.path()).read_bytes)
    assert hashlib.sha256(content).hexdigest() == shown["sha256"]
