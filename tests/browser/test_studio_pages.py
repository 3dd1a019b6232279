"""The studio's pages: a big course stays quick, keys do everything, nothing bars anyone."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import psycopg2
import pytest
from playwright.async_api import CDPSession, Page, Route, ViewportSize, expect

from server.postgres.embedded import EmbeddedPostgres
from tests.browser.support.axe import violations_in_schemes
from tests.browser.support.pictures import RESULTS, take_picture
from tests.browser.support.studio import Studio, drop
from tests.harness.serving import Serve, call, report
from tests.harness.waiting import wait_until
from tests.programs.chromium import until

LESSONS, STUDENTS = 200, 500
QUICK_MS = 200
WIDTHS = (390, 1280, 2560)
BIG_COURSE = f"""
INSERT INTO courses (id, title) VALUES ('big', 'A big course');
INSERT INTO modules (id, course_id, title, position)
    SELECT 'big-' || n, 'big', 'Module ' || n, n FROM generate_series(0, 9) n;
INSERT INTO enrollments (course_id, user_id, role)
    SELECT 'big', 'student-' || n, 'student' FROM generate_series(1, {STUDENTS}) n;
INSERT INTO enrollments (course_id, user_id, role) VALUES ('big', 'tess', 'instructor');
INSERT INTO videos (id, course_id, module_id, title, original_filename, status, processing_ratio,
        duration_s, width, height, container, video_codec, mime_type, is_playable,
        original_size_bytes, uploaded_by)
    SELECT gen_random_uuid(), 'big', 'big-' || n % 10, 'Lesson ' || n, 'lesson.mp4', 'ready', 1,
        60, 320, 180, 'mp4', 'h264', 'video/mp4', true, 1, 'tess'
    FROM generate_series(1, {LESSONS}) n;
INSERT INTO progress (user_id, video_id, course_id, position_s, position_at, watched_s,
        watched_ratio)
    SELECT 'student-' || n, id, 'big', 30, now(), 30, 0.5
    FROM generate_series(1, {STUDENTS}) n, videos
    WHERE course_id = 'big' AND (n + length(title) + ascii(right(title, 1))) % 10 = 0;
"""
FOUR_LESSONS = """
INSERT INTO videos (id, course_id, module_id, title, original_filename, status, processing_ratio,
        duration_s, width, height, container, video_codec, mime_type, is_playable,
        original_size_bytes, uploaded_by, created_at)
    SELECT gen_random_uuid(), 'rows', 'rows-m1', title, 'lesson.mp4', 'ready', 1,
        60, 320, 180, 'mp4', 'h264', 'video/mp4', true, 1, 'tess', now() + n * interval '1 ms'
    FROM unnest('{One,Two,Three,Four}'::text[]) WITH ORDINALITY lesson (title, n);
