"""The pages in Chromium at 320 CSS px, as at 400 % on a laptop (WCAG 2.2, 1.4.10), where a course,
its module, its lesson and a student have names of one long word."""

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Page, ViewportSize, expect

from tests.browser.support.pictures import take_picture
from tests.browser.support.studio import Studio
from tests.harness.serving import call, report
from tests.programs.chromium import VIDEO, until

SETTINGS = {"RENDITIONS": "none"}
NARROW = ViewportSize(width=320, height=640)
TITLE = "Thermodynamik_und_Statistische_Mechanik_Vorlesung_03_final_v2_komprimiert_2026_Winter"
STUDENT = "the_longest_name_that_a_directory_of_a_university_may_give_03122"
ARABIC = "مقدمة في الفيزياء (1): السرعة!"
CAPTIONS = f"WEBVTT\n\n01:00:00.000 --> 01:00:01.000\n{TITLE}\n"
# What is read or pressed beyond the page, or beyond what cuts it off; not what scrolls in a strip.
CUT = """() => {
    const of = (root) => [...root.querySelectorAll('*')].flatMap(
        (one) => [one, ...(one.shadowRoot ? of(one.shadowRoot) : [])]);
    const above = (one) => one.parentElement ?? one.getRootNode().host ?? null;
    const isCut = (one) => {
        const { left, right } = one.getBoundingClientRect();
        let [from, to] = [0, innerWidth];
        for (let frame = above(one); frame; frame = above(frame)) {
            const { overflowX, clipPath } = getComputedStyle(frame);
            if (/auto|scroll/.test(overflowX) || clipPath !== 'none') return false;
            if (overflowX === 'visible') continue;
            const edge = frame.getBoundingClientRect();
            [from, to] = [Math.max(from, edge.left), Math.min(to, edge.right)];
        }
        return left < from - 1 || right > to + 1;
    };
    const isTight = (one) => one.matches('.cue input') && one.scrollWidth > one.clientWidth;
    return of(document.body)
        .filter((one) => one.matches('a, button, input, select, textarea, summary, h1, h2, h3, td'))
        .filter((one) => one.checkVisibility() && one.getBoundingClientRect().width > 1)
        .filter((one) => !one.matches('.skip, [type=radio]') && (isCut(one) || isTight(one)))
        .map((one) => one.outerHTML.slice(0, 120));
}"""
COVERED = """() => [...document.querySelectorAll('.masthead a')].filter((one) => {
    const { right, top, height } = one.getBoundingClientRect();
    return !one.contains(document.elementFromPoint(right - 2, top + height / 2));
}).map((one) => one.outerHTML)"""
# Text that is written from right to left and stands in the order of the English around it.
TURNED = """() => {
    const roots = [document.body, ...[...document.querySelectorAll('*')]
        .map((one) => one.shadowRoot).filter((root) => root)];
    const texts = (root) => {
        const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
        const found = [];
        while (walk.nextNode()) found.push(walk.currentNode);
        return found;
    };
    const isTurned = (one) => /(?<!\\u2068)مقدمة/.test(one.data) &&
        getComputedStyle(one.parentElement).direction !== 'rtl';
    return roots.flatMap(texts).filter((one) => isTurned(one))
        .map((one) => one.parentElement.outerHTML);
}"""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def video_id(studio: Studio) -> str:
    """A lesson of the course `long` that its student has begun."""
    await studio.furnish("long", TITLE, tess="instructor", **{STUDENT: "student"})
    lesson = await studio.lesson("long")
    async with studio.serve.client("root", "admin") as admin:
        module = {"title": TITLE, "position": 1}
        await call(admin, "PUT", "/api/v1/courses/long/modules/long-m1", json=module)
        path = f"/api/v1/videos/{lesson['id']}"
        await call(admin, "PATCH", path, json={"title": TITLE})
        for track in ("captions/en", "chapters"):
            await _send_track(admin, f"{path}/{track}")
    async with studio.serve.client(STUDENT) as student:
        playback = await call(student, "POST", f"{path}/playback", json={})
        await report(student, playback, lesson, 4)
    return str(lesson["id"])


async def _send_track(admin: aiohttp.ClientSession, path: str) -> None:
    async with admin.put(path, data=CAPTIONS) as answer:
        assert answer.status == 201


