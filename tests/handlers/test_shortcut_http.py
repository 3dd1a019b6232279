"""Repeated requests through the whole stack: never weaker than the full way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
import pytest_asyncio

from db import enrollments
from handlers import keys
from handlers.access import rules
from tests.handlers.conftest import Service, StartService, furnish
from tests.handlers.progress.reporting import Reporter
from tests.handlers.support.watching import Player, open_playback, settled
from tests.harness.waiting import wait_until
from tests.harness.wire import Wire, WireAnswer, connected
from tests.programs.certificates import make_certificate

pytestmark = pytest.mark.asyncio(loop_scope="module")

WITHIN_S = 5.0


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["plain", "tls"])
async def service(
    request: pytest.FixtureRequest,
    start_shared_service: StartService,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Service]:
    """On a busy machine, too, an enrolment is read again only when a test says so."""
    own = make_certificate(tmp_path_factory.mktemp("tls"))
    settings = {"STREAM_RATE_LIMIT": "40/hour", "STREAMS_PER_USER": "2"}
    settings |= own.settings if request.param == "tls" else {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules, "ENROLLMENT_AGE_S", 600.0)
        service = await start_shared_service(**settings)
        await furnish(service)
        yield service


@dataclass
class Asker:
    """Asks for one video again and again, on one connection, as one user."""

    service: Service
    wire: Wire
    lines: list[str]

    @property
    def shortcut_count(self) -> int:
        return self.service.app[keys.RANGE_SHORTCUT].answered.total()

    async def ask(self, first: int = 0, last: int = 9) -> WireAnswer:
        return await self.wire.ask(*self.lines, f"Range: bytes={first}-{last}")

    async def takes_the_shortcut(self) -> bool:
        before = self.shortcut_count
        answer = await self.ask(3, 8)
        assert (answer.status, len(answer.body)) == (206, 6), answer
        return self.shortcut_count == before + 1

    async def until(self, status: int) -> None:
        """It is answered so within five seconds, and never by the shortcut again."""
        await wait_until(self.ask, lambda seen: seen.status == status, within_s=WITHIN_S)
        before = self.shortcut_count
        assert (await self.ask(3, 8)).status == status
        assert self.shortcut_count == before


@pytest_asyncio.fixture(loop_scope="module")
async def wire(service: Service) -> AsyncIterator[Wire]:
    async with connected(service.url, service.trusted) as wire:
        yield wire


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def video(service: Service, mp4: Path) -> Any:
    return await service.ready_video(mp4)


async def asker(service: Service, wire: Wire, video: Any, who: str, by: str) -> Asker:
    await service.put(f"courses/c1/enrollments/{who}", {"role": "student"})
    if by == "grant":
        path = f"videos/{video['id']}/playback"
        target, fields = (await service.ask(who, "POST", path, {})).json["stream_url"], []
    else:
        target = f"/api/v1/videos/{video['id']}/stream"
        fields = [f"Authorization: {service.client(who).headers['Authorization']}"]
    asker = Asker(service, wire, [f"GET {target} HTTP/1.1", "Host: x", *fields])
    await settled(service)  # else the enrolment's event makes it forget what it learns now
    await asker.ask()
    assert await asker.takes_the_shortcut()
    return asker


@pytest.mark.parametrize("by", ["grant", "bearer"])
@pytest.mark.parametrize("how", ["withdrawn", "another role"])
async def test_a_change_of_enrolment_is_heeded(
    service: Service, wire: Wire, video: Any, by: str, how: str
) -> None:
    who = f"leaver-{by}-{how.split()[0]}"
    asking = await asker(service, wire, video, who, by)
    path = f"courses/c1/enrollments/{who}"

    if how == "withdrawn":
        assert (await service.ask("root", "DELETE", path)).status == 204
    else:
        await service.put(path, {"role": "instructor"})

    if by == "bearer" and how != "withdrawn":
        assert (await asking.ask()).status == 206  # an instructor may watch, too
    else:
        await asking.until(403)


@pytest.mark.parametrize("by", ["grant", "bearer"])
async def test_a_deleted_video_is_not_served(
    service: Service, wire: Wire, mp4: Path, by: str
) -> None:
    doomed = await service.ready_video(mp4)
    asking = await asker(service, wire, doomed, f"watcher-{by}", by)

    assert (await service.ask("root", "DELETE", f"videos/{doomed['id']}")).status == 204

    await asking.until(403)


async def test_a_video_that_changed_is_read_again(service: Service, wire: Wire, video: Any) -> None:
    asking = await asker(service, wire, video, "reader", "bearer")
    await service.app[keys.CATALOG].get(UUID(video["id"]))

    service.app[keys.CATALOG].forget(UUID(video["id"]))

    assert not await asking.takes_the_shortcut()
    assert await asking.takes_the_shortcut()


async def test_an_enrolment_too_old_is_read_again_once(
    service: Service, wire: Wire, video: Any
) -> None:
    asking = await asker(service, wire, video, "old", "bearer")

    service.app[keys.ACCESS].forget_all()

    assert not await asking.takes_the_shortcut()
    assert await asking.takes_the_shortcut()


async def test_many_connections_of_a_user_whose_enrolment_expired_read_it_once(
    service: Service, wire: Wire, video: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A player or downloader with many connections fills the pool, and gets 503, otherwise."""
    asking = await asker(service, wire, video, "many", "bearer")
    read, asked = enrollments.get, []

    async def counted(*arguments: Any) -> Any:
        asked.append(arguments[1:])
        return await read(*arguments)

    monkeypatch.setattr(enrollments, "get", counted)
    async with AsyncExitStack() as stack:
        wires = [
            await stack.enter_async_context(connected(service.url, service.trusted))
            for _ in range(20)
        ]
        service.app[keys.ACCESS].forget_all()
        lines = [*asking.lines, "Range: bytes=0-9"]
        answers = await asyncio.gather(*(one.ask(*lines) for one in wires))

    assert [answer.status for answer in answers] == [206] * 20
    assert asked == [("c1", "many")]


