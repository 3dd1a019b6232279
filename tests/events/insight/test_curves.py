import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.insight.curves import MOST_STEPS, Steps, added

DURATIONS = st.integers(1, 400_000)


@pytest.mark.parametrize(
    ("duration_cs", "step_s", "count"),
    [
        (1, 1, 1),
        (100, 1, 1),
        (101, 1, 2),
        (60_000, 1, 600),
        (60_001, 2, 301),
        (120_000, 2, 600),
        (360_000, 6, 600),
        (360_001, 7, 515),
    ],
)
def test_steps_are_seconds_and_at_most_six_hundred(
    duration_cs: int, step_s: int, count: int
) -> None:
    steps = Steps(duration_cs)
    assert (steps.step_s, steps.count) == (step_s, count)


@given(duration_cs=DURATIONS, data=st.data())
def test_a_piece_counts_in_the_steps_whose_middle_it_holds(
    duration_cs: int, data: st.DataObject
) -> None:
    steps = Steps(duration_cs)
    assert steps.count <= MOST_STEPS
    times = st.integers(0, duration_cs)
    pieces = [
        (min(pair), max(pair)) for pair in data.draw(st.lists(st.tuples(times, times), max_size=5))
    ]
    size = steps.step_s * 100
    middles = [
        (step * size + min((step + 1) * size, duration_cs)) // 2 for step in range(steps.count)
    ]

    expected = [sum(start <= middle < stop for start, stop in pieces) for middle in middles]

    assert steps.counted(pieces) == expected


@given(duration_cs=DURATIONS)
def test_the_whole_video_is_in_every_step_once(duration_cs: int) -> None:
    steps = Steps(duration_cs)
    assert steps.counted([(0, duration_cs)]) == [1] * steps.count
    assert steps.summed({0: 1, steps.count: -1}) == [1] * steps.count


def test_curves_are_added_step_by_step() -> None:
    assert added([1, 2], [3, 4]) == [4, 6]
