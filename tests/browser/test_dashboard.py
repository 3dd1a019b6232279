"""The dashboard in Chromium: its figures are the API's, follow reports live, and bar nobody."""

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import psycopg2
import pytest
import pytest_asyncio
from playwright.async_api import Page, ViewportSize, expect

from server.postgres.embedded import EmbeddedPostgres
from tests.browser.support.axe import violations_in_schemes
from tests.browser.support.pictures import take_picture
from tests.browser.support.studio import Studio, opened_studio
from tests.harness.serving import Serve, call
from tests.harness.waiting import wait_until

LENGTH_S = 60
WIDTHS = (390, 1280, 2560)
SETTLED = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))"
PAINTED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
COLOURS_OF_CANVAS = """(canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const found = new Set();
    for (let at = 0; at < data.length; at += 4)
        if (data[at + 3] === 255) found.add(`rgb(${data.slice(at, at + 3).join(', ')})`);
    return [...found];
}"""
# Everyone sees the beginning, most skip 20 to 30, three see 40 to 50 again and again.
VIEWERS: dict[str, list[list[list[float]]]] = {
    "ada": [[[0, 60]], [[40, 50]], [[40, 50]]],
    "bob": [[[0, 20], [30, 55]], [[40, 50]], [[38, 50]]],
    "cho": [[[0, 20], [30, 50]], [[42, 50]], [[40, 50]]],
    "dee": [[[0, 20], [30, 48]]],
    "eli": [[[0, 18], [32, 44]]],
    "fay": [[[0, 9]]],
}
QUALITY = {
    **{"stalls": 1, "stalled_ms": 150, "error": None},
    **{"bitrate": 2_400_000, "height": 720},
}
STARTUPS_MS = {"ada": 400, "eli": 1800, "fay": 5000}
STARTUPS_WITHIN = (
    ("0.5", "startups_within_500_ms"),
    ("1", "startups_within_1_s"),
    ("2", "startups_within_2_s"),
    ("4", "startups_within_4_s"),
    ("8", "startups_within_8_s"),
)
LIGHT_ACCENT, DARK_ACCENT = "rgb(12, 110, 102)", "rgb(79, 209, 193)"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
YESTERDAY = "UPDATE viewing_days SET day = day - %s WHERE day = current_date"
# As it was before: with a lower picture the longer ago, and nothing on the days between.
EARLIER = """
CREATE TEMP TABLE earlier ON COMMIT DROP AS SELECT * FROM quality_days WHERE day = current_date;
UPDATE earlier SET day = day - %(days)s, bits = bits * (20 - %(days)s) / 20,
    height_lines = height_lines * (30 - %(days)s) / 30, stalls = stalls + %(days)s;
INSERT INTO quality_days SELECT * FROM earlier;
"""
FAILED = """
INSERT INTO videos (id, course_id, module_id, title, original_filename, status, failure_code,
        failure_detail, duration_s, width, height, container, video_codec, mime_type, is_playable,
        original_size_bytes, uploaded_by)
    VALUES (gen_random_uuid(), 'optics', 'optics-m1', 'Lens grinding', 'l.mp4', 'failed',
        'undecodable', 'The file is damaged at 0:12.', 60, 320, 180, 'mp4', 'h264', 'video/mp4',
        true, 1000, 'tess')
"""
CROWD = """
INSERT INTO enrollments (course_id, user_id, role, created_at)
    SELECT 'crowd', 'student-' || n, 'student', now() + n * interval '1 second'
    FROM generate_series(1, 60) n
"""

SETTINGS = {"RENDITIONS": "none"}

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Taught:
    """A studio whose course has a lesson that is watched, and one that hardly is."""

    studio: Studio
    watched: Any
    lonely: Any

    async def watch(
        self, user_id: str, video: Any, *reports: list[list[float]], event: str = "progress"
    ) -> None:
        """Reports of one session, each of the intervals that were played since the last."""
        async with self.studio.serve.client(user_id) as student:
            path = f"/api/v1/videos/{video['id']}/playback"
            playback = await call(student, "POST", path, json={})
            for sequence, watched in enumerate(reports, playback["next_sequence"]):
                said = {
                    "session_id": playback["session_id"],
                    "sequence": sequence,
                    "position": watched[-1][1],
                    "watched": watched,
                    "event": event,
                    "quality": {**QUALITY, "startup_ms": STARTUPS_MS.get(user_id, 640)},
                }
                path = f"/api/v1/videos/{video['id']}/progress"
                await call(student, "PUT", path, json=said, headers={"User-Agent": FIREFOX})

    async def read(self, path: str) -> Any:
        async with self.studio.serve.client("root", "admin") as admin:
            return await call(admin, "GET", f"/api/v1/analytics/{path}")

    async def execute(self, sql: str, *parameters: Any) -> None:
        """With parameters by place, or one mapping of them by name."""
        await asyncio.to_thread(_execute, self.studio.serve, sql, parameters)