# Of each: its address, and what is there once all is.
STUDENTS_PAGES = {
    "home": ("/", ".hero"),
    "course": ("/?course=long", ".lesson"),
    "watch": ("/watch/{video}", "#lessons .lesson"),
    "own-sessions": ("/dashboard/sessions", "tbody"),
}
TEACHERS_PAGES = {
    "studio": ("/studio", ".course-card"),
    "outline": ("/studio/courses/long", ".lesson"),
    "people": ("/studio/courses/long?view=people", "tbody"),
    "students": ("/studio/courses/long?view=watched", "tbody"),
    "picture": ("/studio/videos/{video}", "figure"),
    "captions": ("/studio/videos/{video}?view=captions", ".cue"),
    "chapters": ("/studio/videos/{video}?view=chapters", ".cue"),
    "file": ("/studio/videos/{video}?view=file", ".facts"),
    "viewers": ("/studio/videos/{video}?view=watched", ".details"),
    "dashboard": ("/dashboard", ".figure-card"),
    "course-figures": ("/dashboard/courses/long", ".chart"),
    "video-figures": ("/dashboard/videos/{video}", ".tiles"),
}


@pytest.mark.parametrize("locale", ["en", "de"])
async def test_no_page_is_wider_than_a_narrow_window(
    studio: Studio, video_id: str, locale: str
) -> None:
    found = {}
    for user_id, pages in ((STUDENT, STUDENTS_PAGES), ("tess", TEACHERS_PAGES)):
        page = await studio.open(user_id, "/", viewport=NARROW, locale=locale)
        await expect(page.locator(".masthead .avatar")).to_be_visible()
        for name, (path, shown) in pages.items():
            await page.goto(f"{studio.serve.url}{path.format(video=video_id)}")
            await expect(page.locator(shown).first).to_be_visible()
            found[name] = await _faults(page)
            await take_picture(page, f"narrow-{name}-{locale}", full_page=True)
        await page.context.close()

    assert found == {name: [] for name in found}


async def _faults(page: Page) -> list[str]:
    await page.evaluate("document.fonts.ready.then(() => true)")
    if await page.evaluate("document.querySelector('course-video') !== null"):
        await until(page, f"{VIDEO}.readyState >= 1")
    await until(page, "!document.querySelector('.skeleton')")
    width = await page.evaluate("document.documentElement.scrollWidth")
    wide = [f"{width} px"] if width > NARROW["width"] else []
    cut, covered = await page.evaluate(CUT), await page.evaluate(COVERED)
    return [*wide, *cut, *covered]


async def test_a_page_with_tabs_begins_at_its_top(studio: Studio, video_id: str) -> None:
    path = f"/studio/videos/{video_id}?view=watched"
    page = await studio.open("tess", path, viewport=ViewportSize(width=320, height=320))
    await expect(page.get_by_role("tab", selected=True)).to_be_visible()
    await until(page, "document.querySelector('.tabs').scrollLeft > 0")

    assert await page.evaluate("scrollY") == 0


async def test_a_menu_that_opens_is_in_sight(studio: Studio, video_id: str) -> None:
    page = await studio.open("tess", "/studio/courses/long", viewport=NARROW)
    more = page.get_by_role("button", name=f"More about {TITLE}").last
    await more.evaluate("one => one.scrollIntoView({ block: 'end' })")
    await more.click()

    for item in await page.get_by_role("menuitem").all():
        await expect(item).to_be_in_viewport(ratio=1)


# The last one: it gives all another name.
async def test_titles_from_right_to_left_are_read_so(studio: Studio, video_id: str) -> None:
    chapters = f"WEBVTT\n\n00:00.000 --> 00:09.000\n{ARABIC}\n"
    async with studio.serve.client("root", "admin") as admin:
        course, video = "/api/v1/courses/long", f"/api/v1/videos/{video_id}"
        await call(admin, "PUT", course, json={"title": ARABIC})
        module = {"title": ARABIC, "position": 1}
        await call(admin, "PUT", f"{course}/modules/long-m1", json=module)
        await call(admin, "PATCH", video, json={"title": ARABIC})
        for track in ("captions/en", "chapters"):
            async with admin.put(f"{video}/{track}", data=chapters) as answer:
                assert answer.status == 200
    found = {}
    for user_id, pages in ((STUDENT, STUDENTS_PAGES), ("tess", TEACHERS_PAGES)):
        page = await studio.open(user_id, "/")
        await expect(page.locator(".masthead .avatar")).to_be_visible()
        for name, (path, shown) in pages.items():
            await page.goto(f"{studio.serve.url}{path.format(video=video_id)}")
            await expect(page.locator(shown).first).to_be_visible()
            if name == "watch":
                await until(page, f"{VIDEO}.readyState >= 1")
                await page.keyboard.press("t")
                await expect(page.locator(".panel .words")).to_have_text(ARABIC)
            await until(page, "!document.querySelector('.skeleton')")
            found[name] = await page.evaluate(TURNED)
        await page.close()

    assert found == {name: [] for name in found}
