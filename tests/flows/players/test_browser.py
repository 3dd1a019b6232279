"""Pages as a student and an instructor see them in a real browser."""

import base64
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from PIL import Image
from playwright.async_api import (
    Browser,
    BrowserContext,
    FilePayload,
    Page,
    ViewportSize,
    expect,
)

from storage.samples import FRAME_RATE, read_frame_number, write_clock_mp4
from tests.harness.serving import call
from tests.harness.waiting import wait_until
from tests.programs.chromium import TIMEOUT_MS, VIDEO, open_chromium, until

DESKTOP = ViewportSize(width=1280, height=900)
PHONE = ViewportSize(width=390, height=844)
UPLOAD_TIMEOUT_MS = 60_000  # a worker that other tests keep busy

PAGE_WIDTH = "document.documentElement.scrollWidth"
DRAWN_FRAME = f"""() => {{
    const video = {VIDEO};
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    canvas.getContext('2d').drawImage(video, 0, 0);
    return canvas.toDataURL('image/png');
}}"""


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    async with open_chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def browser(chromium: Browser) -> AsyncIterator[Browser]:
    """Without a page of the tests before."""
    yield chromium
    for context in chromium.contexts:
        await context.close()


@pytest_asyncio.fixture(loop_scope="module")
async def context(browser: Browser) -> BrowserContext:
    context = await browser.new_context(viewport=DESKTOP)
    context.set_default_timeout(TIMEOUT_MS)
    expect.set_options(timeout=TIMEOUT_MS)
    return context


async def _open(context: BrowserContext, service: Any, path: str, token: str) -> Page:
    page = await context.new_page()
    await page.goto(f"{service.url}{path}#token={token}")
    return page


async def _watch(context: BrowserContext, service: Any, video_id: str, token: str) -> Page:
    page = await _open(context, service, f"/watch/{video_id}", token)
    await until(page, f"{VIDEO}.readyState >= 2")
    return page


async def _seek(page: Page, second: float) -> None:
    """Go there and wait until the frame of that second has been decoded."""
    await page.evaluate(f"{VIDEO}.currentTime = {second}")
    await until(page, f"!{VIDEO}.seeking && {VIDEO}.readyState >= 2")


async def _play(page: Page, for_s: float = 1.0) -> None:
    """Play until so many further seconds have been shown."""
    await page.evaluate(f"{VIDEO}.play()")
    start: float = await page.evaluate(f"{VIDEO}.currentTime")
    await until(page, f"{VIDEO}.currentTime >= {start + for_s}")


async def _shown_second(page: Page) -> float:
    picture: str = await page.evaluate(DRAWN_FRAME)
    png = base64.b64decode(picture.partition(",")[2])
    with Image.open(BytesIO(png)) as image:
        return read_frame_number(image) / FRAME_RATE


@pytest.mark.parametrize("which", [pytest.param(0, id="mp4"), pytest.param(1, id="webm")])
async def test_a_student_watches_and_seeks_to_the_second_sought(
    context: BrowserContext, service: Any, which: int
) -> None:
    video_id = service.videos[which]
    page = await _open(context, service, "/", service.student_token)

    await page.locator(f'.lesson a[href="/watch/{video_id}"]').click()
    await until(page, f"{VIDEO}?.readyState >= 2")
    await page.locator("course-video").focus()
    await page.keyboard.press("Space")
    await until(page, f"{VIDEO}.currentTime > 1")
    await page.evaluate(f"{VIDEO}.pause()")
    await _seek(page, 17.3)

    assert await _shown_second(page) == pytest.approx(17.3, abs=1.5 / FRAME_RATE)
    assert service.student_token not in page.url


async def test_a_reload_resumes_where_the_student_was(
    context: BrowserContext, service: Any
) -> None:
    page = await _watch(context, service, service.videos[0], service.student_token)
    await _play(page)
    await _seek(page, 17.3)
    await page.evaluate(f"{VIDEO}.pause()")
    left_at: float = await page.evaluate(f"{VIDEO}.currentTime")

    # At once: what the page sends while it goes must be enough.
    await page.reload()
    await until(page, f"{VIDEO}?.readyState >= 2 && !{VIDEO}.seeking")

    assert await page.evaluate(f"{VIDEO}.currentTime") == pytest.approx(left_at, abs=0.1)
    assert await _shown_second(page) == pytest.approx(left_at, abs=0.2)


