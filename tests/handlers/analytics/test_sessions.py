"""Sessions for a help desk: found by whom they are offered to, with the cause of staged stalls."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
import pytest_asyncio

from events.insight.sessions.causes import SENTENCES
from events.insight.sessions.observations import Observations
from handlers import keys
from handlers.delivery.output.read_ahead import ReadAhead
from tests.handlers.conftest import Service, StartService, furnish
from tests.handlers.support.playing import playback, write_filled_mp4
from tests.handlers.support.watching import Course, new_course, new_player, report
from tests.harness.waiting import wait_until
from tests.harness.wire import Wire, connected

pytestmark = pytest.mark.asyncio(loop_scope="module")

STRANGE, MISSING = "403 not-enrolled", "404 not-found"


@pytest_asyncio.fixture(loop_scope="module")
async def course(service: Service) -> Course:
    return await new_course(service)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(start_shared_service: StartService) -> AsyncIterator[Service]:
    service = await start_shared_service(STREAM_RATE_LIMIT="30/hour")
    await furnish(service)
    yield service


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def filled(mp4: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("filled") / "filled.mp4"
    await asyncio.to_thread(write_filled_mp4, mp4, path)
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def video(service: Service, filled: Path) -> Any:
    return await service.ready_video(filled)


class Viewing:
    """A viewer who plays by grant, reports, and asks why it stalled."""

    def __init__(self, service: Service, user: str, video: Any, granted: Any) -> None:
        self.service, self.user, self.granted = service, user, granted
        self.viewer = user, UUID(video["id"]), granted["session_id"]
        self.path = f"/play/{granted['grant']}/{video['id']}/progress"

    @classmethod
    async def begin(cls, service: Service, user: str, video: Any) -> "Viewing":
        await service.put(f"courses/c1/enrollments/{user}", {"role": "student"})
        viewing = cls(service, user, video, await playback(service, video, user))
        await viewing.say(0, "started", startup_ms=100, stalls=0)
        await viewing.observations.store(service.app[keys.DATABASE])
        return viewing

    @property
    def observations(self) -> Observations:
        return self.service.app[keys.OBSERVATIONS]

    async def say(self, sequence: int, event: str, **quality: Any) -> None:
        session_id = self.granted["session_id"]
        said = report(session_id=session_id, sequence=sequence, event=event, quality=quality)
        answer = await self.service.ask(None, "POST", self.path, said)
        assert answer.said == "200", answer.body

    @asynccontextmanager
    async def playing(self) -> AsyncIterator[Wire]:
        """A request for the whole film, of which nothing has been read."""
        async with connected(self.service.url, receive_buffer_bytes=2**14) as wire:
            await wire.send(f"GET {self.granted['stream_url']} HTTP/1.1", "Host: x")
            yield wire

    async def until(self, waited: str) -> None:
        """The server has seen a second of a wait."""
        await wait_until(lambda: self.seen(waited), lambda seconds: seconds >= 1.0, within_s=20)

    async def seen(self, waited: str) -> float:
        windows = self.observations._windows.peek(self.viewer) or ()
        return sum(getattr(window, waited) for window in windows)

    async def explained(self, **quality: Any) -> Any:
        """The session after a report."""
        await self.say(1, "progress", **quality)
        return await self.shown()

    async def shown(self) -> Any:
        await self.observations.store(self.service.app[keys.DATABASE])
        path = f"analytics/sessions/{self.granted['session_id']}"
        answer = await self.service.ask(self.user, "GET", path)
        assert answer.said == "200", answer.body
        assert answer.json["sentence"] == SENTENCES[answer.json["cause"]]
        return answer.json


STALLED = {"stalls": 1, "stalled_ms": 1500}
# Of the tests before: where three viewers waited at once, the cause is the proxy.
FORGET_OTHERS = "DELETE FROM session_moments WHERE user_id <> %s RETURNING id"


async def test_a_reader_that_is_slow_has_a_slow_line(service: Service, video: Any) -> None:
    viewing = await Viewing.begin(service, "slow", video)
    async with viewing.playing() as wire:
        await wire.head()
        await viewing.until("client_s")
        shown = await viewing.explained(**STALLED)

    assert shown["cause"] == "viewer-line"
    assert {"shown", "started", "stalled", "served"} == {one["kind"] for one in shown["timeline"]}
    (served, *_) = [one for one in shown["timeline"] if one["kind"] == "served"]
    assert served["waited_for_client_s"] >= 1.0
    assert shown["quality"]["stalled_seconds"] == 1.5


async def test_bytes_that_are_held_back_are_the_limit(
    start_shared_service: StartService, filled: Path
) -> None:
    service = await start_shared_service(STREAM_BANDWIDTH_LIMIT="64KiB")
    await furnish(service)
    viewing = await Viewing.begin(service, "limited", await service.ready_video(filled))
    async with viewing.playing() as wire:
        reading = asyncio.create_task(wire.rest())
        await viewing.until("paced_s")
        shown = await viewing.explained(**STALLED)
        reading.cancel()

    assert shown["cause"] == "limit"


async def test_requests_beyond_the_limit_are_the_limit(service: Service, video: Any) -> None:
    viewing = await Viewing.begin(service, "eager", video)
    path = viewing.granted["stream_url"]

    async def ask() -> int:
        return int((await service.ask(None, "HEAD", path)).status)

    await wait_until(ask, lambda status: status == 429)
    assert (await viewing.explained(**STALLED))["cause"] == "limit"


async def test_a_disk_that_does_not_answer_is_the_disk(
    service: Service, video: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewing, answers = await Viewing.begin(service, "cold", video), asyncio.Event()

    async def wait(*_: Any) -> None:
        await answers.wait()

    with monkeypatch.context() as patch:
        patch.setattr(ReadAhead, "is_resident", lambda *_: False)
        patch.setattr(ReadAhead, "make_resident", wait)
        async with viewing.playing():
            await viewing.until("disk_s")
            shown = await viewing.explained(**STALLED)
    answers.set()

    assert shown["cause"] == "server-disk"


async def test_a_loop_that_is_busy_is_the_server(service: Service, video: Any) -> None:
    viewing = await Viewing.begin(service, "waiting", video)
    async with viewing.playing() as wire:
        await wire.head()
        await viewing.until("client_s")
        until_s = time.monotonic() + 2.5
        while time.monotonic() < until_s:
            pass
        await wait_until(lambda: viewing.seen("lag_s"), lambda late_s: late_s > 0, within_s=5)
        shown = await viewing.explained(**STALLED)

    assert shown["cause"] == "server-busy"


async def test_who_was_withdrawn_reads_that_it_is_gone(service: Service, video: Any) -> None:
    viewing = await Viewing.begin(service, "leaver", video)
    async with viewing.playing() as wire:
        await wire.head()
        await viewing.until("client_s")
        path = "courses/c1/enrollments/leaver"
        assert (await service.ask("root", "DELETE", path)).status == 204
        await wait_until(lambda: asyncio.sleep(0, viewing.observations._refusals), within_s=5)
        shown = await viewing.shown()

    assert shown["cause"] == "gone"
    assert "ended" in [one.get("code") for one in shown["timeline"]]


async def test_a_paused_tab_has_nothing_wrong(service: Service, video: Any) -> None:
    """It stops reading, as a browser does that has enough, and reports no stall."""
    viewing = await Viewing.begin(service, "paused", video)
    async with viewing.playing() as wire:
        await wire.head()
        await viewing.until("client_s")
        await viewing.say(1, "paused", stalls=0)
        shown = await viewing.shown()

    assert shown["cause"] is None
    assert [one["kind"] for one in shown["timeline"]] == ["shown", "started", "paused"]


async def test_a_paused_tab_that_goes_on_and_stalls_has_no_slow_line(
    service: Service, video: Any
) -> None:
    """Its socket was full for all of the pause, and nothing was read."""
    viewing = await Viewing.begin(service, "resumed", video)

    async def unread_s() -> float:
        windows = viewing.observations._windows.peek(viewing.viewer) or ()
        return sum(window.client_s for window in windows if not window.sent_bytes)

    async with viewing.playing() as wire:
        await wire.head()
        await viewing.say(1, "paused", stalls=0)
        await wait_until(unread_s, lambda seconds: seconds >= 1.0, within_s=20)
        await viewing.say(2, "started", stalls=1, stalled_ms=1000)
        shown = await viewing.shown()

    assert shown["cause"] == "unknown"
    assert "served" in {one["kind"] for one in shown["timeline"]}


async def test_the_waits_of_one_tab_are_no_evidence_of_another(
    service: Service, video: Any
) -> None:
    first = await Viewing.begin(service, "two-tabs", video)
    second = await Viewing.begin(service, "two-tabs", video)
    async with first.playing() as wire:
        await wire.head()
        await first.until("client_s")
        own, other = await first.explained(**STALLED), await second.explained(**STALLED)

    assert (own["cause"], other["cause"]) == ("viewer-line", "unknown")
    assert "served" not in {one["kind"] for one in other["timeline"]}


async def test_a_device_that_drops_frames_does_not_keep_up(service: Service, video: Any) -> None:
    viewing = await Viewing.begin(service, "old-phone", video)

    assert (await viewing.explained(dropped_frames=200))["cause"] == "viewer-device"


async def test_after_a_killed_process_the_cause_is_unknown(service: Service, video: Any) -> None:
    """Its windows went with it: another process finds none, and claims nothing."""
    viewing = await Viewing.begin(service, "orphan", video)
    async with viewing.playing() as wire:
        await wire.head()
        await viewing.until("client_s")
        viewing.observations._windows.clear()
        shown = await viewing.explained(**STALLED)

    assert shown["cause"] == "unknown"


async def test_sessions_are_offered_to_their_viewer_and_to_who_teaches(course: Course) -> None:
    mine, other = await new_player(course), await new_player(course)
    await course.enroll("zoe")
    for player, session in ((mine, "first"), (mine, "second"), (other, "first")):
        await player.say(session_id=session, quality={"stalls": 2})
    desk = "analytics/sessions"

    async def ids(who: str | None, query: str) -> list[tuple[str, str]]:
        answer = await course.service.ask(who, "GET", f"{desk}{query}")
        assert answer.said == "200", answer.body
        return [(one["session_id"], one["video_id"]) for one in answer.json["items"]]

    every = [("first", mine.video_id), ("second", mine.video_id), ("first", other.video_id)]
    assert await ids(course.student, "") == every
    of_student = f"?user_id={course.student}"
    for who in (course.instructor, "root", "svc", course.student):
        assert await ids(who, of_student) == every
    assert await ids("zoe", of_student) == []
    assert await ids("zoe", "") == []
    of_video = f"?video_id={mine.video_id}"
    assert await ids(course.instructor, of_video) == every[:2]
    assert await ids("zoe", of_video) == []
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    assert await ids("root", f"{of_student}&from={tomorrow}") == []
    assert await ids("root", f"{of_student}&to={tomorrow}") == every
    began = (await course.service.ask("root", "GET", f"{desk}{of_student}")).json["items"]
    second, third = (quote(one["started_at"]) for one in began[1:])
    assert await ids("root", f"{of_student}&from={second}") == every[1:]
    assert await ids("root", f"{of_student}&to={second}") == every[:1]
    assert await ids("root", f"{of_student}&from={second}&to={third}") == every[1:2]
    first = (await course.service.ask("root", "GET", f"{desk}{of_student}&limit=2")).json
    assert await ids("root", f"{of_student}&cursor={first['next_cursor']}") == every[2:]


async def test_a_session_that_requests_alone_tell_of_is_found_and_explained(
    service: Service, video: Any
) -> None:
    """hls.js, dash.js and Shaka send CMCD, and no reports."""
    await service.put("courses/c1/enrollments/foreign", {"role": "student"})
    viewing = Viewing(service, "foreign", video, await playback(service, video, "foreign"))
    await viewing.observations.store(service.app[keys.DATABASE])

    async def cmcd(said: str) -> None:
        path = f"{viewing.granted['stream_url']}?CMCD={quote(said)}"
        answer = await service.ask(None, "GET", path, headers={"Range": "bytes=0-9"})
        assert answer.status == 206

    async with viewing.playing() as wire:
        await wire.head()
        await viewing.until("client_s")
        await cmcd('ot=v,sid="told"')
        await cmcd('bs,ot=v,sid="told",v=2,bsd=(1500),pt=2000')
        await service.app[keys.CMCD_SESSIONS].store(service.app[keys.DATABASE])
        await viewing.observations.store(service.app[keys.DATABASE])
    await service.app[keys.DATABASE].fetch_all(FORGET_OTHERS, ("foreign",))
    found = await service.ask("tess", "GET", "analytics/sessions?user_id=foreign")
    (told,) = [one for one in found.json["items"] if one["session_id"] == "told"]
    shown = (await service.ask("foreign", "GET", "analytics/sessions/told")).json

    assert (told["state"], told["quality"]["stalled_seconds"]) == ("unknown", 1.5)
    assert shown["quality"] == told["quality"]
    (stalled,) = [one for one in shown["timeline"] if one["kind"] == "stalled"]
    assert (stalled["position"], stalled["stalled_ms"]) == (2.0, 1500)
    assert shown["cause"] == "viewer-line"
    stranger = await service.ask("zoe", "GET", "analytics/sessions/told?user_id=foreign")
    assert stranger.said == STRANGE


@pytest.mark.parametrize(
    "query",
    [
        "?video_id=x",
        "?from=x",
        "?from=2026-01-02T10:00:00",
        "?from=2026-01-02&to=2026-01-02",
        "?cursor=x",
        "?user_id=%00",
    ],
)
async def test_a_malformed_search_is_refused(course: Course, query: str) -> None:
    answer = await course.service.ask("root", "GET", f"analytics/sessions{query}")

    assert answer.said == "400 invalid-request"


async def test_one_session_is_shown_to_who_may_see_it(course: Course) -> None:
    player = await new_player(course)
    await player.say(session_id="s", quality={"stalls": 0, "startup_ms": 80, "height": 720})
    path = f"analytics/sessions/s?user_id={course.student}"
    await course.enroll("zoe")

    answers = [
        (await course.service.ask(who, "GET", path)).said
        for who in (course.student, course.instructor, "root", "zoe", "nobody")
    ]

    assert answers == ["200", "200", "200", STRANGE, STRANGE]
    for who, said in (("root", MISSING), (course.student, STRANGE)):
        for unknown in ("other", "%00", "x" * 65):
            answer = await course.service.ask(who, "GET", f"analytics/sessions/{unknown}")
            assert answer.said == said


async def test_a_session_that_measured_nothing_has_no_quality(course: Course) -> None:
    player = await new_player(course)
    await player.say(session_id="plain")

    answer = await course.service.ask(course.student, "GET", "analytics/sessions/plain")

    assert (answer.json["quality"], answer.json["timeline"], answer.json["cause"]) == (
        None,
        [],
        None,
    )
