"""Figures of many rounds as one: medians of what belongs to the same round.

Absolute figures move twofold within minutes on a shared machine; a ratio of two runs that followed
each other hardly does.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from statistics import median

from benchmarks.measurement.workloads import Sample


@dataclass(frozen=True, slots=True)
class Spread:
    """The median, between the least and the greatest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread | None":
        return cls(median(values), min(values), max(values)) if values else None


def by_round(
    samples: Iterable[Sample], workload: str, contender: str, value: Callable[[Sample], float]
) -> Mapping[int, float]:
    return {
        sample.round: value(sample)
        for sample in samples
        if (sample.workload, sample.contender) == (workload, contender)
    }


def ratio(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Spread | None:
    """Ratio of one to the other, round by round; None when no round has both."""
    both = [number for number in sorted(ours) if 0 < theirs.get(number, 0) < inf]
    return Spread.of([ours[number] / theirs[number] for number in both])
