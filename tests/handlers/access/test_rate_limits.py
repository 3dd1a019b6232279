"""Per-user playback limits, with a clock that the tests set."""

import gc
import math
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.access.rate_limits import (
    BANDWIDTH_BURST_S,
    REPORT_BURST,
    PlayingLimits,
    ReportLimits,
    UserBuckets,
)
from handlers.errors import RateLimited

ADA: tuple[str, ...] = ()
MANY = 10_000
THE_WAY_S = 1e-6  # of a request to the server


def limits(requests: int = 50, period_s: int = 1, streams: int = 8, **others: int) -> PlayingLimits:
    return PlayingLimits(requests, period_s, streams, **others)


def refusal(of: PlayingLimits, user_id: str = "ada", now_s: float = 0.0) -> RateLimited:
    with pytest.raises(RateLimited) as caught:
        of.require_request(user_id, ADA, now_s)
    return caught.value


def admits(of: PlayingLimits, user_id: str, running_streams: int, now_s: float) -> bool:
    requests = of.requests_of(user_id, ADA, now_s)
    assert requests is not None
    return of.admit(requests, running_streams, now_s)


def admitted(of: PlayingLimits, user_id: str = "ada", now_s: float = 0.0) -> int:
    """Returns the number of requests that pass at that moment."""
    count = 0
    while admits(of, user_id, 0, now_s):
        count += 1
    return count


class TestRequests:
    def test_twice_the_rate_passes_at_once_and_then_the_rate(self) -> None:
        found = limits(50)

        assert admitted(found) == 100
        assert admitted(found, now_s=1.0) == 50
        assert admitted(found, now_s=1.02) == 1

    def test_a_slow_rate_is_twice_as_deep_too(self) -> None:
        found = limits(1, 3600)

        assert admitted(found) == 2
        assert admitted(found, now_s=3599.9) == 0
        assert admitted(found, now_s=3600.1) == 1

    def test_users_do_not_share_them(self) -> None:
        found = limits()
        admitted(found, "ada")

        assert admitted(found, "tess") == 100

    @pytest.mark.parametrize(
        ("requests", "period_s", "policy", "state", "retry_after"),
        [
            (50, 1, '"requests";q=100;w=2', '"requests";r=0;t=1', "1"),
            (60, 60, '"requests";q=120;w=120', '"requests";r=0;t=1', "1"),
            (6, 60, '"requests";q=12;w=120', '"requests";r=0;t=10', "10"),
            (1, 3600, '"requests";q=2;w=7200', '"requests";r=0;t=3600', "3600"),
        ],
    )
    def test_refusal_says_when_to_come_again(
        self, requests: int, period_s: int, policy: str, state: str, retry_after: str
    ) -> None:
        found = limits(requests, period_s)
        admitted(found)

        assert refusal(found).headers == {
            "Retry-After": retry_after,
            "RateLimit-Policy": f'{policy}, "streams";q=8;qu="concurrent-requests"',
            "RateLimit": state,
        }

    def test_services_are_free_of_them_and_admins_are_not(self) -> None:
        found = limits(1, 3600)
        for _ in range(100):
            found.require_request("svc", ("service",), 0.0)
            found.require_request("both", ("admin", "service"), 0.0)
        for _ in range(2):
            found.require_request("root", ("admin",), 0.0)

        with pytest.raises(RateLimited):
            found.require_request("root", ("admin",), 0.0)


def test_refusals_are_counted_by_limit() -> None:
    playing, reports = limits(1, 3600, streams=1), ReportLimits(1, 3600)
    admitted(playing)
    for _ in range(2):
        refusal(playing)
    with pytest.raises(RateLimited):
        playing.require_stream(ADA, 1)
    for _ in range(REPORT_BURST):
        reports.require("ada", ADA, 0.0)
    with pytest.raises(RateLimited):
        reports.require("ada", ADA, 0.0)

    assert playing.refused_counts == {"requests": 2, "streams": 1}
    assert reports.refused_count == 1


@given(
    st.integers(1, 100),
    st.sampled_from([1, 60, 3600]),
    st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 100)), max_size=200),
)
def test_admit_decides_as_require_does_and_who_waits_that_long_is_let_in(
    requests: int, period_s: int, asked: list[tuple[str, float]]
) -> None:
    one, other, now_s = limits(requests, period_s), limits(requests, period_s), 0.0
    for user_id, step_s in asked:
        now_s += step_s
        if admits(one, user_id, 0, now_s):
            other.require_request(user_id, ADA, now_s)
        else:
            now_s += int(refusal(other, user_id, now_s).headers["Retry-After"]) + THE_WAY_S
            assert admits(one, user_id, 0, now_s)
            other.require_request(user_id, ADA, now_s)


