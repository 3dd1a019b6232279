"""Writing in the studio that another teacher, the way back or an ended sign-in would have lost."""

import asyncio
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Dialog, Page, Route, expect

from tests.browser.support.studio import Studio
from tests.harness.serving import call
from tests.harness.waiting import wait_until

SETTINGS = {"RENDITIONS": "none"}

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def lesson(studio: Studio, request: pytest.FixtureRequest) -> Any:
    """A lesson of a course of its own, taught by tess and kim."""
    course_id = request.node.name.removeprefix("test_").replace("_", "-")[:40]
    await studio.furnish(course_id, "Optics", tess="instructor", kim="instructor")
    return await studio.lesson(course_id)


@pytest.mark.parametrize(
    ("answer", "kept"), [("Show theirs", "Of kim"), ("Replace theirs", "Of tess")]
)
async def test_captions_that_another_has_saved_are_asked_about(
    studio: Studio, lesson: Any, answer: str, kept: str
) -> None:
    await _caption(studio, lesson, "Before")
    page = await _captions(studio, "tess", lesson)
    await page.get_by_label("Text of cue 1").fill("Of tess")
    await _caption(studio, lesson, "Of kim")

    await page.keyboard.press("Control+s")

    await expect(page.get_by_role("heading", name="Someone else has saved")).to_be_visible()
    await page.get_by_role("button", name=answer).click()
    await expect(page.get_by_text("Not saved yet")).to_have_count(0)
    await expect(page.get_by_label("Text of cue 1")).to_have_value(kept)
    assert kept in await _said(studio, lesson)


async def test_lines_deleted_by_one_do_not_take_those_of_another_along(
    studio: Studio, lesson: Any
) -> None:
    await _caption(studio, lesson, "Before")
    page = await _captions(studio, "tess", lesson)
    await page.get_by_role("button", name="Delete cue 1").click()
    await _caption(studio, lesson, "Of kim")

    await page.keyboard.press("Control+s")

    await page.get_by_role("button", name="Show theirs").click()
    await expect(page.get_by_label("Text of cue 1")).to_have_value("Of kim")


async def test_an_editor_without_changes_follows_another(studio: Studio, lesson: Any) -> None:
    await _caption(studio, lesson, "Before")
    page = await _captions(studio, "tess", lesson)

    await _caption(studio, lesson, "Of kim")

    await expect(page.get_by_label("Text of cue 1")).to_have_value("Of kim")


async def test_what_is_typed_while_it_is_saved_stays(studio: Studio, lesson: Any) -> None:
    await _caption(studio, lesson, "Before")
    page = await _captions(studio, "tess", lesson)
    gate = asyncio.Event()

    async def hold(route: Route) -> None:
        if route.request.method == "PUT":
            await gate.wait()
        await route.continue_()

    await page.route("**/captions/en", hold)
    text = page.get_by_label("Text of cue 1")
    await text.fill("First")
    async with page.expect_response(lambda answer: answer.request.method == "PUT"):
        await page.keyboard.press("Control+s")
        await text.press_sequentially(", then more")
        gate.set()
    await expect(page.get_by_text("Saved.")).to_be_visible()

    await expect(text).to_have_value("First, then more")
    await expect(text).to_be_focused()
    await expect(page.get_by_text("Not saved yet")).to_be_visible()
    await page.keyboard.press("Control+s")
    await expect(page.get_by_text("Not saved yet")).to_have_count(0)
    assert "First, then more" in await _said(studio, lesson)
    await expect(text).to_be_focused()


