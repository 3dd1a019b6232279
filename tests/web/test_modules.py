"""The decisions that the pages' modules make, run in the browser that makes them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, Route

from tests.harness.waiting import wait_until
from tests.programs.chromium import open_chromium
from tests.programs.web_build import WEB, transpiled_modules

ORIGIN = "http://localhost"  # a secure context, so that there are Web Locks
PAGE = """<!doctype html><script type="importmap">{"imports": {"idb": "/idb.js"}}</script>"""

FORGET = """() => new Promise((resolve) => {
    localStorage.clear();
    indexedDB.deleteDatabase('coursestream').onsuccess = resolve;
})"""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def context(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[BrowserContext]:
    modules = await asyncio.to_thread(transpiled_modules, tmp_path_factory)

    async def serve(route: Route) -> None:
        name = route.request.url.removeprefix(f"{ORIGIN}/")
        if name == "idb.js":
            path = WEB / "node_modules/idb/build/index.js"
        else:
            path = modules / name.removeprefix("web/")
        if path.is_file():
            await route.fulfill(path=path, content_type="text/javascript")
        else:
            await route.fulfill(body=PAGE, content_type="text/html")

    async with open_chromium() as browser:
        context = await browser.new_context()
        await context.route("**/*", serve)
        await context.clock.install(time=1_700_000_000)
        await context.clock.pause_at(1_700_000_100)
        yield context


@pytest_asyncio.fixture(loop_scope="module")
async def page(context: BrowserContext) -> AsyncIterator[Page]:
    """An empty page of the origin from which the modules come; its clock stands still."""
    page = await context.new_page()
    await page.goto(f"{ORIGIN}/")
    await page.evaluate(FORGET)
    yield page
    await page.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def intervals(context: BrowserContext) -> Page:
    page = await context.new_page()
    await page.goto(f"{ORIGIN}/")
    await page.evaluate(
        "import('/web/progress/intervals.ts').then((all) => Object.assign(globalThis, all))"
    )
    return page


# Intervals


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        pytest.param("union([])", [], id="union of nothing"),
        pytest.param("union([[0, 1]], [[1, 2]])", [[0, 2]], id="union of touching"),
        pytest.param("union([[4, 5], [0, 9]], [[2, 3]])", [[0, 9]], id="union of nested"),
        pytest.param("union([[3, 4]], [[0, 1]])", [[0, 1], [3, 4]], id="union sorts"),
        pytest.param("subtract([[0, 5]], [])", [[0, 5]], id="nothing taken"),
        pytest.param("subtract([[0, 5]], [[0, 5]])", [], id="all taken"),
        pytest.param("subtract([[0, 9]], [[0, 4]])", [[4, 9]], id="grown at the end"),
        pytest.param("subtract([[0, 9]], [[3, 4]])", [[0, 3], [4, 9]], id="hole"),
        pytest.param(
            "subtract([[0, 2], [5, 9]], [[1, 6], [8, 20]])", [[0, 1], [6, 8]], id="across pieces"
        ),
        pytest.param("tidy([[-1, 40.0004]], 40, 9)", [[0, 40]], id="within the video"),
        pytest.param("tidy([[-1, 40]], Infinity, 9)", [[0, 40]], id="of unknown length"),
        pytest.param("tidy([[1, 1.0001]], 40, 9)", [], id="sliver"),
        pytest.param("tidy([[1.23456, 2]], 40, 9)", [[1.235, 2]], id="milliseconds"),
        pytest.param(
            "tidy([[0, 1], [2, 9], [10, 11], [20, 25]], 40, 2)", [[2, 9], [20, 25]], id="longest"
        ),
    ],
)
async def test_intervals(intervals: Page, call: str, expected: list[list[float]]) -> None:
    assert await intervals.evaluate(call) == expected


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        pytest.param("intersect([[0, 5]], [])", [], id="nothing in common"),
        pytest.param("intersect([[0, 5]], [[5, 9]])", [], id="touching"),
        pytest.param("intersect([[0, 5], [7, 9]], [[3, 8]])", [[3, 5], [7, 8]], id="across"),
        pytest.param("widen([[1, 2], [3, 4]], 0.25)", [[0.75, 2.25], [2.75, 4.25]], id="apart"),
        pytest.param("widen([[1, 2], [3, 4]], 0.5)", [[0.5, 4.5]], id="joined"),
    ],
)
async def test_intervals_that_agree(
    intervals: Page, call: str, expected: list[list[float]]
) -> None:
    assert await intervals.evaluate(call) == expected


# Outbox: reports that are not acknowledged yet

OUTBOX = """async () => {
    const { Outbox } = await import('/web/progress/outbox.ts');
    const { ApiError } = await import('/web/service/client.ts');
    Object.assign(globalThis, { ApiError, sent: [], states: [], answers: [] });
    const post = async (report) => {
        sent.push(report);
        const answer = answers.shift() ?? { watched: [] };
        if (answer instanceof Error) throw answer;
        return answer;
    };
    const { listUnsent } = await import('/web/progress/unsent.ts');
    globalThis.server = 'http://localhost';
    globalThis.unsent = async () => {
        await outbox.saved;
        return (await listUnsent(server, 'ada')).flatMap(({ entries }) => entries);
    };
    globalThis.open = () => Outbox.open({ server, userId: 'ada', videoId: 'v', sessionId: 's' },
        post, (state) => states.push(state));
    globalThis.outbox = await open();
    globalThis.keep = (sequence, watched = []) =>
        outbox.keep({ session_id: 's', sequence, position: 1, watched, event: 'progress' });
}"""


@pytest_asyncio.fixture(loop_scope="module")
async def outbox(page: Page) -> Page:
    await page.evaluate(OUTBOX)
    return page


async def _sent(page: Page) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = await page.evaluate("sent")
    return sent


async def test_reports_leave_in_the_order_they_were_made(outbox: Page) -> None:
    await outbox.evaluate("() => { keep(0); keep(1); keep(2); return outbox.flush(); }")

    assert [report["sequence"] for report in await _sent(outbox)] == [0, 1, 2]
    assert await outbox.evaluate("unsent()") == []


async def test_an_outage_delays_a_report_and_the_report_says_by_how_much(outbox: Page) -> None:
    await outbox.evaluate("() => { answers.push(new ApiError(503)); keep(0); outbox.flush(); }")
    await outbox.clock.run_for(3_000)

    first, second = await _sent(outbox)
    assert first["delayed_s"] == 0
    assert 1 <= second["delayed_s"] <= 1.25
    assert await outbox.evaluate("outbox.size") == 0


async def test_retry_after_is_honoured(outbox: Page) -> None:
    await outbox.evaluate(
        "() => { answers.push(new ApiError(429, { retryAfterS: 20 })); keep(0); outbox.flush(); }"
    )
    await outbox.clock.run_for(19_000)
    assert len(await _sent(outbox)) == 1

    await outbox.clock.run_for(7_000)
    assert len(await _sent(outbox)) == 2


async def test_a_limit_slows_a_queue_down_and_keeps_its_order(outbox: Page) -> None:
    await outbox.evaluate(
        """() => {
            const limited = () => new ApiError(429, { retryAfterS: 3 });
            answers.push({ watched: [] }, limited(), limited(), { watched: [] });
            keep(0); keep(1); keep(2);
            outbox.flush();
        }"""
    )
    for _ in range(3):
        await outbox.evaluate("dispatchEvent(new Event('online'))")
    assert [report["sequence"] for report in await _sent(outbox)] == [0, 1]

    await outbox.clock.run_for(10_000)

    assert [report["sequence"] for report in await _sent(outbox)] == [0, 1, 1, 1, 2]
    assert await outbox.evaluate("unsent()") == []


@pytest.mark.parametrize(
    ("status", "kept"),
    [
        pytest.param(400, 0, id="never acceptable"),
        pytest.param(404, 0, id="video gone"),
        pytest.param(401, 1, id="signed out"),
        pytest.param(403, 1, id="withdrawn"),
    ],
)
async def test_a_refused_report_is_not_sent_again(outbox: Page, status: int, kept: int) -> None:
    await outbox.evaluate(
        f"() => {{ answers.push(new ApiError({status})); keep(0); outbox.flush(); }}"
    )
    await outbox.clock.run_for(120_000)

    assert len(await _sent(outbox)) == 1
    assert await outbox.evaluate("outbox.size") == kept


async def test_a_full_outbox_forgets_places_but_no_watched_second(outbox: Page) -> None:
    size, oldest = await outbox.evaluate(
        """async () => {
            for (let i = 0; i < 70; i += 1) keep(i, [[i, i + 1]]);
            return [outbox.size, (await unsent())[0]];
        }"""
    )

    assert size == 64
    assert oldest["report"]["sequence"] == 6
    assert oldest["report"]["watched"] == [[0, 7]]


async def test_a_full_outbox_keeps_the_rate_at_which_seconds_were_played(outbox: Page) -> None:
    rate = await outbox.evaluate(
        """async () => {
            for (let i = 0; i < 70; i += 1)
                outbox.keep({ sequence: i, watched: [], rate: i === 0 ? 4 : 1 });
            return (await unsent())[0].report.rate;
        }"""
    )

    assert rate == 4


async def test_reports_outlive_their_page(outbox: Page) -> None:
    assert await outbox.evaluate(
        """async () => {
            keep(4); keep(5);
            await outbox.saved;
            const next = await open();
            return [next.size, next.nextSequence];
        }"""
    ) == [2, 6]


async def test_last_words_of_a_page_join_what_it_had_stored(outbox: Page) -> None:
    sequences = await outbox.evaluate(
        """async () => {
            keep(0);
            await outbox.saved;
            keep(1);
            outbox.beacon('/nowhere');  // and the page is gone before the database has it
            const words = () => Object.keys(localStorage)
                .filter((key) => key.startsWith('coursestream.unsent/')).length;
            const left = words();
            const kept = (await unsent()).map(({ report }) => report.sequence);
            return [left, kept, words()];
        }"""
    )

    assert sequences == [1, [0, 1], 0]


async def test_reports_older_than_the_server_takes_are_forgotten(outbox: Page) -> None:
    ages = await outbox.evaluate(
        """async () => {
            const { saveUnsent } = await import('/web/progress/unsent.ts');
            const dayMs = 24 * 3600 * 1000;
            const entry = (days) =>
                ({ madeAtMs: Date.now() - days * dayMs, report: { sequence: days } });
            const place = { server, userId: 'ada', videoId: 'v', sessionId: 's' };
            await saveUnsent({ ...place, entries: [entry(31), entry(29)] });
            const next = await open();
            return [next.size, next.nextSequence];
        }"""
    )

    assert ages == [1, 30]


async def test_web_storage_tells_at_once_whether_reports_wait(outbox: Page) -> None:
    """The script that asks for the terms before all else cannot look into IndexedDB."""
    marks = await outbox.evaluate(
        """async () => {
            const marks = () => Object.keys(localStorage)
                .filter((key) => key.startsWith('coursestream.unsent')).length;
            const { saveUnsent, listUnsent } = await import('/web/progress/unsent.ts');
            const place = { server, userId: 'ada', videoId: 'v', sessionId: 's' };
            const entries = [{ madeAtMs: Date.now(), report: { sequence: 0 } }];
            const found = [marks()];
            await saveUnsent({ ...place, entries });
            found.push(marks());
            await saveUnsent({ ...place, entries: [] });
            found.push(marks());
            localStorage.setItem('coursestream.unsent:of a page that was killed', 'true');
            await listUnsent(server, 'ada');
            return [...found, marks()];
        }"""
    )

    assert marks == [0, 1, 0, 0]


async def test_leftovers_are_delivered_unless_a_living_page_owns_them(outbox: Page) -> None:
    delivered = await outbox.evaluate(
        """async () => {
            const { deliverLeftovers } = await import('/web/progress/leftovers.ts');
            const { claim } = await import('/web/playback/ownership.ts');
            keep(0);
            await outbox.saved;
            const delivered = [];
            const viewer = (userId) => ({ server, userId });
            const report = async (videoId, { sequence }) => delivered.push([videoId, sequence]);
            await claim('s');
            await deliverLeftovers(viewer('ada'), report);
            const whileOwned = delivered.length;
            await deliverLeftovers(viewer('other'), report);
            await deliverLeftovers(viewer('ada'), report, 's');
            return { whileOwned, delivered, left: (await unsent()).length };
        }"""
    )

    assert delivered == {"whileOwned": 0, "delivered": [["v", 0]], "left": 0}


LEFTOVERS = """async (refusals) => {
    const { deliverLeftovers } = await import('/web/progress/leftovers.ts');
    keep(0); keep(1); keep(2);
    await outbox.saved;
    const viewer = (userId) => ({ server, userId });
    globalThis.tried = [];
    globalThis.isOver = false;
    const report = async (videoId, { sequence }) => {
        tried.push(sequence);
        if (sequence === 1 && refusals-- > 0) throw new ApiError(429, { retryAfterS: 5 });
    };
    deliverLeftovers(viewer('ada'), report).then(() => (isOver = true));
}"""


@pytest.mark.parametrize(
    ("refusals", "tried", "left"),
    [
        pytest.param(2, [0, 1, 1, 1, 2], 0, id="only-slower"),
        pytest.param(1000, [0] + [1] * 10, 2, id="kept-for-the-next-page"),
    ],
)
async def test_leftovers_that_meet_the_limit_wait_for_retry_after(
    outbox: Page, refusals: int, tried: list[int], left: int
) -> None:
    await outbox.evaluate(LEFTOVERS, refusals)
    await _has_tried(outbox, [0, 1])
    await outbox.clock.run_for(4_000)
    await _has_tried(outbox, [0, 1])

    await outbox.clock.run_for(120_000)

    await _has_tried(outbox, tried)
    assert len(await outbox.evaluate("unsent()")) == left


async def _has_tried(page: Page, expected: list[int]) -> None:
    """Waits for the browser's database, for which the clock of the page does not stand still."""
    await wait_until(lambda: page.evaluate("tried"), lambda tried: tried == expected)