def _write_film(path: Path) -> None:
    """A film that changes all the time, of few frames: its length costs nothing."""
    source = f"testsrc2=size=320x180:rate=2:duration={LENGTH_S}"
    subprocess.run(
        [
            *("ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, "-c:v", "libx264", "-g", "4"),
            *("-preset", "ultrafast", "-pix_fmt", "yuv420p", "-movflags", "+faststart", str(path)),
        ],
        check=True,
        timeout=60,
    )


def _execute(serve: Serve, sql: str, parameters: tuple[Any, ...]) -> None:
    dsn = EmbeddedPostgres(serve.data_dir).dsn
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        named = len(parameters) == 1 and isinstance(parameters[0], dict)
        cursor.execute(sql, parameters[0] if named else parameters)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def taught(serving: Serve) -> AsyncIterator[Taught]:
    async with opened_studio(serving, serving.data_dir.parent) as studio:
        students = dict.fromkeys([*VIEWERS, "gus"], "student")
        await studio.furnish("optics", "Introduction to Optics", tess="instructor", **students)
        await studio.furnish("empty", "History of Optics", tess="instructor")
        await asyncio.to_thread(_write_film, studio.directory / "lesson.mp4")
        watched = await studio.lesson("optics")
        taught = Taught(studio, watched, await studio.lesson("optics"))
        await taught.execute(FAILED)
        for days, (user_id, reports) in enumerate(VIEWERS.items(), 1):
            await taught.watch(user_id, watched, *reports, event="stopped")
            await taught.read("courses/optics")  # the reports are added up
            await taught.execute(YESTERDAY, days * days)
        await taught.watch("ada", taught.lonely, [[0, 5]], event="stopped")
        await taught.read("courses/optics/quality")  # the reports are added up
        for days in (1, 2, 3, 6, 8):
            await taught.execute(EARLIER, {"days": days})
        yield taught


def _tile(page: Page, name: str) -> Any:
    named = page.get_by_text(name, exact=True)
    return page.locator(".tile").filter(has=named).locator("dd").first


async def test_figures_are_those_of_the_api_and_follow_a_report(taught: Taught) -> None:
    page = await taught.studio.open("tess", "/dashboard")
    card = page.locator(".figure-card", has_text="Introduction to Optics")
    figures = await taught.read("courses/optics")
    await expect(card.locator("dd").first).to_have_text(str(figures["active_now"]))
    await card.get_by_role("link").click()
    await page.get_by_text("All", exact=True).click()
    await _shows(page, figures)

    await taught.watch("gus", taught.watched, [[0, 60]])

    after = await taught.read("courses/optics")
    assert after["viewers"] == figures["viewers"] + 1
    assert (figures["active_now"], after["active_now"]) == (0, 1)
    await _shows(page, after)
    await expect(page.locator(".activity")).to_contain_text("gus")
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="gus"))
    await expect(row).to_contain_text("1 of 3")
    assert "period=all" in page.url


async def _shows(page: Page, figures: Any) -> None:
    await expect(_tile(page, "Watching now")).to_have_text(str(figures["active_now"]))
    await expect(_tile(page, "Viewers")).to_have_text(str(figures["viewers"]))
    await expect(_tile(page, "Sessions")).to_have_text(str(figures["sessions"]))
    await expect(_tile(page, "Completions")).to_have_text(str(figures["completions"]))
    minutes = round(figures["watched_seconds"] / 60)
    await expect(_tile(page, "Watched")).to_have_text(f"{minutes} min")
    for video in figures["videos"]:
        row = page.get_by_role("row").filter(has=page.locator(f"a[href$='{video['video_id']}']"))
        await expect(row.get_by_role("cell").first).to_have_text(str(video["viewers"]))


