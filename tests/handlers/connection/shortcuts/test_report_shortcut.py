"""Reports that are answered past aiohttp's handlers: never weaker than the full way."""

import asyncio
import json
import socket
import struct
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from db.errors import DatabaseTimeout, DatabaseUnavailable
from db.progress.progress import get
from events.errors import PersisterFull, PersisterStopped, VideoMissing
from events.log.emitter import Emitter
from events.reports import ReportReceived
from handlers import keys
from handlers.connection.protocols import is_busy
from storage.concurrency.bounded_cache import BoundedCache
from tests.handlers.conftest import Service, StartService
from tests.handlers.progress.reporting import WITHIN_S, Reporter, said_by
from tests.handlers.support.watching import Course, new_course, new_player, report
from tests.harness.waiting import wait_until
from tests.harness.wire import Wire, connected

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def course(shared_service: Service) -> Course:
    return await new_course(shared_service)


@pytest_asyncio.fixture(loop_scope="module")
async def wire(shared_service: Service) -> AsyncIterator[Wire]:
    async with connected(shared_service.url) as wire:
        yield wire


@pytest_asyncio.fixture(loop_scope="module")
async def reporter(course: Course, wire: Wire) -> Reporter:
    """A client whose next report is repeated."""
    return await new_reporter(course, wire)


async def new_reporter(course: Course, wire: Wire) -> Reporter:
    reporter = Reporter(await new_player(course), wire)
    assert not await reporter.is_repeated()
    assert await reporter.is_repeated()
    return reporter


@pytest.fixture
def handed_over(shared_service: Service, monkeypatch: pytest.MonkeyPatch) -> list[ReportReceived]:
    """Records repeated reports that are to be stored; the test chooses the outcome."""
    received: list[ReportReceived] = []
    emitter = Emitter()
    emitter.subscribe_reports(received.append)
    monkeypatch.setattr(shared_service.app[keys.REPORT_SHORTCUT], "_emitter", emitter)
    return received


async def until_handed_over(received: list[ReportReceived], count: int = 1) -> None:
    await wait_until(lambda: len(received) >= count, within_s=WITHIN_S)


async def store(reporter: Reporter, received: ReportReceived) -> None:
    player = reporter.player
    state = await get(player.service.app[keys.DATABASE], player.user_id, UUID(player.video_id))
    assert state is not None
    received.outcome.set_result(state)


async def test_a_repeated_report_is_stored_and_answered_as_the_first(reporter: Reporter) -> None:
    before = reporter.repeated
    async with connected(reporter.player.service.url) as other:
        elsewhere = Reporter(reporter.player, other, ("Host: y",))
        first = await elsewhere.say(sequence=1, position=7)
        assert elsewhere.repeated == before

    again = await reporter.say(sequence=2, position=8, watched=[[7, 8]])

    assert [*again.headers] == [*first.headers]
    assert json.loads(again.body) == await reporter.player.get()
    assert json.loads(again.body)["position"] == 8


async def test_a_repeated_report_is_capped_as_any_other(reporter: Reporter) -> None:
    session_id, before = reporter.player.playback["session_id"], reporter.repeated

    answer = await reporter.say(session_id=session_id, position=30, watched=[[0, 30]])

    assert json.loads(answer.body)["capped"] is True
    assert reporter.repeated > before


async def test_it_counts_as_any_other(reporter: Reporter) -> None:
    before = await series(reporter.player.service)

    assert await reporter.is_repeated()

    grown = {name: n - before[name] for name, n in (await series(reporter.player.service)).items()}
    body_bytes = len(json.dumps(report()))
    assert grown == {"requests": 1, "durations": 1, "bytes": body_bytes, "running": 0, "again": 1}


async def series(service: Service) -> dict[str, float]:
    """Metrics of reports by grant, and of repeated requests."""
    service.app[keys.METRICS].sample()
    text = (await asyncio.to_thread(service.app[keys.METRICS].text)).decode()
    route = 'route="/play/{grant}/{video_id}/progress"'
    names = {
        "requests": f'coursestream_http_requests_total{{method="POST",{route},status="200"}}',
        "durations": f'coursestream_http_request_duration_seconds_count{{method="POST",{route}}}',
        "bytes": f"coursestream_http_received_bytes_total{{{route}}}",
        "running": f"coursestream_http_requests_running{{{route}}}",
        "again": "coursestream_requests_replayed_total",
    }
    told = dict(line.rsplit(" ", 1) for line in text.splitlines())
    return {short: float(told[name]) for short, name in names.items()}


async def test_a_withdrawn_viewer_is_refused(shared_service: Service, wire: Wire) -> None:
    course = await new_course(shared_service)
    reporter = await new_reporter(course, wire)

    await course.withdraw(course.student)

    await reporter.until("403 not-enrolled")