# Playback: grants and sequence numbers

PLAYBACK = """async (kept) => {
    const { openPlayback } = await import('/web/playback/playback.ts');
    const { ApiError } = await import('/web/service/client.ts');
    globalThis.opened = [];
    const api = { openPlayback: async (videoId, sessionId) => {
        opened.push(sessionId ?? null);
        return { grant: `g${opened.length}`, session_id: sessionId ?? 'new', next_sequence: 3,
            expires_at: '2100-01-01T00:00:00Z' };
    } };
    globalThis.playback = await openPlayback(api, { userId: 'ada', videoId: 'v' }, kept);
}"""


async def test_a_dead_grant_is_replaced_once_for_all_who_notice(page: Page) -> None:
    await page.evaluate(PLAYBACK, None)

    await page.evaluate(
        """() => {
            playback.confirm();
            return Promise.all([playback.renew('g1'), playback.renew('g1')])
                .then(() => playback.renew('g1'));
        }"""
    )

    assert await page.evaluate("[playback.grant, opened]") == ["g2", [None, "new"]]


async def test_a_grant_that_never_worked_is_not_replaced(page: Page) -> None:
    await page.evaluate(PLAYBACK, None)

    status = await page.evaluate("playback.renew('g1').catch((error) => error.status)")

    assert status == 403
    assert await page.evaluate("opened") == [None]


