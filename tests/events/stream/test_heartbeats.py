from typing import Any

import pytest

from events.stream.heartbeats import Heartbeats
from events.stream.missed_events import Replay
from events.stream.subscriber import Subscriber
from events.stream.visibility import Scope, Viewpoint

NEVER = float("inf")


class Clocks:
    """A monotonic clock, and the wall clock."""

    def __init__(self) -> None:
        self.steady_s, self.wall_s = 50.0, 1_700_000_000.0

    def pass_s(self, seconds: float) -> None:
        self.steady_s += seconds
        self.wall_s += seconds


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


def heartbeats(clocks: Clocks, interval_s: float) -> Heartbeats:
    return Heartbeats(interval_s, lambda: clocks.steady_s, lambda: clocks.wall_s)


def stream(expires_at: float = NEVER) -> Subscriber:
    viewpoint = Viewpoint(Scope("me"))
    unused: Any = None
    return Subscriber(viewpoint, Replay(unused, viewpoint), 1, expires_at=expires_at)


@pytest.mark.parametrize("interval_s", [1, 15, 300])
def test_every_stream_is_due_within_the_interval_and_not_much_more_often(
    clocks: Clocks, interval_s: int
) -> None:
    beats = heartbeats(clocks, interval_s)
    beats.expect(stream())
    last_s, gaps_s = clocks.steady_s, []
    while len(gaps_s) < 10:
        clocks.pass_s(beats.tick_s)
        for subscriber in beats.due():
            gaps_s.append(clocks.steady_s - last_s)
            last_s = clocks.steady_s
            beats.expect(subscriber)

    assert max(gaps_s) <= interval_s * 0.95
    assert min(gaps_s) >= interval_s * 0.75


@pytest.mark.parametrize("left_s", [0.0, 0.1, 7.0, 13.0])
def test_a_stream_is_due_when_it_expires_and_not_before(clocks: Clocks, left_s: float) -> None:
    beats = heartbeats(clocks, 15)
    ending = stream(expires_at=clocks.wall_s + left_s)
    beats.expect(ending)
    clocks.pass_s(left_s - 0.01)
    if left_s:
        assert not beats.is_expired(ending)
        assert beats.due() == []
    clocks.pass_s(0.01 + beats.tick_s)

    assert beats.due() == [ending]
    assert beats.is_expired(ending)


def test_one_that_expired_long_ago_is_due_at_the_next_tick(clocks: Clocks) -> None:
    beats = heartbeats(clocks, 15)
    ending = stream(expires_at=clocks.wall_s - 3600)
    beats.expect(ending)
    clocks.pass_s(beats.tick_s)

    assert beats.due() == [ending]


def test_a_wall_clock_that_is_set_back_stops_no_heartbeat(clocks: Clocks) -> None:
    beats = heartbeats(clocks, 15)
    beats.expect(subscriber := stream())
    clocks.wall_s -= 3600
    clocks.steady_s += 15

    assert beats.due() == [subscriber]


def test_who_is_forgotten_or_was_due_is_kept_nowhere(clocks: Clocks) -> None:
    beats = heartbeats(clocks, 15)
    left, due = stream(), stream()
    beats.expect(left)
    beats.expect(due)
    beats.expect(due)
    beats.forget(left)
    beats.forget(left)
    clocks.pass_s(15)

    assert beats.due() == [due]
    assert beats.due() == []
    assert (len(beats), beats._slots) == (0, {})


def test_they_are_expected_while_there_is_a_stream(clocks: Clocks) -> None:
    beats = heartbeats(clocks, 15)
    first, second = stream(), stream()
    assert not beats.are_expected.is_set()
    for one in (first, second, first):
        beats.expect(one)
    assert beats.are_expected.is_set()
    beats.forget(first)
    assert beats.are_expected.is_set()

    clocks.pass_s(15)
    assert beats.due() == [second]
    assert not beats.are_expected.is_set()
    beats.expect(second)
    assert beats.are_expected.is_set()
    beats.forget(second)
    beats.forget(second)
    assert not beats.are_expected.is_set()
