"""The bound on claims: honest players of every kind never meet it, cheaters of every kind do."""

import os
from collections.abc import Callable, Sequence
from random import Random

import pytest

from events.progress.plausibility import SLACK_S, allow, opened, room
from events.reports import ProgressReport
from tests.events.progress.players import Habits, HonestPlayer, Server, at, report

# Of all kinds together.
STEPS = 1_000_000 if os.environ.get("FULL") == "1" else 20_000
SEEDS = 2


@pytest.mark.parametrize(
    ("reports", "allowed_s"),
    [
        pytest.param([(0.0, 0.0, None)], 10.0, id="at the start"),
        pytest.param([(5.0, 5.0, None)], 20.0, id="no rate"),
        pytest.param([(5.0, 5.0, 0.5)], 20.0, id="slower than twice"),
        pytest.param([(5.0, 5.0, 4.0)], 30.0, id="faster than twice"),
        pytest.param([(5.0, 5.0, 4.0), (10.0, 10.0, 1.0)], 40.0, id="slows down"),
        pytest.param([(5.0, 5.0, 1.0), (10.0, 10.0, 4.0)], 50.0, id="speeds up"),
        pytest.param([(3.0, 60.0, None)], 16.0, id="delayed"),
        pytest.param([(-9.0, 60.0, None)], 130.0, id="delayed since before the session"),
        pytest.param([(5.0, 5.0, None), (4.0, 60.0, None)], 130.0, id="made before the last"),
    ],
)
def test_seconds_that_a_session_may_count(
    reports: Sequence[tuple[float, float, float | None]], allowed_s: float
) -> None:
    account = opened(at(0))
    for made_s, received_s, rate in reports:
        allow(account, at(made_s), at(received_s), rate)

    assert account.allowed_s == pytest.approx(allowed_s)
    assert room(account) == round(allowed_s * 100)


HONEST = {
    "at its own pace": Habits(),
    "twice as fast": Habits(rates=(2.0,), seeks=0.0, pauses=0.0),
    "twice as fast, without saying so": Habits(
        rates=(2.0,), seeks=0.0, pauses=0.0, tells_rate=False
    ),
    "at changing rates": Habits(rates=(0.25, 1.0, 1.5, 2.0, 3.0, 4.0, 16.0)),
    "seeking": Habits(rates=(2.0,), seeks=0.5),
    "replaying": Habits(rates=(1.0, 2.0), replays=0.3),
    "pausing": Habits(pauses=0.3),
    "in the background": Habits(rates=(1.0, 2.0), step_s=(1.0, 60.0)),
    "on a bad line": Habits(rates=(2.0,), goes_offline=0.1, repeats=0.3),
    "offline for a week": Habits(
        rates=(1.0, 2.0), goes_offline=0.01, offline_s=(86400.0, 7 * 86400.0), pause_s=(1, 86400)
    ),
    "with a clock that is set": Habits(rates=(2.0,), goes_offline=0.1, sets_clock=0.1),
    "leaving by beacons": Habits(rates=(1.0, 2.0), goes_offline=0.2, shuffles=True, repeats=0.1),
    "saying all each time": Habits(rates=(2.0,), tells_all=True, goes_offline=0.05),
    "without a named session": Habits(rates=(2.0,), is_named=False, goes_offline=0.05),
    "with everything at once": Habits(
        rates=(0.5, 1.0, 2.0, 4.0),
        seeks=0.2,
        replays=0.1,
        goes_offline=0.1,
        sets_clock=0.05,
        repeats=0.2,
    ),
}


@pytest.mark.parametrize("tabs", [pytest.param(1, id="one tab"), pytest.param(2, id="two tabs")])
@pytest.mark.parametrize("habits", [pytest.param(one, id=name) for name, one in HONEST.items()])
def test_an_honest_player_is_never_capped(habits: Habits, tabs: int) -> None:
    steps = STEPS // (len(HONEST) * 2 * tabs * SEEDS)
    for seed in range(SEEDS):
        random = Random(seed)
        server = Server(duration_s=random.choice([30.0, 3600.0, 86400.0, None]))
        players = [HonestPlayer(server, habits, random, f"tab-{tab}") for tab in range(tabs)]
        for _ in zip(*(player.steps(steps) for player in players), strict=True):
            assert server.capped_s == 0
        assert server.watched_s > 0