@pytest.mark.parametrize(
    ("kept", "first"),
    [
        pytest.param(None, 3, id="new session"),
        pytest.param({"session_id": "mine", "next_sequence": 9}, 9, id="the page knows more"),
        pytest.param({"session_id": "mine", "next_sequence": 1}, 3, id="the server knows more"),
    ],
)
async def test_a_session_never_uses_a_number_twice(
    page: Page, kept: dict[str, Any] | None, first: int
) -> None:
    await page.evaluate(PLAYBACK, kept)

    taken = await page.evaluate("[playback.takeSequence(), playback.takeSequence()]")

    assert taken == [first, first + 1]
    stored = await page.evaluate(
        "JSON.parse(sessionStorage.getItem('coursestream.playback/ada/v'))"
    )
    assert stored["next_sequence"] == first + 2


# Reporter: what was really watched

REPORTER = """async (readyState) => {
    const { Reporter } = await import('/web/progress/reporter.ts');
    const video = new EventTarget();
    const ranges = (pairs) => ({
        length: pairs.length, start: (i) => pairs[i][0], end: (i) => pairs[i][1] });
    Object.assign(video, { played: ranges([]), currentTime: 0, paused: true, ended: false,
        playbackRate: 1, readyState, seeking: false });
    globalThis.reports = [];
    globalThis.beacons = 0;
    const playback = { sessionId: 's', terms: { duration: 40, report_interval: 5 },
        takeSequence: () => reports.length, reportUrl: '' };
    const outbox = {
        keep: (report, madeAtMs = Date.now()) => {
            reports.push(report);
            globalThis.ageMs = Date.now() - madeAtMs;
        },
        flush() {}, beacon() { beacons += 1; } };
    globalThis.reporter = new Reporter(video, playback, outbox);
    reporter.expectPosition(0);
    reporter.listen();
    globalThis.at = (change, ...events) => {
        if (change.played) change.played = ranges(change.played);
        Object.assign(video, change);
        for (const event of events) video.dispatchEvent(new Event(event));
    };
    globalThis.seek = (currentTime, played) => {
        at({ currentTime, played, seeking: true }, 'seeking');
        at({ seeking: false }, 'seeked');
    };
}"""