async def test_a_file_that_is_not_open_is_opened_the_full_way(
    service: Service, wire: Wire, video: Any
) -> None:
    asking = await asker(service, wire, video, "opener", "grant")

    files = service.app[keys.OPEN_FILES]
    for path in list(files._files):
        files.forget(path)

    assert not await asking.takes_the_shortcut()
    assert await asking.takes_the_shortcut()


async def test_a_file_that_was_removed_is_not_served(
    service: Service, wire: Wire, mp4: Path
) -> None:
    removed = await service.ready_video(mp4)
    asking = await asker(service, wire, removed, "remover", "grant")
    (path,) = [path for path in service.app[keys.OPEN_FILES]._files if removed["id"] in str(path)]
    await asyncio.to_thread(path.unlink)

    await service.app[keys.OPEN_FILES].forget_removed()

    before = asking.shortcut_count
    assert (await asking.ask()).status >= 400
    assert asking.shortcut_count == before


@pytest.mark.parametrize("by", ["grant", "bearer"])
async def test_repeated_requests_are_limited(
    service: Service, wire: Wire, video: Any, by: str
) -> None:
    asking = await asker(service, wire, video, f"greedy-{by}", by)
    began = asking.shortcut_count

    answers = [(await asking.ask()).status for _ in range(90)]

    assert answers[-1] == 429
    assert 206 not in answers[answers.index(429) :]
    assert asking.shortcut_count - began == answers.count(206) > 60


async def test_a_server_that_stops_repeats_nothing(
    start_shared_service: StartService, mp4: Path
) -> None:
    service = await start_shared_service()
    await furnish(service)
    video = await service.ready_video(mp4)
    async with connected(service.url, service.trusted) as wire:
        asking = await asker(service, wire, video, "last", "grant")

        service.app[keys.STOPPING].set()

        assert not await asking.takes_the_shortcut()


