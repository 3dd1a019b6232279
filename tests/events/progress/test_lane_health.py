"""Lane health derived from the outcome of earlier reports."""

from collections.abc import Callable

import pytest

from events.progress.lane_health import LaneHealth

Past = Callable[[LaneHealth], None]


def committing(health: LaneHealth) -> None:
    health.begin(100.0)


def committed(health: LaneHealth) -> None:
    health.begin(99.0)
    health.stored(100.0)
    health.end()


def failed(health: LaneHealth) -> None:
    health.begin(99.0)
    health.failed(100.0)
    health.end()


def failed_and_committed(health: LaneHealth) -> None:
    failed(health)
    committed(health)


def refused_of(*users: str) -> Past:
    def past(health: LaneHealth) -> None:
        for user in users:
            health.refused(user, 100.0)

    return past


@pytest.mark.parametrize(
    ("past", "now_s", "state"),
    [
        pytest.param(lambda _: None, 100.0, "idle", id="nothing yet"),
        pytest.param(committing, 105.0, "idle", id="at it"),
        pytest.param(committing, 105.1, "failing", id="stuck: all who wait were refused"),
        pytest.param(committed, 105.0, "storing", id="stored"),
        pytest.param(committed, 105.1, "idle", id="stored long ago"),
        pytest.param(failed, 105.0, "failing", id="failed"),
        pytest.param(failed, 105.1, "suspect", id="failed long ago"),
        pytest.param(failed_and_committed, 101.0, "storing", id="recovered"),
        pytest.param(refused_of("eve", "eve", "eve"), 101.0, "idle", id="one user's are refused"),
        pytest.param(refused_of("eve", "ada"), 101.0, "failing", id="everybody's are refused"),
    ],
)
def test_the_past_tells_the_state(past: Past, now_s: float, state: str) -> None:
    health = LaneHealth()
    past(health)
    assert health.state(now_s) == state