async def test_a_day_is_chosen_by_keys_and_all_are_a_table(taught: Taught) -> None:
    page = await taught.studio.open("tess", "/dashboard/courses/optics?period=week")
    chart = page.get_by_role("slider", name="Day by day")
    await chart.focus()
    await page.keyboard.press("Home")
    before = await chart.get_attribute("aria-valuetext")
    await page.keyboard.press("End")

    figures = await taught.read("courses/optics")
    last = figures["days"][-1]
    said = f"{last['viewers']} viewer"
    await expect(chart).to_have_attribute("aria-valuetext", _containing(said))
    assert before != await chart.get_attribute("aria-valuetext")
    await page.get_by_text("All", exact=True).click()
    await page.get_by_text("As a table").click()
    rows = page.locator(".chart__table tbody tr")
    await expect(rows).to_have_count(len(figures["days"]))
    await expect(rows.first.get_by_role("cell").first).to_have_text(str(last["viewers"]))


def _containing(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text))


async def test_the_curve_shows_each_second_with_its_picture(taught: Taught) -> None:
    page = await taught.studio.open("tess", f"/dashboard/videos/{taught.watched['id']}")
    curve = page.get_by_role("slider", name="Retention curve")
    picture = page.locator(".retention__now img")
    await expect(picture).to_be_visible()
    beginning = await picture.get_attribute("style")
    retention = (await taught.read(f"videos/{taught.watched['id']}"))["retention"]
    await expect(page.locator(".retention__figures")).to_contain_text(str(retention["viewers"][0]))

    await page.get_by_role("button", name="0:40–0:50").click()

    said = f"0:40: {retention['viewers'][40]} viewers, {retention['plays'][40]} plays"
    await expect(curve).to_have_attribute("aria-valuetext", said)
    assert await picture.get_attribute("style") != beginning
    await expect(page.get_by_role("button", name="0:20–0:30")).to_be_visible()
    await curve.press("ArrowRight")
    await expect(curve).to_have_attribute("aria-valuetext", _containing("0:41: "))

    box = await curve.bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + box["width"] - 24, box["y"] + box["height"] / 2)
    await page.mouse.move(box["x"] + box["width"] - 20, box["y"] + box["height"] / 2)
    last = f"{retention['viewers'][-1]} viewer"
    await expect(curve).to_have_attribute("aria-valuetext", _containing(last))


async def test_the_curve_is_seen_in_the_colours_of_the_system(taught: Taught) -> None:
    path = f"/dashboard/videos/{taught.watched['id']}"
    page = await taught.studio.open("tess", path, forced_colors="active")
    curve = page.locator(".chart canvas").first
    await expect(curve).to_be_visible()
    await page.evaluate(PAINTED)
    swatches = page.locator(".swatch")
    named = await swatches.evaluate_all(
        "all => all.map((o) => getComputedStyle(o).backgroundColor)"
    )

    assert len({*named}) == len(named) == 4
    assert {*named} <= {*await curve.evaluate(COLOURS_OF_CANVAS)}


async def test_charts_and_tables_fit_on_paper(taught: Taught) -> None:
    page = await taught.studio.open("tess", "/dashboard/courses/optics", color_scheme="dark")
    await expect(page.locator("main canvas").first).to_be_visible()
    await page.emulate_media(media="print")
    # Paper is narrower than the window that the chart was drawn for, and nothing is drawn anew.
    widths = await page.evaluate("""() => {
        const chart = document.querySelector('.chart');
        chart.style.width = '480px';
        return ['canvas', '.plot'].map((one) => chart.querySelector(one).clientWidth);
    }""")

    assert widths[0] <= widths[1]
    for name in (".masthead", ".skip", "main .button"):
        await expect(page.locator(name).first).to_be_hidden()
    share = page.locator("table .progress").first
    await expect(share).to_have_css("print-color-adjust", "exact")
    await expect(page.locator("body")).to_have_css("color", "rgb(18, 24, 27)")


