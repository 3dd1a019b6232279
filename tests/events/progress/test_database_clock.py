from datetime import UTC, datetime, timedelta

import pytest

from events.progress.database_clock import WINDOW, ClockDifference

T0 = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


def readings(difference: ClockDifference, *pairs: tuple[float, float]) -> list[float]:
    """The difference after each reading, in seconds: the database's time, ours at its arrival."""
    return [
        difference.read(T0 + timedelta(seconds=read_s), T0 + timedelta(seconds=now_s))
        / timedelta(seconds=1)
        for read_s, now_s in pairs
    ]


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        pytest.param([(0, 0.004)], [0.004], id="first"),
        pytest.param([(0, 0.004), (1, 1.050)], [0.004, 0.004], id="late answer is no news"),
        pytest.param([(0, 0.050), (1, 1.001)], [0.050, 0.001], id="quick answer is better"),
        pytest.param([(0, 20.0), (1, 21.03)], [20.0, 20.0], id="clock ahead"),
        pytest.param([(0, -20.0), (1, -18.95)], [-20.0, -20.0], id="clock behind"),
        pytest.param([(0, 5.0), (1, -4.0)], [5.0, -5.0], id="clock set back"),
    ],
)
def test_the_least_recent_difference_is_the_nearest(
    pairs: list[tuple[float, float]], expected: list[float]
) -> None:
    assert readings(ClockDifference(), *pairs) == pytest.approx(expected)


def test_a_difference_that_grew_is_known_two_windows_later() -> None:
    difference, window_s = ClockDifference(), WINDOW.total_seconds()
    steps = [n * window_s / 4 for n in range(1, 13)]

    readings(difference, (0, 0))
    grown = readings(difference, *[(at_s, at_s + 3.0) for at_s in steps])

    assert grown[0] == 0
    assert grown[-1] == pytest.approx(3.0)


def test_what_was_known_long_ago_is_forgotten() -> None:
    difference = ClockDifference()

    assert readings(difference, (0, 0), (3600, 3603)) == pytest.approx([0, 3])