class TestStreams:
    def test_as_many_as_allowed_and_no_more(self) -> None:
        found = limits(streams=2)
        found.require_stream(ADA, 1)

        with pytest.raises(RateLimited) as caught:
            found.require_stream(ADA, 2)
        assert caught.value.headers == {
            "Retry-After": "2",
            "RateLimit-Policy": '"requests";q=100;w=2, "streams";q=2;qu="concurrent-requests"',
            "RateLimit": '"streams";r=0',
        }
        answers = [admits(found, "ada", running, 0.0) for running in (0, 1, 2, 3)]
        assert answers == [True, True, False, False]

    def test_one_that_is_refused_takes_no_request(self) -> None:
        found = limits(streams=1)
        for _ in range(1000):
            assert not admits(found, "ada", 1, 0.0)

        assert admitted(found) == 100

    def test_services_are_free_of_them_and_admins_are_not(self) -> None:
        found = limits(streams=1)
        found.require_stream(("service",), 1000)

        with pytest.raises(RateLimited):
            found.require_stream(("admin",), 1)


class TestBandwidth:
    def test_there_is_none_without_a_limit(self) -> None:
        assert limits().bandwidth("ada", ADA, 0.0) is None

    def test_transfers_of_one_user_share_it(self) -> None:
        found = limits(bandwidth_bytes_per_s=1000)
        first = found.bandwidth("ada", ADA, 0.0)

        assert first is found.bandwidth("ada", ADA, 5.0)
        assert first is not found.bandwidth("tess", ADA, 5.0)
        assert first is not None
        assert first.rate_per_s == 1000

    def test_services_are_free_of_it_and_admins_are_not(self) -> None:
        found = limits(bandwidth_bytes_per_s=1000)

        assert found.bandwidth("svc", ("service",), 0.0) is None
        assert found.bandwidth("root", ("admin",), 0.0) is not None

    def test_eight_transfers_are_within_a_twentieth_over_ten_seconds(self) -> None:
        """Each sends windows of a twentieth of a second, and then waits as long as it is told."""
        bucket = limits(bandwidth_bytes_per_s=1000).bandwidth("ada", ADA, 0.0)
        assert bucket is not None
        due_s, sent_bytes = [0.0] * 8, 0
        while min(due_s) < 10.0:
            turn = due_s.index(min(due_s))
            sent_bytes += 50
            due_s[turn] += max(bucket.owe(50, due_s[turn]), 1e-6)

        assert 10_000 <= sent_bytes <= 10_500

    def test_a_debt_is_remembered_between_transfers(self) -> None:
        found = limits(bandwidth_bytes_per_s=1000)
        bucket = found.bandwidth("ada", ADA, 0.0)
        assert bucket is not None
        bucket.owe(3000 + 1000 * BANDWIDTH_BURST_S, 0.0)
        del bucket
        gc.collect()
        for number in range(MANY):
            found.bandwidth(f"user-{number}", ADA, 1.0)

        again = found.bandwidth("ada", ADA, 1.0)
        assert again is not None
        assert again.level(1.0) == pytest.approx(-2000)

    def test_what_a_slow_transfer_holds_is_not_made_a_second_time(self) -> None:
        found = limits(bandwidth_bytes_per_s=1000, max_users=10)
        held = found.bandwidth("ada", ADA, 0.0)
        for number in range(100):
            found.bandwidth(f"user-{number}", ADA, 60.0)

        assert found.bandwidth("ada", ADA, 60.0) is held


class TestMemory:
    def test_full_buckets_are_forgotten(self) -> None:
        buckets = UserBuckets(50, 100)
        for number in range(MANY):
            buckets.of(f"user-{number}", now_s := number * 1.0).take(50, now_s)

        assert len(buckets) <= 3

    def test_after_a_rush_they_shrink_with_every_new_user(self) -> None:
        buckets = UserBuckets(50, 100)
        for number in range(MANY):
            buckets.of(f"user-{number}", 0.0).take(1, 0.0)
        assert len(buckets) == MANY
        for number in range(MANY):
            buckets.of(f"later-{number}", 10.0 + number)

        assert len(buckets) <= 3

    def test_one_that_is_not_full_is_kept_whoever_else_comes(self) -> None:
        found = limits(1, 3600)
        admitted(found)
        for number in range(MANY):
            admits(found, f"user-{number}", 0, number * 0.1)

        assert refusal(found, now_s=1000.0).headers["Retry-After"] == "2600"

    def test_there_are_never_more_than_the_bound(self) -> None:
        buckets = UserBuckets(1, 100, max_users=10)
        for number in range(1000):
            buckets.of(f"user-{number}", 0.0).take(100, 0.0)
            assert len(buckets) <= 10