@pytest_asyncio.fixture(loop_scope="module")
async def reporter(page: Page) -> Page:
    await page.evaluate(REPORTER, 4)
    return page


async def _reports(page: Page) -> list[tuple[str, float, list[list[float]]]]:
    reports: list[dict[str, Any]] = await page.evaluate("reports")
    return [(report["event"], report["position"], report["watched"]) for report in reports]


async def test_each_report_carries_what_was_played_since_the_last(reporter: Page) -> None:
    await reporter.evaluate("at({ paused: false }, 'playing')")
    await reporter.evaluate("at({ currentTime: 5, played: [[0, 5]] })")
    await reporter.clock.run_for(5_000)
    await reporter.clock.run_for(2_000)
    await reporter.evaluate("seek(30, [[0, 7]])")
    await reporter.clock.run_for(2_000)
    await reporter.evaluate(
        "at({ currentTime: 32, paused: true, played: [[0, 7], [30, 32]] }, 'pause')"
    )

    assert await _reports(reporter) == [
        ("started", 0, []),
        ("progress", 5, [[0, 5]]),
        ("seeked", 30, [[5, 7]]),
        ("paused", 32, [[30, 32]]),
    ]


async def test_arriving_at_the_resume_position_is_no_news(reporter: Page) -> None:
    await reporter.evaluate(
        "() => { reporter.expectPosition(12); at({ currentTime: 12 }, 'seeked'); }"
    )
    await reporter.clock.run_for(1_000)

    assert await _reports(reporter) == []


