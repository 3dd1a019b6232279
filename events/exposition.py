"""The two kinds of series that prometheus-client lacks.

A `CopiedHistogram` takes over counts that its owner keeps, rather than one number at a time.
`Facts` are series that were just read, each time all of them: what has gone since the last time is
served no longer. They belong to no process, so the one that is asked serves them alone.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal, TypeVar

from prometheus_client import Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from events.distributions import BucketCounts

Labels = tuple[str, ...]
Key = TypeVar("Key", bound=str | tuple[str | int, ...])  # the value of a label, or of several


class CopiedHistogram(Histogram):
    """A histogram to which many observations are added at once."""

    def add(self, counts: Sequence[float], total: float) -> None:
        """`counts`: for each bound and beyond the last, not cumulative."""
        # As `observe` does with one; private names, which its test pins.
        for bucket, count in zip(self._buckets, counts, strict=True):
            if count:
                bucket.inc(count)
        self._sum.inc(total)


def copying(
    histogram: CopiedHistogram,
    read: Callable[[], Mapping[Key, BucketCounts]],
    *,
    is_labelled: bool,
) -> Callable[[], None]:
    """Returns a function that adds to the histogram what is new since its last call."""
    before: dict[Key, tuple[list[float], float]] = {}

    def sample() -> None:
        for key, found in read().items():
            counts, total = list(found.counts), found.total
            old_counts, old_total = before.get(key, ([0.0] * len(counts), 0.0))
            values = (key,) if isinstance(key, str) else key
            series = histogram.labels(*values) if is_labelled else histogram
            new = [count - old for count, old in zip(counts, old_counts, strict=True)]
            series.add(new, total - old_total)
            before[key] = counts, total

    return sample


@dataclass(frozen=True, slots=True)
class Fact:
    """One family of series, by the values of its labels; `bounds` are a histogram's."""

    kind: Literal["gauge", "counter", "histogram"]
    name: str
    documentation: str
    labels: Labels
    values: Mapping[Labels, float] | Mapping[Labels, BucketCounts]
    bounds: Sequence[float] = ()


class Facts(Collector):
    """The facts that were read last; `facts` is set anew before each text."""

    def __init__(self, prefix: str) -> None:
        self.facts: Sequence[Fact] = ()
        self._prefix = prefix

    def describe(self) -> Iterator[Metric]:
        """Nothing: a registry would collect to learn the names."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        for fact in self.facts:
            yield _family(self._prefix, fact)


def _family(prefix: str, fact: Fact) -> Metric:
    name = prefix + fact.name
    if fact.kind == "histogram":
        histogram = HistogramMetricFamily(name, fact.documentation, labels=fact.labels)
        for labels, counted in fact.values.items():
            assert not isinstance(counted, float | int)
            histogram.add_metric(labels, _cumulative(counted, fact.bounds), counted.total)
        return histogram
    kind = CounterMetricFamily if fact.kind == "counter" else GaugeMetricFamily
    family = kind(name, fact.documentation, labels=fact.labels)
    for labels, number in fact.values.items():
        assert isinstance(number, float | int)
        family.add_metric(labels, number)
    return family


def _cumulative(counted: BucketCounts, bounds: Sequence[float]) -> list[tuple[str, float]]:
    buckets, so_far = [], 0.0
    for bound, count in zip((*bounds, float("inf")), counted.counts, strict=True):
        so_far += count
        buckets.append((str(bound) if isfinite(bound) else "+Inf", so_far))
    return buckets
