"""The pages in Chromium: at three widths, in both schemes, for everyone."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Page, Route, expect

from tests.browser.support.axe import violations, violations_in_schemes
from tests.browser.support.campus import COURSES, STUDENT, TEACHER, WIDTHS, Campus, opened_campus
from tests.browser.support.pictures import RESULTS, take_picture
from tests.harness.serving import Serve
from tests.harness.waiting import wait_until
from tests.programs.chromium import VIDEO, until
from tests.programs.web_build import DIST

PAGE_WIDTH = "document.documentElement.scrollWidth"
# Of what stands alone; links in running text are as high as their line.
SMALL_TARGETS = """() => [...document.querySelectorAll('button, summary, select, a.button')]
    .filter((one) => one.checkVisibility() && !one.closest('course-video'))
    .filter((one) => one.getBoundingClientRect().height < 43.5)
    .map((one) => one.outerHTML)"""
GROUND = "one => getComputedStyle(one).backgroundColor"
SYSTEM_GROUND = """() => {
    const probe = document.body.appendChild(document.createElement('i'));
    probe.style.background = 'Canvas';
    const ground = getComputedStyle(probe).backgroundColor;
    probe.remove();
    return ground;
}"""
PARTS_OF_PLAYER = """() => {
    const root = document.querySelector('course-video').shadowRoot;
    const of = (name) => getComputedStyle(root.querySelector(name));
    return { bar: of('.bar').backgroundColor, rail: of('.rail').outlineColor,
        icon: of('.row .icon').fill, played: of('.played').fill, seen: of('.seen').fill };
}"""
FIRST_SCRIPT_BYTES = 60 * 1024
FIRST_SCRIPTS = 5
SCRIPT = re.compile(r"/static/([\w.-]+\.js)")

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def campus(serving: Serve) -> AsyncIterator[Campus]:
    RESULTS.mkdir(exist_ok=True)
    async with opened_campus(serving, serving.data_dir.parent) as campus:
        yield campus


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _closing(campus: Campus) -> AsyncIterator[None]:
    """Each test begins without the pages of the last one."""
    yield
    for context in campus.browser.contexts:
        await context.close()


async def opened(campus: Campus, name: str, **options: Any) -> Page:
    """A page in one of its states, once all that it waits for is there."""
    begun = campus.videos["Newton’s laws in a lift"]
    path, user_id, shown = {
        "home": ("/", STUDENT, ".course-card"),
        "home-teacher": ("/", TEACHER, ".activity"),
        "course": ("/?course=physics", STUDENT, ".lesson"),
        "empty-course": ("/?course=seminar", STUDENT, ".state"),
        "no-courses": ("/", "newcomer", ".state"),
        "watch": (f"/watch/{begun}", STUDENT, "#lessons .lesson"),
        "watch-teacher": (f"/watch/{begun}", TEACHER, ".activity"),
        "sign-in": (f"/watch/{begun}", "", ".sign-in"),
        "missing": ("/nowhere", "", ".state"),
        "docs": ("/docs", "", ".call"),
    }[name]
    page = await campus.open(path, user_id, **options)
    await expect(page.locator(shown).first).to_be_visible()
    if name.startswith("watch"):
        await until(page, f"{VIDEO}.readyState >= 2")
    await page.evaluate("document.fonts.ready.then(() => true)")
    return page


PAGES = [
    "home",
    "home-teacher",
    "course",
    "empty-course",
    "no-courses",
    "watch",
    "watch-teacher",
    "sign-in",
    "missing",
    "docs",
]


@pytest.mark.parametrize("name", PAGES)
async def test_a_page_bars_nobody_at_any_width_in_any_scheme(campus: Campus, name: str) -> None:
    page = await opened(campus, name)
    found = {}
    for width, size in WIDTHS.items():
        await page.set_viewport_size(size)
        assert await page.evaluate(PAGE_WIDTH) <= size["width"], width
        assert await page.evaluate(SMALL_TARGETS) == [], width
        found[width] = await violations_in_schemes(page, f"{name}-{width}")

    assert found == {state: [] for state in found}


async def test_the_state_of_the_lesson_that_is_open_stands_out_from_its_row(
    campus: Campus,
) -> None:
    page = await opened(campus, "watch")
    row = page.locator("#lessons .lesson__row[aria-current]")
    await row.hover()

    grounds = [await part.evaluate(GROUND) for part in (row, row.locator(".chip"))]
    assert len({*grounds}) == 2


@pytest.mark.parametrize("name", ["home", "course", "watch"])
async def test_a_page_can_run_from_right_to_left(campus: Campus, name: str) -> None:
    page = await opened(campus, name)
    await page.evaluate("document.documentElement.dir = 'rtl'")

    for width, size in WIDTHS.items():
        await page.set_viewport_size(size)
        assert await page.evaluate(PAGE_WIDTH) <= size["width"], width
    await take_picture(page, f"{name}-rtl")
    brand = await page.locator(".brand").bounding_box()
    assert brand is not None
    assert brand["x"] > WIDTHS["wall"]["width"] / 2


@pytest.mark.parametrize("name", ["home", "watch", "sign-in", "missing", "docs"])
async def test_a_page_speaks_german(campus: Campus, name: str) -> None:
    page = await opened(campus, name, locale="de-AT")

    assert await page.evaluate("document.documentElement.lang") == "de"
    await expect(page.get_by_role("link", name="Start", exact=True)).to_be_visible()
    for width, size in WIDTHS.items():
        await page.set_viewport_size(size)
        assert await page.evaluate(PAGE_WIDTH) <= size["width"], width
    await take_picture(page, f"{name}-german")


async def test_the_player_is_drawn_in_the_colours_of_the_system(campus: Campus) -> None:
    page = await opened(campus, "watch", forced_colors="active")
    await take_picture(page, "watch-forced-colours")
    ground, link = await page.evaluate(SYSTEM_GROUND), page.locator(".masthead a[href='/']").last
    parts = await page.evaluate(PARTS_OF_PLAYER)

    assert parts["bar"] == ground
    assert len({ground, parts["rail"], parts["icon"]}) == 2, parts
    assert len({ground, parts["played"], parts["seen"]}) == 3, parts
    await page.goto(campus.serve.url)
    await expect(link).to_have_css("text-decoration-line", "underline")


async def test_language_and_scheme_are_chosen_by_keys_and_kept(campus: Campus) -> None:
    page = await opened(campus, "home")
    await page.get_by_role("button", name=STUDENT).focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("radio", name="Dark").focus()
    await page.keyboard.press("Space")
    await until(page, "document.documentElement.dataset.scheme === 'dark'")
    await until(page, "document.getAnimations().length === 0")  # colours go over into each other
    assert await violations(page) == []
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name=STUDENT)).to_be_focused()

    await page.keyboard.press("Enter")
    await page.get_by_label("Language").select_option("de")

    await expect(page.get_by_role("heading", name="Ihre Kurse")).to_be_visible()
    assert await page.evaluate("document.documentElement.dataset.scheme") == "dark"


async def test_home_goes_on_searches_and_filters(campus: Campus) -> None:
    page = await opened(campus, "home")
    await expect(page.get_by_role("link", name="Continue at 8:24")).to_be_visible()
    await expect(page.locator(".course-card")).to_have_count(len(COURSES))

    await page.get_by_role("searchbox").fill("perspective")
    await expect(page.get_by_role("status")).to_have_text("1 lesson found")
    await page.get_by_role("searchbox").fill("alchemy")
    await expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    await page.get_by_role("button", name="Show all lessons").click()
    await page.get_by_text("Completed", exact=True).first.click()
    await expect(page.locator(".lesson")).to_have_count(2)
    await page.get_by_text("All", exact=True).click()
    await page.get_by_role("link", name="Introduction to Cell Biology").click()
    await expect(page.locator("h1")).to_have_text("Introduction to Cell Biology")
    await page.go_back()
    await expect(page.locator(".course-card").first).to_be_visible()


async def test_a_course_begins_with_the_lesson_to_go_on_with(campus: Campus) -> None:
    page = await opened(campus, "course")
    hero = page.get_by_role("region", name="Newton’s laws in a lift")
    await expect(hero).to_contain_text("Week 1: Motion")
    await expect(hero.get_by_role("link", name="Continue at 8:24")).to_be_visible()

    teacher = await campus.open("/?course=physics", TEACHER)
    await expect(teacher.locator(".lesson").first).to_be_visible()
    await expect(teacher.locator(".hero")).to_have_count(0)


async def test_an_empty_course_says_so_once(campus: Campus) -> None:
    page = await opened(campus, "empty-course")
    await expect(page.get_by_text("This course has no lessons yet.")).to_have_count(1)


async def test_teachers_are_not_told_how_little_they_saw(campus: Campus) -> None:
    page = await opened(campus, "watch-teacher")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Newton’s laws in a lift")
    await expect(page.locator("#lessons .lesson")).to_have_count(3)
    await expect(page.get_by_text("% seen")).to_have_count(0)


async def test_courses_that_do_not_come_can_be_asked_for_again(campus: Campus) -> None:
    page = await (await campus.context()).new_page()
    await page.route("**/api/v1/courses?*", lambda route: route.fulfill(status=503, body="{}"))
    await page.goto(f"{campus.serve.url}/#token={campus.token(STUDENT)}")
    await expect(page.get_by_role("alert")).to_contain_text("could not be loaded")
    await page.unroute_all()

    await page.get_by_role("button", name="Try again").click()

    await expect(page.locator(".course-card").first).to_be_visible()


async def test_the_console_of_a_newcomer_stays_clean(campus: Campus) -> None:
    page = await (await campus.context()).new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(f"{page.url}: {message.text}"))
    page.on("pageerror", lambda error: said.append(f"{page.url}: {error}"))

    for path in ("/", "/studio", f"/watch/{campus.videos['The membrane']}", "/docs"):
        await page.goto(f"{campus.serve.url}{path}", wait_until="networkidle")
        await expect(page.locator(".sign-in, .call").first).to_be_visible()

    assert said == []


async def test_the_first_picture_waits_for_no_component(campus: Campus) -> None:
    scripts = set(SCRIPT.findall((DIST / "watch.html").read_text()))

    sizes = {name: (DIST / f"{name}.br").stat().st_size for name in scripts if _has_br(name)}

    assert len(scripts) <= FIRST_SCRIPTS
    assert sum(sizes.values()) <= FIRST_SCRIPT_BYTES
    assert not any("preact" in source for name in scripts for source in _sources_of(name))


async def test_the_terms_are_asked_for_before_the_modules_are_there(campus: Campus) -> None:
    """Once, and nothing else is asked of the service before the film is."""
    home = await campus.open("/", STUDENT)
    await expect(home.locator(".course-card").first).to_be_visible()
    page = await home.context.new_page()
    asked: list[str] = []
    page.on("request", lambda one: asked.append(f"{one.method} {urlsplit(one.url).path}"))
    terms = f"POST /api/v1/videos/{campus.videos['The membrane']}/playback"

    async def after_the_terms(route: Route) -> None:
        await wait_until(lambda: terms in asked)
        await route.continue_()

    await page.route(re.compile(r"/static/(watch|chunk)-\w+\.js"), after_the_terms)
    await page.goto(f"{campus.serve.url}/watch/{campus.videos['The membrane']}")
    await until(page, f"{VIDEO}.readyState >= 2")

    film = next(number for number, one in enumerate(asked) if one.endswith(".mp4"))
    calls = [one for one in asked[:film] if "/api/" in one]
    assert sorted(calls) == ["GET /api/v1/session", terms]
    assert asked.count(terms) == 1


def _has_br(name: str) -> bool:
    return (DIST / f"{name}.br").exists()


def _sources_of(name: str) -> list[str]:
    outputs = json.loads((DIST / "metafile.json").read_text())["outputs"]
    return list(outputs[f"dist/{name}"]["inputs"])