def dragged(seconds: int) -> Iterator[tuple[float, int]]:
    """A person who drags the scrubber, as Chromium asks: when, and how many streams run still.

    Twenty seeks a second come in fours. Each cuts the connection before it, whose end may be seen
    a little later, and opens one; every fifth asks its cache's validator as well.
    """
    for tick in range(seconds * 5):
        for seek in range(4):
            yield tick / 5, min(1 + seek, 3)
            if seek == 0:
                yield tick / 5, 2


def test_a_scrubber_may_be_dragged_for_a_minute() -> None:
    found = limits()
    first_load = [admits(found, "ada", 0, 0.0) for _ in range(4 + 20)]  # moov at the end; pictures
    asked = [admits(found, "ada", running, now_s) for now_s, running in dragged(60)]

    assert all(first_load)
    assert len(asked) == 60 * 25
    assert all(asked)


def test_a_flood_is_held_at_the_rate() -> None:
    found = limits()
    passed = sum(admits(found, "ada", 0, ms / 1000) for ms in range(10_000))

    assert passed == pytest.approx(100 + 10 * 50, abs=1)
    assert math.isclose(passed / 10, 60, rel_tol=0.01)


class TestReports:
    def test_a_queue_passes_and_then_so_many_a_second(self) -> None:
        found = ReportLimits(10, 1)

        assert sum(found.take("ada", ADA, 0.0) == 0.0 for _ in range(100)) == 60
        assert sum(found.take("ada", ADA, 2.0) == 0.0 for _ in range(100)) == 20
        assert sum(found.take("bob", ADA, 2.0) == 0.0 for _ in range(100)) == 60

    def test_who_waits_that_long_is_let_in(self) -> None:
        found = ReportLimits(1, 60)
        for _ in range(6):
            found.require("ada", ADA, 0.0)
        with pytest.raises(RateLimited) as caught:
            found.require("ada", ADA, 0.0)

        assert caught.value.headers["Retry-After"] == "60"
        assert caught.value.headers["RateLimit-Policy"] == '"reports";q=6;w=360'
        assert caught.value.headers["RateLimit"] == '"reports";r=0;t=60'
        found.require("ada", ADA, 60.0 + THE_WAY_S)

    def test_services_are_free_of_them_and_admins_are_not(self) -> None:
        found = ReportLimits(1, 3600)

        assert {found.take("svc", ("service",), 0.0) for _ in range(100)} == {0.0}
        assert sum(found.take("root", ("admin",), 0.0) == 0.0 for _ in range(100)) == 6


class TestSharing:
    def test_each_bucket_is_shared_by_its_name(self) -> None:
        assert set(limits().shared()) == {"requests"}
        assert set(limits(bandwidth_bytes_per_s=1000).shared()) == {"requests", "bandwidth"}
        assert set(ReportLimits(10, 1).shared()) == {"reports"}

    def test_what_was_taken_is_collected_once(self) -> None:
        buckets = UserBuckets(10, 20)
        buckets.of("ada", 0.0).take(3, 0.0)
        buckets.of("bob", 0.0)

        assert buckets.collect() == {"ada": 3}
        assert buckets.collect() == {}

    def test_a_transfer_whose_bucket_was_forgotten_is_collected(self) -> None:
        buckets = UserBuckets(10, 20)
        held = buckets.of("ada", 0.0)
        buckets.of("bob", 1.0)
        assert len(buckets) == 1
        held.owe(5, 2.0)

        assert buckets.collect() == {"ada": 5}

    def test_a_user_unknown_here_is_charged_for_what_was_given_elsewhere(self) -> None:
        buckets = UserBuckets(10, 20)

        buckets.charge("ada", 25, 0.0)

        assert buckets.of("ada", 0.0).take(1, 0.0) == pytest.approx(0.6)
        assert buckets.collect() == {}