async def test_what_one_connection_taught_serves_another(
    service: Service, wire: Wire, video: Any
) -> None:
    asking = await asker(service, wire, video, "seeker", "grant")

    async with connected(service.url, service.trusted) as other:
        assert await Asker(service, other, asking.lines).takes_the_shortcut()


async def test_repeated_requests_are_counted(service: Service, wire: Wire, video: Any) -> None:
    asking = await asker(service, wire, video, "counted", "grant")

    before = await requests(service)
    for _ in range(3):
        assert await asking.takes_the_shortcut()

    assert await requests(service) == before + 3


async def requests(service: Service) -> float:
    service.app[keys.METRICS].sample()
    text = (await asyncio.to_thread(service.app[keys.METRICS].text)).decode()
    route = "/play/{grant}/{video_id}/{asset}"
    series = f'http_requests_total{{method="GET",route="{route}",status="206"}} '
    (line,) = [line for line in text.splitlines() if series in line]
    return float(line.rpartition(" ")[2])


async def test_debugging_switches_it_off(start_shared_service: StartService) -> None:
    service = await start_shared_service(LOG_LEVEL="debug")

    assert keys.RANGE_SHORTCUT not in service.app


async def test_ranges_and_reports_are_repeated_on_one_connection(
    service: Service, video: Any, wire: Wire
) -> None:
    asking = await asker(service, wire, video, "reporter", "grant")
    playback = await open_playback(service, "reporter", video["id"])
    reporter = Reporter(Player(service, "reporter", video["id"], playback), wire)

    assert not await reporter.is_repeated()
    for _ in range(3):
        assert await asking.takes_the_shortcut()
        assert await reporter.is_repeated()


async def test_an_answer_with_cmcd_takes_it_like_any_other_and_is_measured(
    service: Service, wire: Wire, video: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """In the query and in fields, with other values each time; nothing of it is in the log."""
    who = "told" if service.trusted is None else "told-by-tls"
    asking = await asker(service, wire, video, who, "grant")
    before = asking.shortcut_count
    target = asking.lines[0].split()[1]
    bodies = set()
    for number in range(5):
        said = quote(f'bl={number},bs,br=2000,d=4000,ot=v,sid="marked-{number % 2}"', safe="")
        line = f"GET {target}?CMCD={said} HTTP/1.1"
        answer = await wire.ask(line, "Host: x", "Range: bytes=3-8")
        bodies.add((answer.status, answer.body))
    for number in range(5):
        session = f'CMCD-Session: sid="marked-0",pr={number}.5'
        request = f"CMCD-Request: su,nor={number}"
        answer = await wire.ask(*asking.lines, session, request, "Range: bytes=3-8")
        bodies.add((answer.status, answer.body))
    assert len(bodies) == 1
    assert asking.shortcut_count == before + 10

    await service.app[keys.CMCD_SESSIONS].store(service.app[keys.DATABASE])
    rows = await service.app[keys.DATABASE].fetch_all(
        "SELECT session_id, measures FROM cmcd_sessions WHERE user_id = %s ORDER BY session_id",
        [who],
    )
    assert [(row.session_id, row.measures["stalls"]) for row in rows] == [
        ("marked-0", 3),
        ("marked-1", 2),
    ]
    assert "marked" not in caplog.text
    assert "CMCD" not in caplog.text


@pytest.mark.parametrize("said", ["%00", "%22%22%22", "a" * 2000, "sid=%22x", "%ff%fe", ""])
async def test_malformed_cmcd_is_no_error_and_changes_no_answer(
    service: Service, wire: Wire, video: Any, said: str
) -> None:
    asking = await asker(service, wire, video, "odd", "grant")
    plain = await asking.ask(3, 8)
    target = asking.lines[0].split()[1]

    told = await wire.ask(f"GET {target}?CMCD={said} HTTP/1.1", "Host: x", "Range: bytes=3-8")

    assert (told.status, told.body) == (plain.status, plain.body)