async def test_another_tabs_progress_arrives_live(context: BrowserContext, service: Any) -> None:
    waiting = await _watch(context, service, service.videos[0], service.student_token)
    home = await _open(context, service, "/", service.student_token)
    playing = await _watch(context, service, service.videos[0], service.student_token)

    await _seek(waiting, 2)
    await _seek(playing, 20)
    await _play(playing)

    await expect(waiting.locator(".offer")).to_contain_text("in another tab")
    lesson = home.locator(f'[data-video="{service.videos[0]}"]')
    await expect(lesson).to_contain_text("at 0:2")
    await expect(home.get_by_role("link", name="Continue at 0:2")).to_be_visible()
    await waiting.get_by_role("button", name="Continue from 0:2").click()
    await until(waiting, f"{VIDEO}.currentTime >= 20")


async def test_an_instructor_sees_who_watches(browser: Browser, service: Any) -> None:
    classroom = await browser.new_context(viewport=DESKTOP)
    office = await browser.new_context(viewport=DESKTOP)
    instructor = await _open(office, service, "/", service.instructor_token)
    title = await instructor.locator(
        f'[data-video="{service.videos[0]}"] .lesson__title'
    ).inner_text()
    row = instructor.get_by_role("complementary").locator("li", has_text=title)
    student = await _watch(classroom, service, service.videos[0], service.student_token)

    await _seek(student, 8)
    await _play(student)

    await expect(row).to_contain_text("at 0:0")
    await student.close()
    await expect(row).to_contain_text("stopped")


async def test_an_upload_turns_ready_without_a_reload(
    context: BrowserContext, service: Any, tmp_path: Path
) -> None:
    write_clock_mp4(tmp_path / "Fresh from the camera.mp4", duration_s=2, size=(320, 180))
    studio = await _open(context, service, "/studio", service.instructor_token)
    home = await context.new_page()
    await home.goto(service.url)

    await studio.locator("main a[href*=course]").first.click()
    files = studio.locator("input[type=file]").first
    await files.set_input_files(tmp_path / "Fresh from the camera.mp4")

    lesson = home.locator(".lesson", has_text="Fresh from the camera")
    await expect(lesson).to_contain_text("Ready", timeout=UPLOAD_TIMEOUT_MS)
    await lesson.get_by_role("link").click()
    await until(home, f"{VIDEO}?.readyState >= 2")


async def test_a_refused_upload_is_explained(context: BrowserContext, service: Any) -> None:
    page = await _open(context, service, "/studio", service.instructor_token)

    await page.locator("main a[href*=course]").first.click()
    essay = FilePayload(name="essay.mp4", mimeType="video/mp4", buffer=b"Once upon a time")
    await page.locator("input[type=file]").first.set_input_files(essay)

    await expect(page.get_by_text("essay").first).to_be_visible()
    await expect(page.get_by_text("no video format").first).to_be_visible()


async def test_on_a_phone_nothing_scrolls_sideways(browser: Browser, service: Any) -> None:
    context = await browser.new_context(viewport=PHONE)
    stranger = await (await browser.new_context(viewport=PHONE)).new_page()
    await stranger.goto(f"{service.url}/watch/{service.videos[0]}")
    await stranger.locator("summary").click()
    assert await stranger.evaluate(PAGE_WIDTH) <= PHONE["width"]
    for who in ("student", "instructor"):
        token = service.token(who)
        home = await _open(context, service, "/", token)
        if who == "instructor":  # the student's pages are open still
            question = home.get_by_role("dialog")
            await expect(question).to_be_visible()
            assert await home.evaluate(PAGE_WIDTH) <= PHONE["width"]
            await question.get_by_role("button", name="Go on as").click()
        await expect(home.locator(".lesson").first).to_be_visible()
        watch = await _watch(context, service, service.videos[0], token)
        await expect(watch.locator("#lessons .lesson").first).to_be_visible()
        for page in (home, watch):
            assert await page.evaluate(PAGE_WIDTH) <= PHONE["width"]


async def test_without_a_token_the_page_says_how_to_get_one(
    context: BrowserContext, service: Any
) -> None:
    page = await context.new_page()

    await page.goto(service.url)

    await expect(page.locator("h1")).to_have_text("Please sign in")
    await expect(page.locator("main")).to_contain_text("course site")


async def test_a_refused_token_is_said_and_not_kept(context: BrowserContext, service: Any) -> None:
    dead = service.student_token[:-4] + "AAAA"
    page = await _open(context, service, "/", dead)

    await expect(page.locator("h1")).to_have_text("Your sign-in has ended")
    await page.reload()

    await expect(page.locator("h1")).to_have_text("Please sign in")


KEPT = "JSON.parse(localStorage.getItem('coursestream.viewer'))"


