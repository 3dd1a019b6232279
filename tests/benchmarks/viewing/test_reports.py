"""Results of the benchmark of reports, and the arithmetic of its players."""

import asyncio
import json
from pathlib import Path
from typing import Any, cast

import pytest

from benchmarks.clients.report_client import Player, Run
from benchmarks.viewing.reports import (
    ECHO,
    GRANT_SECRET,
    NAIVE,
    PRODUCT,
    TTL_S,
    Sample,
    Seen,
    verdicts,
    write_seen_targets,
    write_viewers,
)
from handlers.access.grants import Grants
from tests.harness.waiting import wait_until


def sample(name: str, per_second: float, *, p99_ms: float = 0.0, us: float = 100.0) -> Sample:
    found = {"per_second": per_second, "p50_ms": 0.0, "p99_ms": p99_ms, "errors": 1.0}
    return Sample(name, found, commits=per_second / 10, server_us=us)


def a_round(product: float, echo: float, naive: float) -> dict[str, Sample]:
    return {
        PRODUCT: sample(PRODUCT, product, us=200.0),
        ECHO: sample(ECHO, echo),
        NAIVE: sample(NAIVE, naive),
    }


def test_ratios_are_those_within_each_round() -> None:
    rounds = [a_round(500, 1000, 250), a_round(900, 1000, 300), a_round(600, 2000, 600)]
    half = [sample(PRODUCT, 100, p99_ms=p99_ms) for p99_ms in (80, 90, 200)]

    assert list(verdicts(rounds, half)) == [
        "reports a second, of echo's: 0.50 [0.30 to 0.90] (at least 0.6)",
        "reports a second, of naive's: 2.00 [1.00 to 3.00] (at least 1.5)",
        "processor time of echo's request, of a report's: 0.50 [0.50 to 0.50]",
        "p99 at half of its rate, ms: 90 [80 to 200] (at most 100)",
        "commits a second: 30 [10 to 90] (at most 200)",
        "errors: 12",
    ]


def test_viewers_report_about_what_they_have_seen(tmp_path: Path) -> None:
    video_id = "00000000-0000-4000-8000-000000000007"

    write_seen_targets(tmp_path, [Seen("u7", video_id, "c0", 300.0)])

    assert {file.name for file in tmp_path.iterdir()} == {PRODUCT, ECHO, NAIVE}
    path, session = (tmp_path / PRODUCT).read_text().split()
    _, _, token, video, last = path.split("/")
    grant = Grants(GRANT_SECRET, TTL_S).playback(token)
    assert (video, last, session) == (video_id, "progress", "session-0")
    assert (grant.user_id, grant.course_id, grant.duration_s) == ("u7", "c0", 300.0)


class FakePlayer:
    """Notes when its reports were due."""

    def __init__(self) -> None:
        self.due_s: list[float] = []

    def report(self, due_s: float) -> None:
        self.due_s.append(due_s)


def as_player(fake: FakePlayer) -> Player:
    return cast(Player, fake)


def test_without_a_rate_each_answer_is_followed_by_a_report() -> None:
    run, player = Run(0.0), FakePlayer()

    run.answered(as_player(player), is_well=True, due_s=0.0)

    assert len(player.due_s) == 1


async def test_at_a_rate_a_report_counts_from_when_it_was_due() -> None:
    run, player = Run(1000.0), FakePlayer()
    going = asyncio.create_task(run.keep_going([as_player(player)]))
    await wait_until(lambda: player.due_s and run._overdue, within_s=10)
    going.cancel()
    overdue_s = run._overdue[0]
    run.answered(as_player(player), is_well=True, due_s=player.due_s[0])

    assert player.due_s[1] == overdue_s == pytest.approx(player.due_s[0] + 0.001)


@pytest.mark.parametrize("is_counting", [False, True])
def test_only_what_was_answered_well_while_counting_is_found(*, is_counting: bool) -> None:
    run, player = Run(1.0), FakePlayer()
    run.is_counting = is_counting
    run.answered(as_player(player), is_well=True, due_s=0.0)
    run.answered(as_player(player), is_well=False, due_s=0.0)

    found: dict[str, Any] = run.found(seconds=2.0)

    assert found["reports"] == int(is_counting)
    assert found["per_second"] == int(is_counting) / 2
    assert found["errors"] == 1


class FakeTransport:
    """Keeps what was written."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data


def test_reports_are_those_of_a_player() -> None:
    player, transport = Player(Run(1.0), "/play/g/v/progress", "s"), FakeTransport()
    player._transport = cast(asyncio.Transport, transport)
    player.report(0.0)

    head, _, body = transport.written.partition(b"\r\n\r\n")
    assert head.endswith(f"Content-Length: {len(body)}".encode())
    assert json.loads(body).keys() == {"session_id", "sequence", "position", "watched", "event"}


def test_viewers_are_spread_over_the_lectures(tmp_path: Path) -> None:
    video_ids = [f"00000000-0000-4000-8000-00000000000{number}" for number in range(2)]

    write_viewers(tmp_path / "viewers", video_ids, 3)

    lines = [line.split() for line in (tmp_path / "viewers").read_text().splitlines()]
    grants = Grants(GRANT_SECRET, TTL_S)
    named = [grants.playback(path.split("/")[2]) for path, _ in lines]
    assert [str(grant.video_id) for grant in named] == [*video_ids, video_ids[0]]
    assert [grant.user_id for grant in named] == ["user-0", "user-1", "user-2"]
    assert len({session for _, session in lines}) == 3