async def test_charts_are_printed_in_the_light_colours(taught: Taught) -> None:
    page = await taught.studio.open("tess", "/dashboard/courses/optics", color_scheme="dark")
    chart = page.locator("main canvas").first
    await expect(chart).to_be_visible()
    await page.evaluate(PAINTED)
    on_screen = {*await chart.evaluate(COLOURS_OF_CANVAS)}
    # As Chromium does before it prints, and when it has printed.
    await page.evaluate("() => void dispatchEvent(new Event('beforeprint'))")
    on_paper = {*await chart.evaluate(COLOURS_OF_CANVAS)}
    await page.evaluate("() => void dispatchEvent(new Event('afterprint'))")

    assert DARK_ACCENT in on_screen
    assert LIGHT_ACCENT in on_paper
    assert DARK_ACCENT not in on_paper
    assert {*await chart.evaluate(COLOURS_OF_CANVAS)} == on_screen


async def test_a_curve_of_too_few_is_withheld_in_words(taught: Taught) -> None:
    page = await taught.studio.open("tess", f"/dashboard/videos/{taught.lonely['id']}")
    await expect(page.get_by_text("Too few viewers for a curve")).to_be_visible()
    await expect(page.get_by_role("slider", name="Retention curve")).to_have_count(0)
    await expect(_tile(page, "Viewers")).to_have_text("1")


# Before the tests that play in Chromium: a second browser, with one viewer, hides the first.
async def test_quality_is_that_of_the_api(taught: Taught) -> None:
    for path in ("courses/optics", f"videos/{taught.watched['id']}"):
        page = await taught.studio.open("tess", f"/dashboard/{path}?period=all")
        quality = page.get_by_role("region", name="How well it played")
        await expect(quality).to_be_visible()
        figures = await taught.read(f"{path}/quality")
        score, startup, stalled, errors, bitrate, height, sessions = _quality(figures["all"])
        await expect(_tile(page, "Startup score")).to_have_text(score)
        await expect(_tile(page, "Startup")).to_have_text(startup)
        await expect(_tile(page, "Time stalled")).to_have_text(stalled)
        await expect(_tile(page, "Sessions with errors")).to_have_text(errors)
        await expect(_tile(page, "Bitrate")).to_have_text(bitrate)
        await expect(_tile(page, "Picture")).to_have_text(height)
        await expect(_tile(page, "Measured sessions")).to_have_text(sessions)
        for bound, figure in STARTUPS_WITHIN:
            percent = 100 * figures["all"][figure] // figures["all"]["startups"]
            bar = quality.get_by_role("progressbar", name=f"Within {bound} s: {percent}%")
            await expect(bar).to_have_attribute("aria-valuenow", str(percent))
        for group, of, name in (
            ("Device", "desktop", "Computer"),
            ("Browser", "Firefox", "Firefox"),
        ):
            await quality.get_by_text(group, exact=True).first.click()
            shown = next(one for one in figures[f"{group.lower()}s"] if one["of"] == of)
            cells = quality.get_by_role("row", name=name).get_by_role("cell")
            await expect(cells).to_have_text(_quality(shown))


async def test_quality_over_time_is_that_of_the_api(taught: Taught) -> None:
    page = await taught.studio.open("tess", "/dashboard/courses/optics?period=all")
    chart = page.get_by_role("slider", name="Quality by day")
    days = (await taught.read("courses/optics/quality"))["days"]
    shown = days[-1]
    score, startup, stalled, _, bitrate, height, _ = _quality(shown)
    for metric, value in (
        ("Bitrate", bitrate),
        ("Picture", height),
        ("Startup", startup),
        ("Time stalled", stalled),
        ("Stalls", str(shown["stalls"])),
        ("Startup score", score),
    ):
        await page.locator(".quality__chart").get_by_text(metric, exact=True).click()
        await page.mouse.move(0, 0)  # over the chart it would choose a day, too
        await chart.press("End")
        await expect(chart).to_have_attribute("aria-valuetext", _containing(f": {metric} {value}"))

    for key in ("Home", *["ArrowRight"] * 4):  # eight days ago was one, four nothing
        await chart.press(key)
    await expect(chart).to_have_attribute("aria-valuetext", _containing("nothing measured"))
    await page.emulate_media(color_scheme="dark")
    await page.evaluate(SETTLED)
    await take_picture(page, "dashboard-quality-dark", full_page=True)


