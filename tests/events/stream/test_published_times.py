"""Ages of events by their ids: right to a second, bounded."""

import pytest

from events.stream import published_times
from events.stream.published_times import PublishedTimes


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def published(clock: Clock, *at_s: float) -> PublishedTimes:
    """Events 1, 2, ... at these times."""
    times = PublishedTimes(clock)
    for event_id, clock.now_s in enumerate(at_s, 1):
        times.note(event_id)
    return times


@pytest.mark.parametrize(
    ("event_id", "age_s"),
    [
        pytest.param(1, 10.0, id="the first"),
        pytest.param(2, 10.0, id="of the same second"),
        pytest.param(3, 7.0, id="of a later one"),
        pytest.param(5, 2.0, id="the last"),
        pytest.param(9, 2.0, id="of the log, published by none yet"),
        pytest.param(0, 10.0, id="before all that is known"),
    ],
)
def test_an_age_is_right_to_a_second(event_id: int, age_s: float) -> None:
    clock = Clock()
    times = published(clock, 0.0, 0.5, 3.0, 3.9, 8.0)
    clock.now_s = 10.0

    assert times.age_s(event_id) == age_s


def test_nothing_published_has_no_age() -> None:
    assert PublishedTimes(Clock()).age_s(1) == 0.0


def test_marks_are_bounded_and_the_oldest_stands_for_those_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(published_times, "MOST_MARKS", 2)
    clock = Clock()
    times = published(clock, 0.0, 5.0, 6.0)

    assert times.age_s(1) == 1.0
    assert times.age_s(3) == 0.0