async def test_a_deleted_video_is_refused(reporter: Reporter, course: Course) -> None:
    await course.delete(reporter.player.video_id)

    await reporter.until("403 not-enrolled")


async def test_an_expired_grant_is_refused(
    reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    grants = reporter.player.service.app[keys.GRANTS]
    monkeypatch.setattr(grants, "_clock", lambda: time.time() + 7 * 3600)

    assert said_by(await reporter.say()) == "401 invalid-token"


async def test_a_report_that_may_not_be_is_refused_and_the_next_is_repeated(
    reporter: Reporter,
) -> None:
    refused = await reporter.say(position=-1)

    assert said_by(refused) == "400 invalid-request"
    assert await reporter.is_repeated()


async def test_a_body_over_the_limit_is_too_large(
    course: Course, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(course.service.app, "_client_max_size", 300)
    reporter = await new_reporter(course, wire)

    assert said_by(await reporter.say(quality={"error": "x" * 300})) == "413 too-large"


@pytest.mark.parametrize(
    ("lines", "version"),
    [
        pytest.param(["Connection: keep-alive"], "1.0", id="HTTP/1.0"),
        pytest.param(["Expect: 100-continue"], "1.1", id="Expect"),
        pytest.param(["Content-Encoding: identity"], "1.1", id="Content-Encoding"),
        pytest.param(["Upgrade: h2c"], "1.1", id="Upgrade"),
        pytest.param(["X-Note: " + "n" * 4096], "1.1", id="a long head"),
    ],
)
async def test_what_is_never_repeated(
    course: Course, wire: Wire, lines: list[str], version: str
) -> None:
    reporter = Reporter(await new_player(course), wire, ("Host: x", *lines), version)

    for _ in range(3):
        before = reporter.repeated
        await reporter.send()
        answers = [await wire.answer()]
        if answers[-1].status == 100:
            answers.append(await wire.answer())
        assert answers[-1].status == 200
        assert reporter.repeated == before


async def test_a_report_in_pieces_goes_the_full_way(reporter: Reporter) -> None:
    body = json.dumps(report()).encode()
    before = reporter.repeated

    await reporter.wire.send(
        f"POST {reporter.player.grant_path} HTTP/1.1",
        "Host: x",
        f"Content-Length: {len(body)}",
        body=body[:-9],
    )
    connection = connection_of(reporter)
    await wait_until(connection.is_receiving)
    reporter.wire.writer.write(body[-9:])

    assert (await reporter.wire.answer()).status == 200
    assert not await reporter.is_repeated()
    assert reporter.repeated == before


async def test_what_is_sent_meanwhile_is_answered_afterwards(
    reporter: Reporter, handed_over: list[ReportReceived]
) -> None:
    await reporter.send(sequence=1)
    await until_handed_over(handed_over)
    await reporter.wire.send("GET /healthz HTTP/1.1", "Host: x")
    await reporter.send(sequence=2)

    await store(reporter, handed_over[0])

    answers = [await reporter.wire.answer() for _ in range(3)]
    assert [answer.status for answer in answers] == [200] * 3
    assert json.loads(answers[1].body) == {"status": "ok"}


async def test_a_report_sent_ahead_is_repeated_in_its_turn(
    reporter: Reporter, handed_over: list[ReportReceived]
) -> None:
    await reporter.send(sequence=1)
    await until_handed_over(handed_over)
    await reporter.send(sequence=2)

    await store(reporter, handed_over[0])
    await until_handed_over(handed_over, 2)
    await store(reporter, handed_over[1])

    assert [(await reporter.wire.answer()).status for _ in range(2)] == [200, 200]
    assert [received.report.sequence for received in handed_over] == [1, 2]


async def test_a_client_that_closed_its_side_is_answered(
    reporter: Reporter, handed_over: list[ReportReceived]
) -> None:
    await reporter.send()
    await until_handed_over(handed_over)
    reporter.wire.writer.write_eof()

    await store(reporter, handed_over[0])

    assert (await reporter.wire.answer()).status == 200
    assert await reporter.wire.rest() == b""


@pytest.mark.parametrize("failure", [None, DatabaseTimeout()], ids=["stored", "refused"])
async def test_a_client_that_left_is_let_go(
    reporter: Reporter, handed_over: list[ReportReceived], failure: Exception | None
) -> None:
    service, connection = reporter.player.service, connection_of(reporter)
    await reporter.send()
    await until_handed_over(handed_over)
    client = reporter.wire.writer.get_extra_info("socket")
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
    reporter.wire.writer.transport.abort()
    await wait_until(lambda: connection.transport is None, within_s=WITHIN_S)

    if failure is None:
        await store(reporter, handed_over[0])
    else:
        handed_over[0].outcome.set_exception(failure)
    await asyncio.sleep(0)

    assert (await series(service))["running"] == 0
    assert len(handed_over) == 1


async def test_a_connection_that_waits_is_not_idle(
    reporter: Reporter, handed_over: list[ReportReceived]
) -> None:
    connection = connection_of(reporter)
    assert not is_busy(connection)

    await reporter.send()
    await until_handed_over(handed_over)
    assert is_busy(connection)

    await store(reporter, handed_over[0])
    await reporter.wire.answer()
    assert not is_busy(connection)


def connection_of(reporter: Reporter) -> Any:
    port = reporter.wire.writer.get_extra_info("sockname")[1]
    server = reporter.player.service.server._runner.server
    assert server is not None
    (found,) = [one for one in server.connections if one.peername[1] == port]
    return found


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (VideoMissing(), "403 not-enrolled"),
        (PersisterFull(), "503 unavailable"),
        (PersisterStopped(), "503 unavailable"),
        (DatabaseTimeout(), "503 unavailable"),
        (DatabaseUnavailable(), "503 unavailable"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
async def test_what_came_of_it_is_answered_by_the_full_way(
    reporter: Reporter, handed_over: list[ReportReceived], failure: Exception, said: str
) -> None:
    service = reporter.player.service
    before = await series(service)

    await reporter.send(sequence=9, position=9)
    await until_handed_over(handed_over)
    handed_over[0].outcome.set_exception(failure)

    answer = await reporter.wire.answer()
    assert said_by(answer) == said
    assert ("Retry-After" in answer.headers) == said.startswith("503")
    assert (await reporter.player.get())["position"] == 0, "it was handed over twice"
    after = await series(service)
    assert (after["running"], after["requests"]) == (before["running"], before["requests"])
    await reporter.send()
    await until_handed_over(handed_over, 2)  # the next is tried again


async def test_the_time_until_it_failed_counts(
    reporter: Reporter, handed_over: list[ReportReceived], monkeypatch: pytest.MonkeyPatch
) -> None:
    a_minute_ago = SimpleNamespace(monotonic=lambda: time.monotonic() - 60)
    monkeypatch.setattr("handlers.connection.shortcuts.report_shortcut.time", a_minute_ago)
    durations = []
    metrics = reporter.player.service.app[keys.METRICS]
    monkeypatch.setattr(metrics, "answered", lambda *told: durations.append(told[3]))

    await reporter.send()
    await until_handed_over(handed_over)
    handed_over[0].outcome.set_exception(DatabaseTimeout())
    await reporter.wire.answer()

    assert [int(duration_s) for duration_s in durations] == [60]


async def test_what_failed_belongs_to_its_own_request(
    reporter: Reporter, handed_over: list[ReportReceived], monkeypatch: pytest.MonkeyPatch
) -> None:
    await reporter.send()
    await until_handed_over(handed_over)
    with monkeypatch.context() as expired:
        grants = reporter.player.service.app[keys.GRANTS]
        expired.setattr(grants, "_clock", lambda: time.time() + 7 * 3600)
        handed_over[0].outcome.set_exception(DatabaseTimeout())
        assert said_by(await reporter.wire.answer()) == "401 invalid-token"

    reporter.lines = ("Host: another",)

    assert (await reporter.say()).status == 200


async def test_what_one_connection_taught_serves_another(reporter: Reporter) -> None:
    async with connected(reporter.player.service.url) as other:
        assert await Reporter(reporter.player, other).is_repeated()


async def test_the_least_recently_used_is_forgotten(
    course: Course, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports = course.service.app[keys.REPORT_SHORTCUT]
    monkeypatch.setattr(reports, "_known", BoundedCache(2))
    first, second = await new_reporter(course, wire), await new_reporter(course, wire)
    assert await first.is_repeated()

    await new_reporter(course, wire)

    assert len(reports) == 2
    assert await first.is_repeated()
    assert not await second.is_repeated()


async def test_a_server_that_stops_repeats_nothing(start_shared_service: StartService) -> None:
    service = await start_shared_service()
    async with connected(service.url) as wire:
        reporter = await new_reporter(await new_course(service), wire)

        service.app[keys.STOPPING].set()

        assert not await reporter.is_repeated()


@pytest.mark.parametrize("setting", [{"STREAM_REPLAY": "off"}, {"LOG_LEVEL": "debug"}])
async def test_it_is_switched_off_with_the_setting(
    start_shared_service: StartService, setting: dict[str, str]
) -> None:
    service = await start_shared_service(**setting)
    async with connected(service.url) as wire:
        reporter = Reporter(await new_player(await new_course(service)), wire)

        assert [(await reporter.say()).status for _ in range(3)] == [200] * 3

    assert keys.REPORT_SHORTCUT not in service.app