async def test_teachers_see_in_the_player_what_was_rewatched(taught: Taught) -> None:
    path = f"/watch/{taught.watched['id']}"
    page = await taught.studio.open("tess", path)
    await expect(page.locator("course-video .heat path")).to_be_attached()
    await page.locator("course-video .timeline").hover()
    await expect(page.locator("course-video .heat")).to_have_css("opacity", "1")
    await take_picture(page, "dashboard-heat")

    student = await taught.studio.open("fay", path)
    await expect(student.get_by_text("In this course")).to_be_visible()  # signed in
    asked: list[str] = []
    student.on("request", lambda request: asked.append(request.url))
    await student.reload()
    await expect(student.get_by_text("In this course")).to_be_visible()
    assert not [url for url in asked if "/analytics/" in url]
    await expect(student.locator("course-video .heat path")).to_have_count(0)


async def test_tables_are_saved_as_the_service_writes_them(taught: Taught) -> None:
    page = await taught.studio.open("tess", "/dashboard/courses/optics?period=all")
    for of, path in (("Lessons", "courses/optics"), ("Students", "courses/optics/students")):
        async with page.expect_download() as download:
            await page.get_by_role("button", name=f"CSV {of}").click()
        saved = (await (await download.value).path()).read_bytes()
        async with (
            taught.studio.serve.client("tess") as teacher,
            teacher.get(f"/api/v1/analytics/{path}", headers={"Accept": "text/csv"}) as answer,
        ):
            assert saved == await answer.read()


async def test_students_come_a_page_at_a_time(taught: Taught) -> None:
    await taught.studio.furnish("crowd", "A crowd", tom="instructor")
    await taught.execute(CROWD)
    page = await taught.studio.open("tom", "/dashboard/courses/crowd")
    students = page.get_by_role("region", name="Students")
    await expect(students.get_by_text("1–50")).to_be_visible()
    await students.get_by_role("button", name="Next page").click()
    await expect(students.get_by_text("51–60")).to_be_visible()
    await expect(students.get_by_role("rowheader").first).to_have_text("student-51")
    await expect(students.get_by_role("button", name="Next page")).to_be_disabled()
    await students.get_by_role("button", name="Previous page").click()
    await expect(students.get_by_role("rowheader").first).to_have_text("student-1")


async def test_students_are_sorted_and_lead_to_where_they_stopped(taught: Taught) -> None:
    page = await taught.studio.open("tess", "/dashboard/courses/optics?period=all")
    students = page.get_by_role("region", name="Students")
    by_name = students.get_by_role("columnheader", name="Student", exact=True)
    for sort, head, direction, said in (
        ("user_id", "Student", "asc", "ascending"),
        ("user_id", "Student", "desc", "descending"),
        ("watched_seconds", "Watched", "desc", "descending"),
        ("last_seen_at", "Last seen", "desc", "descending"),
        ("videos_completed", "Completed", "desc", "descending"),
    ):
        await students.get_by_role("button", name=head, exact=True).click()
        column = students.get_by_role("columnheader", name=head, exact=True)
        await expect(column).to_have_attribute("aria-sort", said)
        path = f"courses/optics/students?sort={sort}&direction={direction}"
        listed = (await taught.read(path))["items"]
        names = [student["user_id"] for student in listed]
        await expect(students.get_by_role("rowheader")).to_have_text(names)
    assert await by_name.get_attribute("aria-sort") is None

    dee = next(student for student in listed if student["user_id"] == "dee")
    assert (dee["stopped_in"], dee["stopped_at"]) == (taught.watched["id"], 48.0)
    await students.get_by_role("row", name="dee").get_by_role("cell").get_by_role("link").click()
    place = page.locator("course-video")
    await wait_until(lambda: place.evaluate("(player) => player.currentTime"), lambda at: at == 48)


def _quality(figures: Any) -> list[str]:
    """Score, startup, time stalled, sessions with errors, bitrate, height, sessions: as written."""

    def short(number: float, digits: int = 2) -> str:
        return f"{number:.{digits}f}".rstrip("0").rstrip(".")

    return [
        f"{figures['startup_score']:.0f}",
        f"{short(figures['startup_ms'] / 1000)} s",
        f"{short(100 * figures['stall_ratio'])}%",
        str(figures["sessions_with_errors"]),
        f"{short(figures['bitrate'] / 1e6, 1)} Mbit/s",
        f"{figures['height']:.0f} lines",
        str(figures["sessions"]),
    ]


