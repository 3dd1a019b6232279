"""Numbers, each in the bucket that Prometheus expects it in."""

import pytest

from events.distributions import Distribution


@pytest.mark.parametrize(
    ("numbers", "counts"),
    [
        pytest.param([], [0, 0, 0], id="none"),
        pytest.param([0, 1], [2, 0, 0], id="the bound belongs to its bucket"),
        pytest.param([1.1, 2], [0, 2, 0], id="between"),
        pytest.param([2.1, 1000], [0, 0, 2], id="beyond the last"),
    ],
)
def test_number_is_counted_once(numbers: list[float], counts: list[int]) -> None:
    found = Distribution((1.0, 2.0))
    for number in numbers:
        found.observe(number)

    assert (found.counts, found.total) == (counts, sum(numbers))


def test_number_is_counted_so_many_times() -> None:
    found = Distribution((1.0, 2.0))
    found.observe_alike(1.5, 20)

    assert (found.counts, found.total) == ([0, 20, 0], 30)


def test_counts_of_another_one_are_added() -> None:
    found, other = Distribution((1.0, 2.0)), Distribution((1.0, 2.0))
    found.observe(0.5)
    for number in (0.5, 3):
        other.observe(number)
    found.add(other)

    assert (found.counts, found.total) == ([2, 0, 1], 4)