async def test_dragging_the_slider_makes_one_report(reporter: Page) -> None:
    await reporter.evaluate(
        "() => { for (const t of [3, 9, 20]) at({ currentTime: t }, 'seeked'); }"
    )
    await reporter.clock.run_for(1_000)

    assert await _reports(reporter) == [("seeked", 20, [])]


async def test_the_end_is_one_report_and_not_a_pause_as_well(reporter: Page) -> None:
    await reporter.evaluate("at({ currentTime: 38, paused: false }, 'timeupdate')")
    await reporter.clock.run_for(2_000)
    await reporter.evaluate(
        """at({ currentTime: 40.02, ended: true, paused: true, played: [[38, 40.02]] },
            'pause', 'ended')"""
    )

    assert await _reports(reporter) == [("completed", 40, [[38, 40]])]


async def test_another_source_takes_nothing_away(reporter: Page) -> None:
    await reporter.evaluate("at({ paused: false }, 'playing')")
    await reporter.clock.run_for(4_000)
    await reporter.evaluate(
        """() => {
            at({ currentTime: 4, played: [[0, 4]] });
            reporter.carryOver();
            at({ currentTime: 4, played: [] }, 'playing');
        }"""
    )
    await reporter.clock.run_for(900)
    await reporter.evaluate("at({ currentTime: 5, played: [[4, 5]], paused: true }, 'pause')")

    assert (await _reports(reporter))[-1] == ("paused", 5, [[0, 5]])


