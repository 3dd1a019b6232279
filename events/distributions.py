"""Distributions of numbers: counts by bucket and a sum, kept so cheaply that every answer can be
counted; Prometheus reads them as histograms when it asks.

Pure.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Protocol

SHORT_BOUNDS_S = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 30.0)
LONG_BOUNDS_S = (0.01, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)
# From a player's look at the file's head to a whole film.
SIZE_BOUNDS = tuple(float(2**exponent) for exponent in range(10, 34, 2))


class BucketCounts(Protocol):
    """`counts` has a number for each bound of its histogram, and one for what is beyond."""

    @property
    def counts(self) -> Sequence[float]: ...

    @property
    def total(self) -> float: ...


class Distribution:
    """Numbers, each counted in the first bucket whose bound is not below it."""

    __slots__ = ("_bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.counts: list[float] = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, number: float) -> None:
        self.counts[bisect_left(self._bounds, number)] += 1
        self.total += number

    def observe_alike(self, number: float, count: int) -> None:
        """Counts the same number so many times."""
        self.counts[bisect_left(self._bounds, number)] += count
        self.total += number * count

    def add(self, other: "Distribution") -> None:
        """Counts what another one of the same bounds has counted."""
        self.counts = [one + more for one, more in zip(self.counts, other.counts, strict=True)]
        self.total += other.total