async def test_a_help_desk_finds_a_session_and_its_cause(taught: Taught) -> None:
    """From the table of students to a session, by its user and day; the sentence is the API's."""
    path, zone = "/dashboard/courses/optics?period=all", "America/St_Johns"
    page = await taught.studio.open("tess", path, timezone_id=zone)
    await page.get_by_role("region", name="Students").get_by_role("link", name="bob").click()
    await expect(page.get_by_label("User")).to_have_value("bob")
    found = (await taught.read("sessions?user_id=bob"))["items"]
    links = page.get_by_role("rowheader").get_by_role("link")
    await expect(links).to_have_count(len(found))

    await expect(page.get_by_text(f"Times are those of {zone}.")).to_be_visible()
    await page.get_by_label("Day").fill("2020-01-01")
    await page.get_by_role("button", name="Find").click()
    await expect(page.get_by_text("Nothing was played")).to_be_visible()
    began = datetime.fromisoformat(found[0]["started_at"]).astimezone(ZoneInfo(zone))
    await page.get_by_label("Day").fill(f"{began:%Y-%m-%d}")
    began_at = f"{began:%H:%M}"
    await page.get_by_label("From").fill(began_at)
    await page.get_by_role("button", name="Find").click()
    await expect(page).to_have_url(re.compile(rf"[?&]time={quote(began_at, safe='')}"))
    await links.last.click()

    session = await taught.read(f"sessions/{found[0]['session_id']}?user_id=bob")
    await expect(page.get_by_role("heading", level=1)).to_have_text(found[0]["title"])
    verdict = page.get_by_role("region", name="Why it waited")
    await expect(verdict).to_have_text(session["sentence"])
    rows = page.get_by_role("region", name="What happened").locator("tbody tr")
    await expect(rows).to_have_count(len(session["timeline"]))
    await expect(rows.filter(has_text="Waited for 0.2 s")).to_have_count(1)
    await expect(_tile(page, "Waited")).to_have_text("1 ×, 0.2 s")


async def test_students_find_their_own_sessions_alone(taught: Taught) -> None:
    page = await taught.studio.open("fay", f"/watch/{taught.watched['id']}")
    await page.get_by_role("button", name="Your account").click()
    await page.get_by_role("link", name="Your playback sessions").click()
    await expect(page.get_by_role("rowheader")).to_have_count(1)
    await expect(page.get_by_label("User")).to_have_count(0)
    await page.get_by_role("rowheader").get_by_role("link").click()
    await expect(page.get_by_role("region", name="Why it waited")).to_be_visible()

    other = (await taught.read("sessions?user_id=bob"))["items"][0]["session_id"]
    await page.goto(f"{taught.studio.serve.url}/dashboard/sessions/{other}?user_id=bob")
    await expect(page.get_by_text("There is nothing here")).to_be_visible()


async def test_figures_that_failed_are_asked_for_again(taught: Taught) -> None:
    page = await taught.studio.open("tess", "/dashboard", locale="en")
    await expect(page.get_by_role("link", name="Introduction to Optics")).to_be_visible()
    figures = "**/api/v1/analytics/courses/optics?*"
    await page.route(figures, lambda route: route.fulfill(status=503, body="<html>A proxy"))
    await page.goto(f"{taught.studio.serve.url}/dashboard/courses/optics?period=week")
    await expect(page.get_by_text("The service is not available at the moment")).to_be_visible()

    await page.unroute(figures)

    await expect(page.get_by_text("Live", exact=True)).to_be_visible()