@pytest.mark.parametrize(
    ("change", "watched"),
    [
        pytest.param("currentTime: 23, played: [[0, 23]]", [[20, 23]], id="played from the start"),
        pytest.param("currentTime: 23, played: [[20, 23]]", [[20, 23]], id="both agree"),
        pytest.param("currentTime: 23, played: [[20, 21]]", [[20, 21]], id="played less"),
        pytest.param("currentTime: 23, played: []", [], id="nothing played"),
        pytest.param("currentTime: 39, played: [[20, 39]]", [], id="faster than its rate"),
        pytest.param(
            "currentTime: 26, playbackRate: 2, played: [[20, 26]]", [[20, 26]], id="twice as fast"
        ),
        pytest.param("currentTime: 5, played: [[20, 23]]", [], id="back"),
    ],
)
async def test_seconds_count_where_steps_and_played_agree(
    reporter: Page, change: str, watched: list[list[float]]
) -> None:
    await reporter.evaluate("seek(20, [])")
    await reporter.evaluate("at({ paused: false }, 'playing')")
    await reporter.clock.run_for(3_000)
    await reporter.evaluate(f"at({{ {change}, paused: true }}, 'pause')")

    assert (await _reports(reporter))[-1][2] == [
        [pytest.approx(start, abs=0.31), pytest.approx(stop, abs=0.31)] for start, stop in watched
    ]


async def test_what_was_played_before_a_jump_counts_up_to_the_jump(reporter: Page) -> None:
    await reporter.evaluate("at({ paused: false }, 'playing')")
    await reporter.clock.run_for(4_000)
    await reporter.evaluate("seek(30, [[0, 4]])")
    await reporter.evaluate("at({ paused: true }, 'pause')")

    assert (await _reports(reporter))[-1] == ("paused", 30, [[0, 4]])


async def test_a_report_tells_the_greatest_rate_since_the_last(reporter: Page) -> None:
    await reporter.evaluate("at({ paused: false, playbackRate: 4 }, 'ratechange', 'playing')")
    await reporter.evaluate("at({ playbackRate: 1 }, 'ratechange')")
    await reporter.clock.run_for(5_000)
    await reporter.clock.run_for(5_000)

    assert await reporter.evaluate("reports.map(({ rate }) => rate)") == [4, 4, 1]


async def test_leaving_the_page_sends_the_rest_by_beacon_once(reporter: Page) -> None:
    await reporter.evaluate("at({ paused: false }, 'playing')")
    await reporter.clock.run_for(2_000)
    await reporter.evaluate(
        """() => {
            at({ currentTime: 2, played: [[0, 2]] });
            dispatchEvent(new Event('pagehide'));
            at({ currentTime: 3, played: [[0, 3]] }, 'pause', 'timeupdate');
        }"""
    )

    assert (await _reports(reporter))[1:] == [("stopped", 2, [[0, 2]])]
    assert await reporter.evaluate("beacons") == 1


async def test_a_page_that_only_looked_reports_nothing(reporter: Page) -> None:
    await reporter.evaluate("dispatchEvent(new Event('pagehide'))")

    assert await _reports(reporter) == []


async def test_who_leaves_before_the_first_picture_is_counted(page: Page) -> None:
    await page.evaluate(REPORTER, 0)
    await page.evaluate("reporter.expectPosition(17)")
    await page.clock.run_for(9_000)

    await page.evaluate("dispatchEvent(new Event('pagehide'))")

    assert await _reports(page) == [("stopped", 17, [])]
    assert await page.evaluate("beacons") == 1
    # Of when the page was opened: another device has been elsewhere since.
    assert await page.evaluate("ageMs") >= 9_000


async def test_who_leaves_after_the_first_picture_is_no_exit(page: Page) -> None:
    await page.evaluate(REPORTER, 0)

    await page.evaluate("at({ readyState: 4 }, 'loadeddata')")
    await page.evaluate("dispatchEvent(new Event('pagehide'))")

    assert await _reports(page) == []


async def test_a_closed_reporter_leaves_the_element_to_the_next(reporter: Page) -> None:
    await reporter.evaluate(
        """() => {
            at({ paused: false }, 'playing');
            at({ currentTime: 2, played: [[0, 2]] }, 'seeked');
            reporter.close();
            at({ currentTime: 3, played: [[0, 3]] }, 'timeupdate', 'pause', 'ended');
            dispatchEvent(new Event('pagehide'));
        }"""
    )
    await reporter.clock.run_for(20_000)

    assert [event for event, _, _ in await _reports(reporter)] == ["started"]
    assert await reporter.evaluate("beacons") == 0