@pytest.mark.parametrize("where", ["in the same tab", "in a new tab"])
@pytest.mark.parametrize(("choice", "then"), [("Stay", "learner"), ("Go on as", "guest")])
async def test_a_link_that_would_change_who_is_signed_in_asks_first(
    context: BrowserContext, service: Any, where: str, choice: str, then: str
) -> None:
    page = first = await _open(context, service, "/", service.token("learner"))
    await until(page, f"{KEPT}?.userId === 'learner'")
    if where == "in a new tab":
        page = await _open(context, service, "/", service.token("guest"))
    else:
        await page.evaluate(
            "token => { location.hash = `#token=${token}`; }", service.token("guest")
        )

    question = page.get_by_role("dialog")
    await expect(question).to_contain_text("This link signs you in as guest. You are learner here.")
    assert "token=" not in page.url
    await question.get_by_role("button", name=choice).click()

    await expect(question).to_have_count(0)
    # Every page of the browser follows: there is one session.
    for each in (page, first):
        await expect(each.get_by_role("button", name=then)).to_be_visible()
    assert await page.evaluate(f"{KEPT}.userId") == then


async def test_a_session_outlives_its_page_and_signing_out_ends_it_everywhere(
    context: BrowserContext, service: Any
) -> None:
    page = await _open(context, service, "/", service.student_token)
    await expect(page.locator(".lesson").first).to_be_visible()
    await page.close()

    first, second = await context.new_page(), await context.new_page()
    for page in (first, second):
        await page.goto(service.url)
        await expect(page.locator(".lesson").first).to_be_visible()
    stored = await first.evaluate("JSON.stringify([localStorage, sessionStorage])")
    assert service.student_token.split(".")[2] not in stored

    await first.get_by_role("button", name="student").click()
    await first.get_by_role("button", name="Sign out").click()

    await expect(first.locator("h1")).to_have_text("You are signed out")
    await expect(second.locator("h1")).to_have_text("Please sign in")


async def test_who_signs_out_without_the_server_is_told_that_it_failed(
    context: BrowserContext, service: Any
) -> None:
    page = await _open(context, service, "/", service.student_token)
    await expect(page.locator(".lesson").first).to_be_visible()
    await context.set_offline(True)

    await page.get_by_role("button", name="student").click()
    await page.get_by_role("button", name="Sign out").click()

    await expect(page.locator(".toasts")).to_contain_text("You are still signed in")
    await expect(page.locator(".lesson").first).to_be_visible()
    await context.set_offline(False)


async def test_a_link_that_renews_who_is_signed_in_asks_nothing(
    context: BrowserContext, service: Any
) -> None:
    await _open(context, service, "/", service.student_token)
    page = await _open(context, service, "/", service.student_token)

    await expect(page.locator(".lesson").first).to_be_visible()
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_signing_in_leads_to_the_video_that_was_wanted(
    context: BrowserContext, service: Any
) -> None:
    bookmark = f"{service.url}/watch/{service.videos[0]}"
    page = await context.new_page()
    await page.goto(bookmark)
    await expect(page.locator("h1")).to_have_text("Please sign in")

    signed_in = await _open(context, service, "/", service.student_token)

    await signed_in.wait_for_url(bookmark)
    await until(signed_in, f"{VIDEO}?.readyState >= 2")


async def _make_video(service: Any, tmp_path: Path, title: str) -> str:
    """A further video of the first week, ready to watch; its id."""
    path = tmp_path / f"{title}.mp4"
    write_clock_mp4(path, duration_s=10, size=(320, 180))
    async with service.client("instructor") as client:
        form = aiohttp.FormData({"title": title})
        form.add_field("file", path.read_bytes(), filename=path.name)
        async with client.post("/api/v1/modules/demo-week-1/videos", data=form) as response:
            video: dict[str, Any] = await response.json()
        await wait_until(
            lambda: call(client, "GET", f"/api/v1/videos/{video['id']}"),
            lambda seen: seen["status"] == "ready",
            within_s=UPLOAD_TIMEOUT_MS / 1000,
        )
    return str(video["id"])


async def test_the_page_of_a_video_follows_what_becomes_of_it(
    context: BrowserContext, service: Any, tmp_path: Path
) -> None:
    mine = await _make_video(service, tmp_path, "Before")
    page = await _watch(context, service, mine, service.student_token)
    lesson = page.locator(f'#lessons [data-video="{mine}"] .lesson__title')
    await expect(lesson).to_have_text("Before")

    async with service.client("instructor") as client:
        await client.patch(f"/api/v1/videos/{mine}", json={"title": "After"})
        await expect(page.locator("#title")).to_have_text("After")
        await expect(page).to_have_title("After · coursestream")
        await expect(lesson).to_have_text("After")

        other = await _make_video(service, tmp_path, "A newcomer")
        await expect(page.locator("#lessons", has_text="A newcomer")).to_be_visible()
        await client.delete(f"/api/v1/videos/{other}")
        await expect(page.locator("#lessons")).not_to_contain_text("A newcomer")

        await client.delete(f"/api/v1/videos/{mine}")
        await expect(page.get_by_role("alert")).to_contain_text("deleted")
        await expect(lesson).to_have_count(0)
        await client.post(f"/api/v1/videos/{mine}/restore")
        await expect(page.get_by_role("alert")).to_have_count(0)
        await expect(lesson).to_have_text("After")
        await until(page, f"{VIDEO}.readyState >= 2")
        await _play(page)
        await expect(page.locator("#ratio")).to_contain_text("% seen")

        await client.delete(f"/api/v1/videos/{mine}")


