"""Viewers of the benchmark: they report as the player does, and claim what they could play."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from benchmarks.clients import viewer_client
from benchmarks.clients.viewer_client import BROWSERS, END_S, Line, Turn, Viewer
from handlers.messages import ProgressPut
from handlers.user_agents import UserAgents

REPORTER = Path(__file__).resolve().parents[3] / "web/src/progress/reporter.ts"


def reports_of(viewer: Viewer, every_s: float = 5.0) -> Iterator[dict[str, Any]]:
    now_s = 1000.0
    while True:
        _, _, body = viewer.request(now_s).partition(b"\r\n\r\n")
        yield json.loads(body)
        now_s += every_s


def taken(count: int, number: int = 7, every_s: float = 5.0) -> list[dict[str, Any]]:
    reports = reports_of(Viewer(number, "/play/g/v/progress", "a-session"), every_s)
    return [next(reports) for _ in range(count)]


def test_a_report_has_the_fields_that_the_player_sends() -> None:
    composed = REPORTER.read_text().partition("#compose(event")[2].partition("return {")[2]
    names = set(re.findall(r"^ {6}(\w+)", composed.partition("};")[0], re.MULTILINE))

    [report] = taken(1)

    assert report.keys() == names | {"quality", "delayed_s"}  # the outbox says how long it waited


def test_every_report_is_accepted() -> None:
    for report in taken(200):
        msgspec.convert(report, ProgressPut)


def test_what_is_claimed_is_the_time_that_has_passed_since_the_last_report() -> None:
    began, *reports = taken(20, every_s=6.5)

    assert (began["event"], began["watched"]) == ("started", [])
    for before, report in zip([began, *reports], reports, strict=False):
        [[start, stop]] = report["watched"]
        assert start == before["position"]
        assert stop - start == pytest.approx(6.5, abs=0.001)
        assert report["event"] in ("progress", "paused", "seeked")


def test_most_reports_are_of_playing_on_and_some_of_pauses_and_jumps() -> None:
    events = [report["event"] for report in taken(601)][1:]

    assert {name: events.count(name) for name in set(events)} == {
        "progress": 580,
        "paused": 10,
        "seeked": 10,
    }


def test_who_comes_to_the_end_goes_back_to_the_beginning() -> None:
    reports = taken(4, every_s=2000.0)

    assert max(report["watched"][0][1] for report in reports[1:]) == END_S
    assert all(0 <= report["position"] < END_S for report in reports)


def test_counts_of_quality_only_grow() -> None:
    measured = [report["quality"] for report in taken(300)]

    for name in ("stalls", "stalled_ms", "dropped_frames"):
        counts = [quality[name] for quality in measured]
        assert counts == sorted(counts)
        assert counts[-1] > counts[0]


def test_browsers_are_told_apart() -> None:
    read = UserAgents().read

    found = [(*read(one.user_agent), one.network) for one in BROWSERS]

    assert found == [
        ("desktop", "Chrome", "4g"),
        ("desktop", "Firefox", None),
        ("phone", "Safari", None),
        ("phone", "Chrome", "4g"),
    ]


class FakeTransport:
    """Keeps what was written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)


def line_of(*numbers: int) -> tuple[Line, FakeTransport]:
    line = Line([Viewer(number, f"/{number}", "s") for number in numbers])
    transport = FakeTransport()
    line.connection_made(cast(asyncio.Transport, transport))
    return line, transport


@pytest.mark.parametrize(("status", "reports", "errors"), [(200, 2, 0), (503, 0, 2)])
async def test_in_a_turn_each_viewer_of_a_line_reports_once(
    status: int, reports: int, errors: int
) -> None:
    (line, transport), turn = line_of(1, 2), Turn()
    turn.begin([line])

    for written in (1, 2):
        assert len(transport.written) == written
        assert not turn.is_over.is_set()
        line.data_received(b"HTTP/1.1 %d \r\nContent-Length: 2\r\n\r\n{}" % status)

    assert turn.is_over.is_set()
    assert [data.split()[1] for data in transport.written] == [b"/1", b"/2"]
    assert (turn.reports, turn.errors) == (reports, errors)


async def test_a_lost_connection_ends_its_turn_as_an_error() -> None:
    (line, _), turn = line_of(1, 2), Turn()
    turn.begin([line])

    line.connection_lost(None)

    assert turn.is_over.is_set()
    assert turn.errors == 1


async def test_a_player_s_interval_lies_between_two_turns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def connected(*_: object) -> list[Line]:
        return [line_of()[0]]

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(viewer_client, "connected", connected)
    await viewer_client.serve(1, [], ["\n", "\n"])

    assert slept[0] < 0 < 4 < slept[1] <= viewer_client.INTERVAL_S
    assert [json.loads(line)["reports"] for line in capsys.readouterr().out.splitlines()] == [0, 0]
