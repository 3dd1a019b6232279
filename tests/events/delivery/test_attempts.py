import pytest

from events.delivery.attempts import LONGEST_WISH_S, PAUSES_S, pause_after


def test_the_first_retry_comes_within_five_seconds() -> None:
    assert 0 < pause_after(1, chance=lambda: 1.0) <= 5


def test_pauses_grow_and_end() -> None:
    pauses = [pause_after(n + 1, chance=lambda: 0.0) or 0.0 for n in range(len(PAUSES_S))]

    assert pauses == sorted(pauses)
    assert sum(pauses) > 86400 / 2
    assert pause_after(len(PAUSES_S) + 1) is None


@pytest.mark.parametrize(
    ("wish_s", "expected_s"),
    [
        pytest.param(1.0, 3.0, id="sooner than we would"),
        pytest.param(60.0, 60.0, id="later"),
        pytest.param(1e6, LONGEST_WISH_S, id="at most so much later"),
    ],
)
def test_a_receiver_may_ask_for_more_time(wish_s: float, expected_s: float) -> None:
    assert pause_after(1, wish_s, chance=lambda: 0.0) == expected_s