async def test_a_student_who_is_enrolled_again_goes_on_without_a_reload(
    context: BrowserContext, service: Any
) -> None:
    enrollment = "/api/v1/courses/demo/enrollments/guest"
    async with service.client("instructor") as client:
        await client.put(enrollment, json={"role": "student"})
        page = await _watch(context, service, service.videos[0], service.token("guest"))
        await expect(page.locator("#lessons .lesson").first).to_be_visible()

        await client.delete(enrollment)
        await expect(page.get_by_role("alert")).to_contain_text("no longer enrolled")
        await client.put(enrollment, json={"role": "student"})

        await expect(page.get_by_role("alert")).to_have_count(0)
        await _play(page)
        await expect(page.locator("#ratio")).to_contain_text("% seen")


async def test_what_a_device_tells_that_was_offline_is_no_place_to_continue_from(
    context: BrowserContext, service: Any
) -> None:
    async with service.client("instructor") as client:
        enrollment = "/api/v1/courses/demo/enrollments/hiker"
        await client.put(enrollment, json={"role": "student"})
    video_id = service.videos[0]
    page = await _watch(context, service, video_id, service.token("hiker"))
    await _play(page)
    await expect(page.locator(".seen rect")).to_have_count(1)
    late = {"session_id": "tablet", "sequence": 1, "event": "progress", "delayed_s": 3600}

    async with service.client("hiker") as tablet:
        report = f"/api/v1/videos/{video_id}/progress"
        await tablet.put(report, json={**late, "position": 25, "watched": [[20, 25]]})
        await expect(page.locator(".seen rect")).to_have_count(2)
        await expect(page.locator(".offer")).to_be_hidden()

        now = {**late, "sequence": 2, "delayed_s": 0}
        await tablet.put(report, json={**now, "position": 27, "watched": []})
        await expect(page.locator(".offer")).to_contain_text("Continue from 0:27")


async def test_what_was_seen_on_another_device_shows_at_once(
    browser: Browser, service: Any
) -> None:
    async with service.client("instructor") as client:
        enrollment = "/api/v1/courses/demo/enrollments/commuter"
        await client.put(enrollment, json={"role": "student"})
    token, video_id = service.token("commuter"), service.videos[0]
    desk = await _watch(await browser.new_context(viewport=DESKTOP), service, video_id, token)
    phone = await _watch(await browser.new_context(viewport=PHONE), service, video_id, token)
    await expect(desk.locator("#lessons .lesson").first).to_be_visible()

    await _play(phone, for_s=3)

    await expect(desk.locator("#ratio")).to_contain_text("% seen")
    await expect(desk.locator(".seen rect")).to_have_count(1)


async def test_captions_and_chapters_are_shown(context: BrowserContext, service: Any) -> None:
    video_id = service.videos[0]
    srt = "1\n00:00:01,000 --> 00:00:03,000\n<i>Hello</i> & <script>all</script>\n"
    chapters = (
        "WEBVTT\n\n00:00.000 --> 00:10.000\nOne &lt; two\n\n00:10.000 --> 00:20.000\nThe rest\n"
    )
    async with service.client("instructor") as client:
        for what, text in (("captions/de-AT", srt), ("chapters", chapters)):
            async with client.put(f"/api/v1/videos/{video_id}/{what}", data=text) as answer:
                assert answer.status == 201
        page = await _watch(context, service, video_id, service.student_token)

        await page.get_by_role("button", name="Captions", exact=True).click()
        await _seek(page, 2)
        cue = page.locator(".cue")
        await expect(cue).to_have_text("Hello & <script>all</script>")
        await expect(cue.locator("i")).to_have_text("Hello")
        await page.get_by_role("button", name="Transcript and chapters").click()
        await page.get_by_role("button", name="Chapters", exact=True).click()
        await expect(page.locator(".lines li")).to_have_text(["0:00One < two", "0:10The rest"])
        await page.locator(".lines").get_by_role("button", name="The rest").click()
        await until(page, f"{VIDEO}.currentTime >= 10")

        await expect(page.locator(".lines [aria-current]")).to_contain_text("The rest")
        for what in ("captions/de-AT", "chapters"):
            await client.delete(f"/api/v1/videos/{video_id}/{what}")
