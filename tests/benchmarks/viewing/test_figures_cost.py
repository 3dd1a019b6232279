"""The service without figures: each of its parts that is switched off is there."""

from typing import Any

import pytest

from benchmarks.servers import without_figures
from benchmarks.viewing.figures_cost import REPORTS, line_of


def test_what_is_switched_off_is_there() -> None:
    assert all(hasattr(owner, name) for owner, name, _ in without_figures.REPLACED)


def test_what_is_there_no_more_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    gone: Any = (without_figures, "gone", None)
    monkeypatch.setattr(without_figures, "REPLACED", [gone])

    with pytest.raises(AttributeError, match="has no gone to switch off"):
        without_figures.switch_off()


def test_a_line_tells_the_median_between_the_extremes_and_the_goal() -> None:
    assert line_of("reports", [0.9, 1.0, 0.98], REPORTS) == (
        "reports: 0.980 [0.900 to 1.000] of what it does without figures (at least 0.95)"
    )