async def test_the_operator_sees_the_server_live(taught: Taught) -> None:
    page = await taught.studio.open("root", "/dashboard", "admin")
    await page.get_by_role("link", name="The server").click()
    server = await taught.read("server")
    await expect(_tile(page, "Reports stored")).to_have_text(str(server["reports_stored"]))
    await expect(page.get_by_text("The service is in order")).to_be_visible()
    problem = page.get_by_role("row", name="Lens grinding")
    await expect(problem).to_contain_text("The file is damaged at 0:12.")
    await expect(problem).to_contain_text("Copy it from the camera again")
    storage = page.get_by_role("row", name="Introduction to Optics")
    await expect(storage).to_contain_text("MB")
    await page.get_by_text("30 days", exact=True).click()
    first = (await taught.read("popular?days=30"))["items"][0]
    row = page.get_by_role("region", name="Most watched").get_by_role("row").nth(1)
    await expect(row.locator(f"a[href$='{first['video_id']}']")).to_be_visible()
    await expect(row.get_by_role("cell").first).to_have_text(str(first["viewers"]))

    await taught.watch("ada", taught.lonely, [[5, 6]])

    await expect(_tile(page, "Reports stored")).to_have_text(str(server["reports_stored"] + 1))
    await expect(page.get_by_role("slider", name="Bytes sent")).to_be_visible()


async def test_nothing_bars_anyone(taught: Taught) -> None:
    found: dict[str, list[str]] = {}

    async def look(page: Page, name: str) -> None:
        await page.evaluate("scrollTo(0, 0)")
        await page.evaluate(SETTLED)
        found[name] = await violations_in_schemes(page, f"dashboard-{name}")
        await _picture(page, f"dashboard-{name}")

    server = await taught.studio.open("root", "/dashboard/server", "admin", locale="de")
    page = await taught.studio.open("tess", "/dashboard")
    await expect(page.locator(".figure-card")).to_have_count(2)
    await expect(page.locator(".figure-card__figures[aria-busy=true]")).to_have_count(0)
    await look(page, "courses")
    await page.goto(f"{taught.studio.serve.url}/dashboard/courses/optics?period=month")
    await expect(page.get_by_role("rowheader", name="fay")).to_be_visible()
    await look(page, "course")
    await page.goto(f"{taught.studio.serve.url}/dashboard/videos/{taught.watched['id']}")
    await expect(page.locator(".strip img").first).to_be_visible()
    await page.get_by_role("button", name="0:40–0:50").click()
    await look(page, "video")
    session = (await taught.read("sessions?user_id=bob"))["items"][0]["session_id"]
    await page.goto(f"{taught.studio.serve.url}/dashboard/sessions?user_id=bob")
    await expect(page.get_by_role("rowheader").first).to_be_visible()
    await look(page, "sessions")
    await page.goto(f"{taught.studio.serve.url}/dashboard/sessions/{session}?user_id=bob")
    await expect(page.get_by_role("region", name="Why it waited")).to_be_visible()
    await look(page, "session")
    await expect(server.get_by_role("slider", name="Gesendete Bytes")).to_be_visible()
    await look(server, "server")
    await _look_at_what_is_not_there(taught, page, server, look)

    assert found == {state: [] for state in found}


async def _look_at_what_is_not_there(
    taught: Taught, page: Page, server: Page, look: Callable[[Page, str], Awaitable[None]]
) -> None:
    await page.goto(f"{taught.studio.serve.url}/dashboard/videos/{taught.lonely['id']}")
    await expect(page.get_by_text("Too few viewers", exact=True)).to_be_visible()
    await look(page, "withheld")
    await page.goto(f"{taught.studio.serve.url}/dashboard/courses/empty")
    await expect(page.get_by_text("Nobody is enrolled yet")).to_be_visible()
    await look(page, "empty")
    await page.goto(f"{taught.studio.serve.url}/dashboard/server")
    await expect(page.get_by_text("This page is for whoever runs")).to_be_visible()
    await look(page, "refused")
    await page.route("**/analytics/courses/**", lambda route: route.fulfill(status=503))
    await page.goto(f"{taught.studio.serve.url}/dashboard/courses/optics")
    await expect(page.get_by_role("button", name="Try again")).to_be_visible()
    await look(page, "failed")

    await server.goto(f"{taught.studio.serve.url}/dashboard/courses/none")
    await expect(server.get_by_role("heading", name="Hier ist nichts")).to_be_visible()
    await look(server, "missing")


async def _picture(page: Page, name: str) -> None:
    for width in WIDTHS:
        await page.set_viewport_size(ViewportSize(width=width, height=860))
        await page.evaluate(PAINTED)
        await take_picture(page, f"{name}-{width}", full_page=True)
        too_wide = await page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert not too_wide, f"{name} at {width}"
    await page.set_viewport_size(ViewportSize(width=1280, height=860))