async def test_going_back_asks_about_what_is_not_saved(studio: Studio, lesson: Any) -> None:
    await _caption(studio, lesson, "Before")
    page = await studio.open("tess", f"/studio/courses/{lesson['course_id']}")
    await page.locator(".lesson__title").click()
    await page.get_by_role("tab", name="Captions").click()
    text = page.get_by_label("Text of cue 1")
    await text.fill("Not yet")
    asked: list[str] = []

    async def stay(dialog: Dialog) -> None:
        asked.append(dialog.message)
        await dialog.dismiss()

    page.once("dialog", stay)
    await page.evaluate("history.back()")
    await wait_until(lambda: bool(asked))
    await expect(page).to_have_url(f"{studio.serve.url}/studio/videos/{lesson['id']}?view=captions")
    await expect(text).to_have_value("Not yet")

    page.once("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
    await page.evaluate("history.go(-2)")
    await expect(page.get_by_role("heading", level=2, name="Week 1")).to_be_visible()
    await page.evaluate("history.go(2)")
    await expect(text).to_have_value("Before")
    assert asked == ["Changes are not saved."]


async def test_an_ended_sign_in_takes_nothing_that_is_written(studio: Studio, lesson: Any) -> None:
    await _caption(studio, lesson, "Before")
    page = await _captions(studio, "tess", lesson, locale="en")
    text = page.get_by_label("Text of cue 1")
    await text.fill("Written in an hour")
    await page.context.clear_cookies()

    await page.keyboard.press("Control+s")

    await expect(page.get_by_text("Your sign-in has ended")).to_be_visible()
    await expect(text).to_have_value("Written in an hour")
    other = await page.context.new_page()
    await other.goto(f"{studio.serve.url}/#token={studio.serve.token('tess')}")
    await expect(other.get_by_role("heading", level=1, name="Your courses")).to_be_visible()
    await page.keyboard.press("Control+s")
    await expect(page.get_by_text("Not saved yet")).to_have_count(0)
    assert "Written in an hour" in await _said(studio, lesson)


async def test_a_new_title_undoes_nothing_of_another(studio: Studio, lesson: Any) -> None:
    course_id = lesson["course_id"]
    modules = f"/api/v1/courses/{course_id}/modules"
    async with studio.serve.client("kim") as kim:
        await call(kim, "PUT", f"{modules}/{course_id}-m2", json={"title": "Two", "position": 2})
        page = await studio.open("tess", f"/studio/courses/{course_id}")
        await expect(page.locator(".module")).to_have_count(2)
        order = {"modules": [f"{course_id}-m2", f"{course_id}-m1"]}
        await call(kim, "PUT", f"/api/v1/courses/{course_id}/order", json=order)

        await _rename(page, "Week 1", "Week one")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        assert await _titles(studio, course_id) == ["Two", "Week one"]

        async with kim.delete(f"{modules}/{course_id}-m2") as answer:
            assert answer.status == 204
        await _rename(page, "Two", "Week two")
    await expect(page.get_by_role("dialog")).to_contain_text("no longer there")
    assert await _titles(studio, course_id) == ["Week one"]


async def test_a_page_that_is_looked_at_again_shows_the_modules_of_another(
    studio: Studio, lesson: Any
) -> None:
    course_id = lesson["course_id"]
    page = await studio.open("tess", f"/studio/courses/{course_id}")
    await expect(page.locator(".module")).to_have_count(1)
    async with studio.serve.client("kim") as kim:
        path = f"/api/v1/courses/{course_id}/modules/{course_id}-m2"
        await call(kim, "PUT", path, json={"title": "Two", "position": 2})

    await page.evaluate("document.dispatchEvent(new Event('visibilitychange', {bubbles: true}))")

    await expect(page.locator(".module")).to_have_count(2)


async def _captions(studio: Studio, user_id: str, lesson: Any, **options: Any) -> Page:
    page = await studio.open(user_id, f"/studio/videos/{lesson['id']}?view=captions", **options)
    await expect(page.get_by_label("Text of cue 1")).to_have_value("Before")
    return page


async def _caption(studio: Studio, lesson: Any, text: str) -> None:
    """Captions of one line, by another teacher."""
    async with studio.serve.client("kim") as kim:
        path = f"/api/v1/videos/{lesson['id']}/captions/en"
        vtt = f"WEBVTT\n\n00:01.000 --> 00:02.000\n{text}\n"
        async with kim.put(path, data=vtt, headers={"Content-Type": "text/vtt"}) as answer:
            assert answer.status in (200, 201)


async def _said(studio: Studio, lesson: Any) -> str:
    path = f"/api/v1/videos/{lesson['id']}/captions/en"
    async with studio.serve.client("kim") as kim, kim.get(path) as answer:
        return await answer.text()


async def _rename(page: Page, module: str, title: str) -> None:
    await page.get_by_role("button", name=f"More about {module}").click()
    await page.get_by_role("menuitem", name="Rename").click()
    await page.get_by_label("Title").fill(title)
    await page.get_by_role("button", name="Save").click()


async def _titles(studio: Studio, course_id: str) -> list[str]:
    async with studio.serve.client("kim") as kim:
        course = await call(kim, "GET", f"/api/v1/courses/{course_id}")
    return [module["title"] for module in course["modules"]]
