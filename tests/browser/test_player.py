"""The player in Chromium: what goes wrong around it, where it is embedded, and by which keys."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.support.axe import violations, violations_in_schemes
from tests.browser.support.pictures import RESULTS
from tests.browser.support.theatre import GRANT_TTL_S, Theatre, opened_theatre, play_on
from tests.harness.serving import Serve, call
from tests.harness.waiting import wait_until
from tests.programs.chromium import VIDEO, until

SLOW_BYTES_PER_S = 20_000
TOO_FAST, MANY_FRAMES = 16, 60  # no screen shows 400 pictures a second
PATIENCE_MS = 30_000
LISTENING = """() => {
    globalThis.heard = [];
    addEventListener('message', ({ data }) => heard.push(JSON.parse(data)));
    globalThis.tell = (method, value, listener) => document.querySelector('iframe').contentWindow
        .postMessage(JSON.stringify({ context: 'player.js', method, value, listener }), '*');
}"""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def theatre(serving: Serve) -> AsyncIterator[Theatre]:
    async with opened_theatre(serving, serving.data_dir.parent) as theatre:
        yield theatre


async def _play(page: Page) -> None:
    await page.evaluate(f"{VIDEO}.play()")
    await play_on(page)


@pytest.mark.parametrize("is_playing", [True, False], ids=["playing", "paused"])
async def test_a_seek_after_the_grant_ended_in_a_pause_goes_on_as_it_was(
    theatre: Theatre, is_playing: bool
) -> None:
    user_id = f"luncher-{is_playing}"
    page = await theatre.watch(user_id)
    await _play(page)
    await page.keyboard.press("k")
    await until(page, f"{VIDEO}.paused")
    await asyncio.sleep(GRANT_TTL_S + 1)  # the grant's own time: nothing tells that it is over

    if is_playing:
        await page.keyboard.press("k")
    await page.evaluate("document.querySelector('course-video').currentTime = 75")

    await until(page, f"!{VIDEO}.seeking && {VIDEO}.readyState >= 2 && {VIDEO}.currentTime >= 75")
    if is_playing:
        await play_on(page)
    else:
        assert await page.evaluate(f"{VIDEO}.paused") is True
        assert await page.evaluate(f"{VIDEO}.currentTime") == pytest.approx(75, abs=0.1)
    await expect(page.get_by_role("alert")).to_have_count(0)


async def test_a_seek_after_the_grant_was_renewed_goes_on(theatre: Theatre) -> None:
    page = await theatre.watch("diner")
    await _play(page)
    await page.keyboard.press("k")
    await until(page, f"{VIDEO}.paused")
    await asyncio.sleep(GRANT_TTL_S + 1)
    # No report shows the page that the new grant holds: a second renewal would be refused.
    await page.route("**/progress", lambda route: route.abort())

    async with page.expect_response("**/playback"):
        await page.keyboard.press("k")
    await page.evaluate("document.querySelector('course-video').currentTime = 75")

    await until(page, f"!{VIDEO}.seeking && {VIDEO}.readyState >= 2 && {VIDEO}.currentTime >= 75")
    await play_on(page)
    await expect(page.get_by_role("alert")).to_have_count(0)


async def test_withdrawal_while_watching_says_so(theatre: Theatre) -> None:
    page = await theatre.watch("leaver")
    await _play(page)

    async with theatre.serve.client("root", "admin") as admin:
        await admin.delete("/api/v1/courses/c1/enrollments/leaver")

    await expect(page.get_by_role("alert")).to_contain_text("no longer enrolled")
    await expect(page.get_by_role("button", name="Try again")).to_be_visible()
    assert await page.evaluate(f"{VIDEO}.paused") is True
    await page.screenshot(path=RESULTS / "withdrawn.png")


async def test_seconds_played_without_a_network_arrive_later(theatre: Theatre) -> None:
    page = await theatre.watch("traveller")
    await _play(page)
    await page.context.set_offline(True)
    left_at = await play_on(page, for_s=2)
    await page.context.set_offline(False)

    async def seen() -> Any:
        return (await theatre.progress("traveller"))["watched"]

    watched = await wait_until(seen, lambda pieces: pieces and pieces[-1][1] >= left_at)
    assert len(watched) == 1
    await play_on(page)


async def test_playing_goes_on_when_the_server_comes_back(theatre: Theatre) -> None:
    page = await theatre.watch("patient")
    await _play(page)
    theatre.serve.process.kill()
    theatre.serve.process.wait()
    await page.evaluate(f"{VIDEO}.currentTime = 70")
    await expect(page.locator(".line")).not_to_be_empty()
    await page.screenshot(path=RESULTS / "server-gone.png")
    await asyncio.to_thread(theatre.serve.start)

    await until(page, f"!{VIDEO}.paused && {VIDEO}.currentTime > 71", timeout_ms=45_000)
    await wait_until(
        lambda: theatre.progress("patient"), lambda seen: seen["position"] > 70, within_s=30
    )
    await expect(page.locator(".line")).to_be_empty()


async def test_the_element_plays_on_a_page_of_another_origin(theatre: Theatre) -> None:
    await theatre.enrol("embedded")
    page = await (await theatre.context()).new_page()
    await page.goto(f"{theatre.friend}/element/embedded")

    await until(page, f"{VIDEO}.readyState >= 2")
    await _play(page)

    await wait_until(lambda: theatre.progress("embedded"), lambda seen: seen["watched"])
    await page.get_by_role("button", name="Settings").click()
    await page.get_by_role("menuitem", name="Download").click()
    link = page.get_by_role("dialog").get_by_role("link", name="Open it there")
    await expect(link).to_have_attribute("href", f"{theatre.serve.url}/watch/{theatre.video_id}")
    await page.close()


async def test_what_a_page_sets_before_the_module_is_there_counts(theatre: Theatre) -> None:
    await theatre.enrol("quick")
    page = await (await theatre.context()).new_page()
    await page.goto(f"{theatre.friend}/early/quick")

    await until(page, f"{VIDEO}.readyState >= 2")
    assert await page.evaluate(f"{VIDEO}.playbackRate") == 1.5
    await page.close()


async def test_a_way_to_a_token_that_comes_after_the_module_opens_the_video(
    theatre: Theatre,
) -> None:
    await theatre.enrol("late")
    page = await (await theatre.context()).new_page()
    await page.goto(f"{theatre.friend}/late/late")

    await until(page, f"{VIDEO}.readyState >= 2")
    await page.close()


async def test_a_frame_is_played_by_messages(theatre: Theatre) -> None:
    await theatre.enrol("framed")
    page = await (await theatre.context()).new_page()
    await page.add_init_script(f"({LISTENING})()")
    await page.goto(f"{theatre.friend}/frame/framed")
    await until(page, "heard.some(({ event }) => event === 'ready')")

    await page.evaluate("tell('mute')")
    await page.evaluate("tell('addEventListener', 'timeupdate', 'mine')")
    await page.evaluate("tell('play')")
    await until(
        page, "heard.some(({ event, value }) => event === 'timeupdate' && value.seconds > 1)"
    )
    await page.evaluate(
        "tell('pause'); tell('setCurrentTime', 12); tell('getCurrentTime', null, 'x')"
    )

    await until(
        page, "heard.some(({ event, value }) => event === 'getCurrentTime' && value === 12)"
    )
    answer = await page.evaluate("heard.find(({ event }) => event === 'timeupdate')")
    assert answer["listener"] == "mine"
    assert answer["value"]["duration"] == pytest.approx(90, abs=0.5)


@pytest.mark.parametrize("kind", ["frame", "element"])
async def test_sites_that_are_not_named_cannot_embed(theatre: Theatre, kind: str) -> None:
    await theatre.enrol("victim")
    page = await (await theatre.context()).new_page()
    refusals: list[str] = []
    page.on("console", lambda message: refusals.append(message.text))

    await page.goto(f"{theatre.stranger}/{kind}/victim")

    wanted = "frame-ancestors" if kind == "frame" else "CORS"
    await wait_until(lambda: any(wanted in one for one in refusals))
    assert await page.evaluate("customElements.get('course-video')") is None


async def test_everything_can_be_done_by_keys(theatre: Theatre) -> None:
    page = await theatre.watch("typist")
    press = page.keyboard.press

    await press("k")
    await play_on(page)
    await press("k")
    for key, claim in (
        ("l", f"{VIDEO}.currentTime > 10"),
        ("j", f"{VIDEO}.currentTime < 10"),
        ("ArrowRight", f"{VIDEO}.currentTime > 5"),
        ("5", f"{VIDEO}.currentTime === 45"),
        ("m", f"{VIDEO}.muted"),
        ("m", f"!{VIDEO}.muted"),
        (">", f"{VIDEO}.playbackRate === 1.25"),
        ("<", f"{VIDEO}.playbackRate === 1"),
        ("Home", f"{VIDEO}.currentTime === 0"),
    ):
        await press(key)
        await until(page, claim)
    await press("c")
    await expect(page.locator(".cue")).to_contain_text("Line 0 of <b> text")
    await press("t")
    await expect(page.get_by_role("searchbox")).to_be_visible()
    await press("?")
    await expect(page.get_by_role("dialog")).to_contain_text("Play or pause")
    await press("Escape")
    await page.get_by_role("button", name="Settings").focus()
    await press("Enter")
    await expect(page.get_by_role("menuitem", name="Speed")).to_be_focused()
    await press("Enter")
    await press("End")
    await press("Enter")
    await until(page, f"{VIDEO}.playbackRate === 2")
    await press("Escape")
    await expect(page.get_by_role("menu")).to_be_hidden()

    await page.reload()
    await until(page, f"{VIDEO}.readyState >= 2")
    assert await page.evaluate(f"{VIDEO}.playbackRate") == 2
    await expect(page.get_by_role("searchbox")).to_be_visible()


async def test_fingers_jump_by_double_taps_and_far_by_a_swipe(theatre: Theatre) -> None:
    page = await theatre.watch("toucher", has_touch=True)
    surface = await page.locator(".surface").bounding_box()
    assert surface is not None
    left, y = surface["x"], surface["y"] + surface["height"] / 3
    at = [left + surface["width"] * share for share in (0.1, 0.5, 0.9)]
    touch = await page.context.new_cdp_session(page)

    async def drag(*xs: float) -> None:
        for number, x in enumerate(xs):
            kind = "touchMove" if number else "touchStart"
            points = [{"x": x, "y": y}]
            await touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        await touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    for x, second in ((at[2], 10), (at[0], 0)):
        await drag(x)
        await drag(x)
        await until(page, f"Math.abs({VIDEO}.currentTime - {second}) < 0.1")
    await drag(at[0], at[0] + 40, at[1])
    await until(page, f"{VIDEO}.currentTime > 30")
    assert await page.evaluate(f"{VIDEO}.paused")


async def test_a_search_in_the_transcript_leads_to_the_place(theatre: Theatre) -> None:
    page = await theatre.watch("searcher")
    await page.get_by_role("button", name="Transcript and chapters").click()

    await page.get_by_role("searchbox").fill("line 40")
    await page.get_by_role("button", name="Line 40").click()

    await until(page, f"{VIDEO}.currentTime >= 40")
    await expect(page.locator(".lines li")).to_have_count(1)


async def test_the_whole_transcript_is_printed(theatre: Theatre) -> None:
    page = await theatre.watch("printer")
    await page.get_by_role("button", name="Transcript and chapters").click()
    await expect(page.locator("course-video .lines")).to_be_visible()
    await page.emulate_media(media="print")
    hidden = await page.locator("course-video .lines").evaluate(
        "one => one.closest('.panel').clientHeight - one.scrollHeight"
    )

    assert hidden >= 0
    for name in (".masthead", ".skip", "course-video .bar", "course-video .big"):
        await expect(page.locator(name)).to_be_hidden()


async def test_nothing_bars_anyone(theatre: Theatre) -> None:
    page = await theatre.watch("axe")
    await expect(page.locator("#title")).to_be_visible()  # it comes after the picture
    found = {"open": await violations_in_schemes(page, "open")}
    await page.keyboard.press("c")
    await page.keyboard.press("t")
    found["panel"] = await violations_in_schemes(page, "panel")
    await page.get_by_role("button", name="Settings").click()
    found["menu"] = await violations_in_schemes(page, "menu")
    await page.keyboard.press("Escape")
    await page.keyboard.press("?")
    found["keys"] = await violations_in_schemes(page, "keys")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Settings").click()
    await page.get_by_role("menuitem", name="Download").click()
    await expect(page.get_by_role("dialog")).to_contain_text("no DRM")
    found["downloads"] = await violations_in_schemes(page, "downloads")
    await page.keyboard.press("Escape")
    async with theatre.serve.client("root", "admin") as admin:
        await admin.delete("/api/v1/courses/c1/enrollments/axe")
    await expect(page.get_by_role("alert")).to_be_visible()
    found["withdrawn"] = await violations_in_schemes(page, "withdrawn")

    assert found == {state: [] for state in found}


async def test_a_line_that_is_too_slow_is_named_in_a_sentence(theatre: Theatre) -> None:
    page = await theatre.watch("villager")
    await _play(page)
    network = await page.context.new_cdp_session(page)
    limits = {"offline": False, "latency": 0, "uploadThroughput": -1}
    slow = {**limits, "downloadThroughput": SLOW_BYTES_PER_S}
    await network.send("Network.emulateNetworkConditions", slow)

    await page.evaluate(f"{VIDEO}.currentTime = 60")

    line = page.locator(".line")
    await expect(line).to_contain_text("slow", timeout=PATIENCE_MS)
    await page.screenshot(path=RESULTS / "stall.png")
    assert await violations(page) == []
    usual = {**limits, "downloadThroughput": -1}
    await network.send("Network.emulateNetworkConditions", usual)
    await play_on(page)
    await expect(line).to_be_empty()


async def test_who_reads_german_hears_german(theatre: Theatre) -> None:
    page = await theatre.watch("leserin", locale="de-DE")
    await expect(page.locator("course-video .player")).to_have_attribute("lang", "de")
    await expect(page.get_by_role("button", name="Abspielen").first).to_be_visible()
    place = page.get_by_role("slider", name="Stelle im Video")
    await expect(place).to_have_attribute(
        "aria-valuetext", re.compile(r"^0 Sekunden von 1 Minute 30 Sekunden, .*0.% gesehen$")
    )
    await page.get_by_role("button", name="Einstellungen").click()
    await expect(page.get_by_role("menuitem", name="Geschwindigkeit")).to_be_visible()
    await page.get_by_role("menuitem", name="Herunterladen").click()
    await expect(page.get_by_role("dialog")).to_contain_text("Kopierschutz")
    await page.keyboard.press("Escape")
    async with theatre.serve.client("root", "admin") as admin:
        await admin.delete("/api/v1/courses/c1/enrollments/leserin")
    await expect(page.get_by_role("alert")).to_contain_text("nicht mehr eingeschrieben")
    await expect(page.get_by_role("button", name="Erneut versuchen")).to_be_visible()
    assert await violations(page) == []


@pytest.mark.parametrize(
    ("around", "button"), [("de", "Abspielen"), ("en", "Play"), ("fr", "Abspielen")]
)
async def test_the_element_speaks_as_the_page_around_it(
    theatre: Theatre, around: str, button: str
) -> None:
    await theatre.enrol(f"guest-{around}")
    page = await (await theatre.context(locale="de-DE")).new_page()
    await page.goto(f"{theatre.friend}/element/guest-{around}?lang={around}")

    await expect(page.get_by_role("button", name=button).first).to_be_visible()
    await page.close()


async def test_reports_carry_what_playing_was_like(theatre: Theatre) -> None:
    page = await theatre.watch("measured")
    async with page.expect_request(lambda one: one.url.endswith("/progress")) as asked:
        await _play(page)

    quality = (await asked.value).post_data_json["quality"]
    assert quality["startup_ms"] > 0
    assert (quality["stalls"], quality["height"]) == (0, 180)
    assert quality["network"] == await page.evaluate("navigator.connection.effectiveType")


async def test_a_device_that_does_not_keep_up_is_named_to_the_help_desk(theatre: Theatre) -> None:
    page = await theatre.watch("old-phone")
    await _play(page)
    await page.evaluate(f"{VIDEO}.playbackRate = {TOO_FAST}")
    dropped = f"{VIDEO}.getVideoPlaybackQuality().droppedVideoFrames"
    await until(page, f"{dropped} >= {MANY_FRAMES}")
    await page.evaluate(f"{VIDEO}.pause()")

    async with theatre.serve.client("old-phone") as client:
        [session] = (await call(client, "GET", "/api/v1/analytics/sessions"))["items"]
        path = f"/api/v1/analytics/sessions/{session['session_id']}"
        told = await wait_until(
            lambda: call(client, "GET", path), lambda told: told["cause"] is not None
        )
    assert told["cause"] == "viewer-device", told
    assert "the viewer's device did not keep up" in told["sentence"]


async def test_who_leaves_before_the_first_picture_is_a_session(theatre: Theatre) -> None:
    token = await theatre.enrol("quitter")
    page = await (await theatre.context()).new_page()
    await page.route("**/play/**/*.mp4", lambda _: asyncio.sleep(0))  # asked for, never answered
    async with page.expect_request("**/play/**/*.mp4"):
        await page.goto(f"{theatre.serve.url}/watch/{theatre.video_id}#token={token}")
    await page.goto("about:blank")

    async with theatre.serve.client("quitter") as client:
        found = await wait_until(
            lambda: call(client, "GET", "/api/v1/analytics/sessions"),
            lambda told: [one for one in told["items"] if one["quality"]],
        )
    (session,) = found["items"]
    assert session["quality"]["startup_ms"] is None
    assert session["quality"]["played_seconds"] == 0
    assert session["quality"]["has_error"] is False
