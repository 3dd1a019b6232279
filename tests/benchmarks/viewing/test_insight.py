"""Readings of figures: held to their goals, all that teachers wait for, a seed for each."""

import re

import pytest

from benchmarks.viewing.insight import (
    GOAL_MS,
    KEPT_GOALS_MS,
    READINGS,
    SEED,
    Taken,
    missed,
    rows_of,
)
from db.insight.quality import COLUMNS

QUICK, SLOW = Taken([10.0] * 100, 9.0), Taken([10.0] * 90 + [GOAL_MS] * 10, 9.0)


@pytest.mark.parametrize(
    ("found", "names"),
    [
        pytest.param({"a": QUICK}, [], id="met"),
        pytest.param({"a": SLOW, "b": QUICK}, ["a"], id="missed by one"),
        pytest.param(dict.fromkeys(KEPT_GOALS_MS, SLOW), [], id="what is kept may take longer"),
    ],
)
def test_goals_are_for_the_95th_percentile(found: dict[str, Taken], names: list[str]) -> None:
    assert missed(found) == names
    assert [row[0] for row in rows_of(found) if "MISSED" in row[-1]] == names


def test_goals_of_what_is_kept_are_of_readings() -> None:
    assert KEPT_GOALS_MS.keys() <= READINGS.keys()


def test_quality_is_seeded_in_all_its_columns() -> None:
    inserted = re.search(r"INSERT INTO quality_days \(([^)]*)\)", SEED)
    assert inserted is not None
    assert re.sub(r"\s+", " ", inserted[1]).endswith(COLUMNS)
