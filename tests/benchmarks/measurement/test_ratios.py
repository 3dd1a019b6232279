"""Ratios belong to rounds: what moved between rounds must not show in them."""

from math import inf

import pytest

from benchmarks.measurement.ratios import Spread, by_round, ratio
from benchmarks.measurement.rounds import rotated
from benchmarks.measurement.workloads import Sample, throughput
from tests.benchmarks.measurement.samples import sample


@pytest.mark.parametrize(
    ("values", "spread"),
    [
        pytest.param([], None, id="nothing measured"),
        pytest.param([2.0], Spread(2.0, 2.0, 2.0), id="one round"),
        pytest.param([3.0, 1.0, 2.0], Spread(2.0, 1.0, 3.0), id="in whatever order"),
        pytest.param([1.0, 2.0, 3.0, 40.0], Spread(2.5, 1.0, 40.0), id="an even number"),
    ],
)
def test_spread_is_the_median_between_the_extremes(
    values: list[float], spread: Spread | None
) -> None:
    assert Spread.of(values) == spread


@pytest.mark.parametrize(
    ("ours", "theirs", "spread"),
    [
        pytest.param({0: 1.0, 1: 10.0}, {0: 2.0, 1: 20.0}, Spread(0.5, 0.5, 0.5), id="by round"),
        pytest.param({0: 1.0, 1: 3.0}, {1: 2.0}, Spread(1.5, 1.5, 1.5), id="a round is missing"),
        pytest.param({0: 1.0}, {0: 0.0}, None, id="of nothing"),
        pytest.param({0: 1.0}, {0: inf}, None, id="of what never ended"),
        pytest.param({0: inf}, {0: 1.0}, Spread(inf, inf, inf), id="of itself never ended"),
        pytest.param({0: 0.0}, {0: 2.0}, Spread(0.0, 0.0, 0.0), id="nothing of something"),
        pytest.param({}, {}, None, id="no rounds"),
    ],
)
def test_ratio_is_taken_round_by_round(
    ours: dict[int, float], theirs: dict[int, float], spread: Spread | None
) -> None:
    assert ratio(ours, theirs) == spread


def test_values_are_those_of_one_contender_and_workload() -> None:
    samples = [
        sample("64k", "nginx", 0, size=100),
        sample("64k", "nginx", 1, size=200),
        sample("64k", "go", 0, size=300),
        sample("1m", "nginx", 0, size=400),
    ]

    assert by_round(samples, "64k", "nginx", throughput) == {0: 50.0, 1: 100.0}


def test_throughput_is_bytes_a_second() -> None:
    measured = {"bytes": 10, "seconds": 4.0}

    assert throughput(Sample("64k", "nginx", 0, measured)) == 2.5


@pytest.mark.parametrize(
    ("by", "order"), [(0, "abc"), (1, "bca"), (2, "cab"), (3, "abc"), (4, "bca")]
)
def test_each_round_has_another_order(by: int, order: str) -> None:
    assert rotated(["a", "b", "c"], by) == list(order)


def test_nobody_can_be_rotated() -> None:
    assert rotated([], 3) == []
