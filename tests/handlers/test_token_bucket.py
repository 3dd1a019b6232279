"""The token bucket: bursts up to its depth, then its rate, whatever the clock does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.token_bucket import TokenBucket


def test_a_full_bucket_gives_its_depth_at_once_and_then_asks_to_wait():
    bucket = TokenBucket(10, 20, 0.0)

    assert [bucket.take(1, 0.0) for _ in range(20)] == [0.0] * 20
    assert bucket.take(1, 0.0) == pytest.approx(0.1)


def test_what_is_refused_takes_nothing():
    bucket = TokenBucket(10, 1, 0.0)
    bucket.take(1, 0.0)

    assert bucket.take(1, 0.05) == pytest.approx(0.05)
    assert bucket.take(1, 0.1) == 0.0


def test_it_holds_no_more_than_its_depth_however_long_it_rests():
    bucket = TokenBucket(10, 20, 0.0)

    assert bucket.level(1e9) == 20


def test_a_debt_is_taken_and_returned_in_seconds():
    bucket = TokenBucket(100, 50, 0.0)

    assert bucket.owe(50, 0.0) == 0.0
    assert bucket.owe(200, 0.0) == pytest.approx(2.0)
    assert bucket.owe(0, 1.0) == pytest.approx(1.0)
    assert bucket.level(2.5) == pytest.approx(50)


def test_a_clock_that_is_set_back_gives_nothing_away():
    bucket = TokenBucket(10, 1, 100.0)
    bucket.take(1, 100.0)

    assert bucket.take(1, 50.0) == pytest.approx(0.1)
    assert bucket.take(1, 100.2) == 0.0


@given(
    st.floats(0.1, 1e6),
    st.floats(1, 1e6),
    st.lists(st.tuples(st.floats(0, 10), st.floats(0, 1000)), max_size=50),
)
def test_never_more_than_depth_and_refill_passes(
    rate: float, depth: float, asked: list[tuple[float, float]]
):
    bucket, now_s, passed = TokenBucket(rate, depth, 0.0), 0.0, 0.0
    for step_s, amount in asked:
        now_s += step_s
        passed += amount if bucket.take(amount, now_s) == 0.0 else 0.0

    assert passed <= depth + rate * now_s * (1 + 1e-9) + 1e-6


def test_what_was_counted_elsewhere_is_charged_but_not_taken():
    bucket = TokenBucket(10, 5, 0.0)
    bucket.take(2, 0.0)
    bucket.owe(1, 0.0)

    bucket.charge(4, 0.0, 60)

    assert bucket.taken == 3
    assert bucket.level(0.0) == pytest.approx(-2)
    assert bucket.take(1, 0.0) == pytest.approx(0.3)


def test_a_charge_is_for_so_long_and_never_gives():
    bucket = TokenBucket(10, 5, 0.0)
    bucket.charge(1e9, 0.0, 60)
    assert bucket.level(0.0) == pytest.approx(-600)
    bucket.owe(100, 0.0)

    bucket.charge(1, 0.0, 60)

    assert bucket.level(0.0) == pytest.approx(-700)