def at_once() -> list[ProgressReport]:
    return [report(1.5, 0, [(0, 3600)])]


def in_small_pieces() -> list[ProgressReport]:
    return [report(n / 100, n, [(n * 5, n * 5 + 5)]) for n in range(500)]


def in_slivers() -> list[ProgressReport]:
    return [
        report(n / 100, n, [(n * 60 + k * 0.26, n * 60 + k * 0.26 + 0.01) for k in range(200)])
        for n in range(50)
    ]


def with_delays() -> list[ProgressReport]:
    return [report(5, n, [(n * 60, n * 60 + 60)], delayed_s=3600.0 - n) for n in range(50)]


def without_order() -> list[ProgressReport]:
    return [report(5 + n / 100, 50 - n, [(n * 60, n * 60 + 60)]) for n in range(50)]


def under_one_number() -> list[ProgressReport]:
    return [report(5 + n / 100, 7, [(n * 60, n * 60 + 60)]) for n in range(50)]


def again_and_again() -> list[ProgressReport]:
    return [report(1 + n / 10, n, [(0, 3600)]) for n in range(50)]


def around_what_counted() -> list[ProgressReport]:
    return [report(5, n, [(n * 0.5, n * 0.5 + 0.3), (3000 - n, 3000)]) for n in range(200)]


def after_idling() -> list[ProgressReport]:
    return [report(600, 0), report(600.1, 1, [(0, 3600)])]


def at_a_small_rate() -> list[ProgressReport]:
    return [report(n * 5.0, n, [(n * 100, n * 100 + 100)], rate=0.0) for n in range(30)]


def beyond_the_end() -> list[ProgressReport]:
    return [report(n / 10, n, [(0, 3601), (3590, 3601)]) for n in range(20)]


def backwards() -> list[ProgressReport]:
    return [report(n / 10, n, [(3600 - n * 60 - 60, 3600 - n * 60)]) for n in range(50)]


CHEATERS = [
    at_once,
    in_small_pieces,
    in_slivers,
    with_delays,
    without_order,
    under_one_number,
    again_and_again,
    around_what_counted,
    after_idling,
    at_a_small_rate,
    beyond_the_end,
    backwards,
]


@pytest.mark.parametrize(
    "is_batch", [pytest.param(False, id="singly"), pytest.param(True, id="in one batch")]
)
@pytest.mark.parametrize("claims", CHEATERS)
def test_a_cheater_counts_what_could_have_been_played(
    claims: Callable[[], list[ProgressReport]], is_batch: bool
) -> None:
    server, reports = Server(named={"s": 0.0}), claims()
    if is_batch:
        server.take(*reports)
    else:
        for each in reports:
            server.take(each)
    passed_s = max((each.received_at - at(0)).total_seconds() for each in reports)

    assert server.capped_s > 0
    assert server.watched_s <= SLACK_S + 2 * passed_s + 0.001


def test_a_rate_that_is_reported_bounds_who_lies_about_it() -> None:
    server = Server(named={"s": 0.0})
    server.take(report(10, 0, [(0, 3600)], rate=16.0))

    assert server.watched_s == SLACK_S + 16 * 10


def test_the_earliest_new_seconds_count_first() -> None:
    server = Server(named={"s": 0.0})
    server.take(report(0, 0, [(5, 8)]))
    server.take(report(1, 1, [(100, 110), (0, 20)]))

    assert list(server.watched.pieces) == [(0, 1200)]


def test_a_session_that_nobody_named_starts_with_its_first_report() -> None:
    server = Server()

    assert server.take(report(100, 0, [(0, 30)], delayed_s=50.0)) == 20
    assert server.take(report(100, 1, [(0, 30)], delayed_s=40.0)) == 0


def test_services_are_believed() -> None:
    server = Server(named={"s": 0.0})

    assert server.take(report(0, 0, [(0, 3600)], is_believed=True)) == 0
    assert server.watched_s == 3600