"""
COURSE_VIEWS = ("lessons", "people", "watched")
VIDEO_VIEWS = ("picture", "captions", "chapters", "file", "watched")
# The longest time from an input to the next paint, by the browser's own account.
MEASURING = """() => {
    globalThis.slowest = 0;
    new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) slowest = Math.max(slowest, duration);
    }).observe({ type: 'event', durationThreshold: 16 });
}"""
ROUNDS = 3
MOST_NODES = 12_000
SETTLED = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))"

SETTINGS = {"RENDITIONS": "none"}

pytestmark = pytest.mark.asyncio(loop_scope="module")


def _execute(serve: Serve, sql: str) -> None:
    dsn = EmbeddedPostgres(serve.data_dir).dsn
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(sql)


async def test_a_big_course_stays_quick(studio: Studio) -> None:
    await asyncio.to_thread(_execute, studio.serve, BIG_COURSE)
    page = await studio.open("tess", "/studio/courses/big?view=watched")
    await expect(page.get_by_text("Live")).to_be_visible(timeout=60_000)
    await expect(page.get_by_text(f"1–50 of {STUDENTS}")).to_be_visible()
    await page.evaluate(MEASURING)

    sort, search = page.get_by_label("Sort by"), page.get_by_label("Search")
    quick = Quickness(page, await page.context.new_cdp_session(page))
    await quick.see("sort", lambda: sort.press("ArrowDown"), lambda: sort.press("ArrowUp"))
    await quick.see("search", lambda: search.press("7"), lambda: search.press("Backspace"))
    await quick.see("page", _click(page, "Next page"), _click(page, "Previous page"))
    by_lesson, by_student = page.get_by_text("By lesson"), page.get_by_text("By student")
    await quick.see("view", by_lesson.click, by_student.click)
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Download CSV").click()
    table = (await (await download.value).path()).read_text("utf-8-sig").splitlines()
    assert len(table) == 1 + LESSONS * STUDENTS

    await page.get_by_role("tab", name="Lessons").click()
    await expect(page.locator(".lesson")).to_have_count(LESSONS)
    more = page.get_by_role("button", name="More about Lesson 10", exact=True)
    await quick.see("menu", more.click, lambda: page.keyboard.press("Escape"))
    await asyncio.to_thread(quick.keep)


@dataclass
class Quickness:
    """The cost of interactions: medians of processor time and of input to paint, in ms.

    The processor time is held to the bound, since other work on the machine is not in it; the time
    to the paint is reported.
    """

    page: Page
    devtools: CDPSession
    found: dict[str, dict[str, float]] = field(default_factory=dict)

    async def see(self, name: str, *acts: Callable[[], Awaitable[object]]) -> None:
        """Does the acts in turn, each of which changes the page."""
        await self.devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
        costs = [await self._measure(act) for _ in range(ROUNDS) for act in acts]
        processor, paint = (median(column) for column in zip(*costs, strict=True))
        nodes = await self.page.evaluate("document.getElementsByTagName('*').length")
        self.found[name] = {"processor": processor, "paint": paint, "nodes": nodes}
        assert 0 < processor < QUICK_MS, f"{name}: {costs}"
        assert nodes < MOST_NODES, f"{name}: {nodes} elements"

    def keep(self) -> None:
        RESULTS.mkdir(exist_ok=True)
        report = json.dumps(self.found, indent=1)
        (RESULTS / "studio-interactions.json").write_text(report)

    async def _measure(self, act: Callable[[], Awaitable[object]]) -> tuple[float, float]:
        before = await self._processor_ms()
        await self.page.evaluate("slowest = 0")
        await act()
        await self.page.evaluate(SETTLED)
        return await self._processor_ms() - before, await self.page.evaluate("slowest")

    async def _processor_ms(self) -> float:
        metrics = (await self.devtools.send("Performance.getMetrics"))["metrics"]
        spent_s = {one["name"]: one["value"] for one in metrics}["TaskDuration"]
        return float(1000 * spent_s)


def _click(page: Page, name: str) -> Callable[[], Awaitable[object]]:
    return page.get_by_role("button", name=name).click


async def test_a_long_list_of_people_leaves_its_buttons_in_sight(studio: Studio) -> None:
    await studio.furnish("long", "Long", tess="instructor")
    phone = ViewportSize(width=390, height=844)
    page = await studio.open("tess", "/studio/courses/long?view=people", viewport=phone)
    await page.get_by_role("button", name="Add people").click()
    people = [f"student-{number}" for number in range(60)]
    await page.get_by_role("dialog").get_by_role("textbox").fill("\n".join(people))

    await expect(page.get_by_role("button", name="Enrol 60 people")).to_be_in_viewport(ratio=1)


async def test_nobody_is_said_not_to_have_watched_before_it_is_known(studio: Studio) -> None:
    await studio.furnish("slow", "Slow", tess="instructor", ada="student")
    lesson = await studio.lesson("slow")
    page = await studio.open("tess", f"/studio/videos/{lesson['id']}?view=file")
    is_to_come = asyncio.Event()

    async def wait(route: Route) -> None:
        await is_to_come.wait()
        await route.continue_()

    await page.route("**/courses/slow/progress?*", wait)
    await page.get_by_role("tab", name="Who watched").click()
    await expect(page.get_by_text("0 rows loaded")).to_be_visible()
    await expect(page.locator(".details")).to_have_text("ada")
    is_to_come.set()
    await expect(page.get_by_text("Live", exact=True)).to_be_visible()
    await expect(page.locator(".details")).to_contain_text("Not started")


async def test_a_withdrawal_leaves_the_focus_at_the_list(studio: Studio) -> None:
    await studio.furnish("left", "Left", tess="instructor", ada="student", bob="student")
    page = await studio.open("tess", "/studio/courses/left?view=people")
    await page.get_by_role("button", name="Withdraw ada").press("Enter")
    await page.get_by_role("dialog").get_by_role("button", name="Withdraw").press("Enter")
    await expect(page.get_by_text("ada is withdrawn.")).to_be_visible()
    await expect(page.get_by_role("button", name="Withdraw ada")).to_have_count(0)

    await page.keyboard.press("Tab")

    await expect(page.get_by_role("button", name="Withdraw bob")).to_be_focused()


async def test_everything_can_be_done_by_keys(studio: Studio) -> None:
    await studio.furnish("keys", "By keys", tess="instructor", ada="student")
    page = await studio.open("tess", "/studio/courses/keys")
    press = page.keyboard.press

    await _tab_to(page, "New module")
    await press("Enter")
    await expect(page.get_by_role("textbox", name="Title")).to_be_visible()
    await _tab_to(page, "Title")
    await page.keyboard.type("Week 2")
    await press("Enter")
    await _tab_to(page, "Move Week 2: drag, or press the arrow keys")
    await press("ArrowUp")
    await expect(page.get_by_text("Week 2 is now 1 of 2.")).to_be_attached()
    await wait_until(lambda: _modules(studio, "keys"), lambda titles: titles[0] == "Week 2")
    assert await _focused(page) == "Move Week 2: drag, or press the arrow keys"
    await press("Tab")
    await press("Enter")
    await expect(page.get_by_role("menuitem", name="Rename")).to_be_focused()
    await press("Escape")
    assert await _focused(page) == "More about Week 2"

    await page.get_by_role("tab", name="Lessons").focus()
    await press("ArrowRight")
    await expect(page.get_by_role("tab", name="People")).to_be_focused()
    await _tab_to(page, "Add people")
    await press("Enter")
    await _tab_to(page, "One person a line: identifier, then the role if it is another one")
    await page.keyboard.type("grace")
    await _tab_to(page, "Enrol 1 person")
    await press("Enter")
    await expect(page.get_by_role("rowheader", name="grace")).to_be_visible()
    await _tab_to(page, "Withdraw grace")
    await press("Enter")
    await _tab_to(page, "Withdraw")
    await press("Enter")
    await _tab_to(page, "Undo")
    await press("Enter")
    await expect(page.get_by_role("rowheader", name="grace")).to_be_visible()


async def test_the_open_tab_stands_out_in_the_colours_of_the_system(studio: Studio) -> None:
    await studio.furnish("forced", "Forced", tess="instructor")
    page = await studio.open("tess", "/studio/courses/forced", forced_colors="active")
    await expect(page.get_by_role("tab", selected=True)).to_be_visible()
    edge = "all => all.map((one) => getComputedStyle(one).borderBlockEndColor)"
    opened, *closed = await page.get_by_role("tab").evaluate_all(edge)

    assert opened not in closed


async def test_a_lesson_comes_back_by_undo(studio: Studio) -> None:
    await studio.furnish("undo", "Undo", tess="instructor")
    await studio.lesson("undo")
    page = await studio.open("tess", "/studio/courses/undo")
    await page.get_by_role("button", name="More about lesson").click()
    await page.get_by_role("menuitem", name="Delete").click()
    await expect(page.locator(".lesson")).to_have_count(0)
    await page.get_by_role("button", name="Undo").click()
    await expect(page.locator(".lesson")).to_have_count(1)

    await page.get_by_role("button", name="More about Week 1").click()
    await page.get_by_role("menuitem", name="Delete module").click()
    await page.get_by_role("button", name="Delete module").click()
    await expect(page.locator(".module")).to_have_count(0)
    await page.get_by_role("button", name="Undo").click()
    await expect(page.locator(".lesson")).to_have_attribute("data-status", "ready")


async def test_modules_are_ordered_by_dragging(studio: Studio) -> None:
    await studio.furnish("drag", "Drag", tess="instructor")
    async with studio.serve.client("root", "admin") as admin:
        for number in (2, 3):
            path = f"/api/v1/courses/drag/modules/drag-m{number}"
            await call(admin, "PUT", path, json={"title": f"Week {number}", "position": number})
    page = await studio.open("tess", "/studio/courses/drag")

    grip = page.get_by_role("button", name="Move Week 3")
    await grip.drag_to(page.get_by_role("button", name="Move Week 1"))

    def is_moved(titles: list[str]) -> bool:
        return titles != ["Week 1", "Week 2", "Week 3"]

    stored = await wait_until(lambda: _modules(studio, "drag"), is_moved)
    assert stored == await page.locator(".module h2").all_inner_texts()


async def test_lessons_are_ordered_by_dragging_and_by_keys(studio: Studio) -> None:
    await studio.furnish("rows", "Rows", tess="instructor", ada="student")
    await asyncio.to_thread(_execute, studio.serve, FOUR_LESSONS)
    page = await studio.open("tess", "/studio/courses/rows")
    student = await studio.open("ada", "/?course=rows")
    await expect(student.locator(".lesson").first).to_contain_text("One")

    await page.get_by_role("button", name="Move Four").drag_to(page.get_by_text("One"))
    order = await wait_until(lambda: _lessons(studio, "rows"), lambda order: order[3] != "Four")
    assert await page.locator(".lesson__title").all_inner_texts() == order
    await page.get_by_role("button", name="Move Four").press("Home")  # moves nothing
    grip = page.get_by_role("button", name="Move One")
    for _ in range(4):
        await grip.press("ArrowDown")
    await expect(page.get_by_text("One is now 4 of 4.")).to_be_attached()
    assert await _focused(page) == "Move One: drag, or press the arrow keys"
    order = await wait_until(lambda: _lessons(studio, "rows"), lambda order: order[3] == "One")

    await expect(student.locator(".lesson").last).to_contain_text("One")
    await expect(page.locator(".lesson__title")).to_have_text(order)
    await page.reload()
    await expect(page.locator(".lesson__title")).to_have_text(order)


async def test_nothing_bars_anyone(studio: Studio) -> None:
    course = "axe"
    await studio.furnish(course, "Introduction to Optics", tess="instructor", ada="student")
    lesson = await studio.lesson(course)
    video = f"/studio/videos/{lesson['id']}"
    await _watch(studio, lesson)
    page = await studio.open("root", f"/studio/courses/{course}", "admin")
    found: dict[str, list[str]] = {}

    async def look(name: str) -> None:
        await page.evaluate(SETTLED)
        found[name] = await violations_in_schemes(page, f"studio-{name}")
        await _picture(page, f"studio-{name}")

    await expect(page.locator(".lesson")).to_be_visible()
    await look("course")
    await page.get_by_role("button", name="More about Week 1").click()
    await look("menu")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="New module").click()
    await page.get_by_role("button", name="Create").click()
    await look("dialog")
    await page.keyboard.press("Escape")
    damaged = studio.directory / "damaged.mp4"
    damaged.write_bytes(b"no film" * 100)
    await drop(page, page.get_by_role("region", name="Week 1"), [damaged])
    await expect(page.get_by_text("Export it as MP4")).to_be_visible()
    await look("uploads")
    await page.get_by_role("button", name="Clear finished").click()
    await _look_at_uploads(studio, page, look)
    await page.get_by_role("button", name="More about Week 1").click()
    await page.get_by_role("menuitem", name="Delete module").click()
    await look("confirm")
    await page.keyboard.press("Escape")

    await page.get_by_role("tab", name="People").click()
    await expect(page.get_by_role("rowheader", name="ada")).to_be_visible()
    await look("people")
    await page.get_by_role("button", name="Withdraw ada").click()
    await look("withdraw")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Add people").click()
    await page.get_by_role("dialog").get_by_role("textbox").fill("grace\nada,queen\na@b.example")
    await look("paste")
    await page.keyboard.press("Escape")
    await page.get_by_role("tab", name="Who watched").click()
    await page.get_by_role("button", name="ada").click()
    await look("watched-detail")
    await page.keyboard.press("Escape")
    await look("watched")

    for view in ("picture", "captions", "chapters", "file", "watched"):
        await page.goto(f"{studio.serve.url}{video}?view={view}")
        await expect(page.get_by_role("tabpanel")).to_be_visible()
        await until(page, "document.querySelector('course-video')?.media?.readyState >= 2")
        if view == "captions":
            await page.get_by_label("Add a language").select_option("en")
            await page.get_by_role("button", name="Add at").click()
            await expect(page.get_by_text("1 line has to be mended first")).to_be_visible()
        await look(f"lesson-{view}")

    await page.goto(f"{studio.serve.url}/studio")
    await expect(page.get_by_role("link", name="Introduction to Optics").first).to_be_visible()
    await look("courses")
    await page.goto(f"{studio.serve.url}/studio/courses/none")
    await expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()
    await look("missing")
    page = await studio.open("ada", "/studio")
    await expect(page.get_by_role("heading", name="The studio is for teachers")).to_be_visible()
    await look("refused")
    page = await studio.open("ada", f"/studio/courses/{course}")
    await expect(page.get_by_role("heading", name="You do not teach")).to_be_visible()
    await look("refused-course")

    assert found == {state: [] for state in found}


async def _look_at_uploads(
    studio: Studio, page: Page, look: Callable[[str], Awaitable[None]]
) -> None:
    """Uploads on their way, one that waits, one that was paused."""
    files = [await studio.film(f"part-{number}.mp4") for number in range(4)]

    async def keep_waiting(route: Route) -> None:
        """Answers no part of an upload, which stays on its way."""
        if route.request.method != "PATCH":
            await route.continue_()

    await page.route("**/api/v1/uploads/*", keep_waiting)
    await drop(page, page.get_by_role("region", name="Week 1"), files)
    await expect(page.locator(".job[data-state=sending]")).to_have_count(2)
    await expect(page.locator(".job[data-state=queued]")).to_have_count(2)
    await page.get_by_role("button", name="Pause part 3").click()
    await expect(page.locator(".job[data-state=paused]")).to_have_count(1)
    await look("uploads-running")
    for number in range(4):
        await page.get_by_role("button", name=f"Cancel part {number}").click()
    await expect(page.locator(".job")).to_have_count(0)
    await page.unroute_all(behavior="ignoreErrors")


@pytest.mark.parametrize("look", ["german", "rtl"])
async def test_the_studio_fits_german_and_right_to_left(studio: Studio, look: str) -> None:
    course = f"look-{look}"
    await studio.furnish(course, "Introduction to Optics", tess="instructor", ada="student")
    lesson = await studio.lesson(course)
    await _watch(studio, lesson)
    locale = "de-AT" if look == "german" else "en"
    page = await studio.open("root", "/studio", "admin", locale=locale)
    await expect(page.locator(".course-card").first).to_be_visible()  # signed in
    views = {
        "courses": "/studio",
        **{name: f"/studio/courses/{course}?view={name}" for name in COURSE_VIEWS},
        **{f"lesson-{name}": f"/studio/videos/{lesson['id']}?view={name}" for name in VIDEO_VIEWS},
    }
    for name, path in views.items():
        await page.goto(studio.serve.url + path)
        await expect(page.locator(".course-card, [role=tabpanel]").first).to_be_visible()
        if look == "rtl":
            await page.evaluate("document.documentElement.dir = 'rtl'")
        await page.evaluate(SETTLED)
        await _picture(page, f"studio-{look}-{name}")

    assert await page.evaluate("document.documentElement.lang") == locale[:2]


async def _picture(page: Page, name: str) -> None:
    height = 860
    for width in WIDTHS:
        await page.set_viewport_size(ViewportSize(width=width, height=height))
        await take_picture(page, f"{name}-{width}")
        too_wide = await page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert not too_wide, f"{name} at {width}"
    await page.set_viewport_size(ViewportSize(width=1280, height=height))


async def _watch(studio: Studio, lesson: Any) -> None:
    async with studio.serve.client("ada") as student:
        path = f"/api/v1/videos/{lesson['id']}/playback"
        playback = await call(student, "POST", path, json={})
        await report(student, playback, lesson, 4.0)


async def _modules(studio: Studio, course_id: str) -> list[str]:
    async with studio.serve.client("tess") as client:
        course = await call(client, "GET", f"/api/v1/courses/{course_id}")
    return [module["title"] for module in course["modules"]]


async def _lessons(studio: Studio, course_id: str) -> list[str]:
    async with studio.serve.client("ada") as client:
        course = await call(client, "GET", f"/api/v1/courses/{course_id}")
    return [video["title"] for video in course["modules"][0]["videos"]]


async def _focused(page: Page) -> str:
    name: str = await page.evaluate(
        """() => {
            const { activeElement: at } = document;
            return at.ariaLabel ?? at.labels?.[0]?.innerText ?? at.innerText.trim();
        }"""
    )
    return name


async def _tab_to(page: Page, name: str) -> None:
    """Presses Tab until what has that name has the focus."""
    for _ in range(60):
        await page.keyboard.press("Tab")
        if await _focused(page) == name:
            return
    raise AssertionError(f"no Tab leads to {name}")
