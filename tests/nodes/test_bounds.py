"""Waits that the tests of nodes accept: two seconds, and what the machine was late meanwhile."""

import pytest

from tests.nodes.viewers import Record, Span

WITHIN_S = 2.0


@pytest.mark.parametrize(
    ("wait_s", "pause", "is_too_long"),
    [
        pytest.param(1.9, None, False, id="short enough"),
        pytest.param(2.1, None, True, id="too long"),
        pytest.param(2.1, Span(11.0, 11.1), False, id="the machine paused meanwhile"),
        pytest.param(3.0, Span(11.0, 11.1), True, id="by less than that"),
        pytest.param(2.1, Span(8.0, 9.0), True, id="it paused before"),
        pytest.param(2.1, Span(13.0, 14.0), True, id="it paused after"),
        pytest.param(3.9, Span(11.0, 11.25), False, id="the most that is excused"),
        pytest.param(4.1, Span(11.0, 11.25), True, id="more than that"),
    ],
)
def test_a_wait_is_too_long_but_for_pauses_of_the_machine(
    wait_s: float, pause: Span | None, is_too_long: bool
) -> None:
    record = Record(waits=[Span(10.0, 10.0 + wait_s)], pauses=[pause] if pause else [])

    assert bool(record.too_long(WITHIN_S)) is is_too_long


def test_a_machine_that_was_too_busy_proves_nothing() -> None:
    record = Record(waits=[Span(10.0, 15.0)], pauses=[Span(11.0, 11.5)])

    with pytest.raises(pytest.skip.Exception, match="too busy"):
        record.too_long(WITHIN_S)


def test_a_wait_without_an_excuse_counts_beside_one_that_has_one() -> None:
    record = Record(waits=[Span(10.0, 15.0), Span(20.0, 22.5)], pauses=[Span(11.0, 11.5)])

    assert len(record.too_long(WITHIN_S)) == 1
