"""Charges from one reading of postings to the next, whatever was missed between."""

import msgspec
import pytest

from events.usage.postings import (
    QUIET_POSTINGS,
    SILENT_READINGS,
    Charge,
    Others,
    PostedSums,
    Posting,
)


def taken(**sums: float) -> Posting:
    return Posting(taken={"requests": sums})


def running(**counts: int) -> Posting:
    return Posting(running={"streams": counts})


@pytest.mark.parametrize(
    ("before", "now", "charges"),
    [
        pytest.param(taken(ada=3.0), taken(ada=5.0), [("ada", 2.0)], id="more"),
        pytest.param(taken(ada=3.0), taken(ada=3.0), [], id="nothing"),
        pytest.param(taken(), taken(ada=4.0), [("ada", 4.0)], id="a new user"),
        pytest.param(taken(ada=3.0), taken(), [], id="a user who is quiet"),
        pytest.param(taken(ada=9.0), taken(ada=2.0), [], id="a sum that shrank"),
        pytest.param(Posting(), taken(ada=1.0), [("ada", 1.0)], id="a new limit"),
    ],
)
def test_what_was_taken_between_two_readings_is_charged(
    before: Posting, now: Posting, charges: list[tuple[str, float]]
) -> None:
    others = Others()
    others.read({"b": before})

    assert list(others.read({"b": now})) == [Charge("requests", *charge) for charge in charges]


def test_a_process_that_appears_is_not_charged_for_its_past() -> None:
    others = Others()

    assert list(others.read({"b": taken(ada=1000.0)})) == []
    assert list(others.read({})) == []
    assert list(others.read({"b": taken(ada=2000.0)})) == []


def test_running_ones_are_counted_by_user_and_in_all() -> None:
    others = Others()
    count = others.counter("streams")
    assert count("ada") == 0
    others.read({"c": running(ada=3, eve=1), "a": running(ada=2), "b": Posting()})

    assert others.running("streams", "ada") == count("ada") == count("ada") == 5
    assert others.running_before("b", "streams", "ada") == 2
    assert others.running("event_streams", "ada") == 0
    assert others.total("streams") == 6
    assert len(others) == 3


def test_what_ran_in_a_process_that_posts_nothing_new_does_not_count() -> None:
    others = Others()
    count = others.counter("streams")
    silent, old = running(ada=2), running(ada=3)
    silent = msgspec.structs.replace(silent, number=7)
    for living in range(SILENT_READINGS):
        others.read({"a": silent, "b": old, "c": Posting(number=living)})
        assert count("ada") == others.total("streams") == 5

    others.read({"a": silent, "b": old, "c": Posting(number=SILENT_READINGS)})
    assert count("ada") == others.running("streams", "ada") == others.total("streams") == 3
    assert others.running_before("b", "streams", "ada") == 0

    others.read({"a": msgspec.structs.replace(silent, number=8)})
    assert count("ada") == 2, "it was only slow"


def test_a_sum_grows_and_ends_after_it_was_quiet() -> None:
    sums = PostedSums()
    assert sums.add({"ada": 2.0}) == {"ada": 2.0}
    assert sums.add({"ada": 1.0, "eve": 1.0}) == {"ada": 3.0, "eve": 1.0}
    for _ in range(QUIET_POSTINGS):
        assert sums.add({"eve": 1.0})["ada"] == 3.0

    assert "ada" not in sums.add({})
    assert sums.add({"ada": 1.0})["ada"] == 1.0, "not charged again for what it took before"
