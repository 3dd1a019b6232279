"""Prometheus metrics: the series and their text format; knows no HTTP and no database.

Requests are counted as they are answered, by route template and never by path, so the number of
series is bounded by the number of routes. Every series copies (`sample`) a number that its owner
keeps anyway, here or elsewhere, when Prometheus scrapes: with several processes each change of a
series is a write to a mapped file.

With several web processes, each needs `PROMETHEUS_MULTIPROC_DIR` in its environment before
prometheus-client is imported (an empty directory, new for each start of the service), and the same
directory as `shared_directory`. Every process then writes its series there and must `sample`
periodically; `text` returns the sum over all processes. When a process ends, its parent calls
`prometheus_client.multiprocess.mark_process_dead(pid)`.
"""

import sys
from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from events.distributions import BucketCounts, Distribution
from events.exposition import CopiedHistogram, Fact, Facts, Key, Labels, copying

PREFIX = "coursestream_"
# From a cached range to an upload of hours, with the contract's bounds of 5 s and 30 s.
DURATION_BUCKETS_S = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 30, 300)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"  # clients may send any method name
JOB_STATUSES = ("todo", "doing", "failed")
PLAYBACK_STATES = ("playing", "paused")
MADE_FILES = ("copy", "conversion", "alternate")

GaugeMode = Literal["livesum", "livemostrecent", "livemax"]
Answer = tuple[str, str, int]  # method, route, status
Numbers = Mapping[str, float]  # label value -> number
Read = Callable[[], Numbers | float]  # a number alone where there is no label


class Metrics:
    """The series of one process, or of several that share a directory."""

    def __init__(self, version: str = "unknown", shared_directory: Path | None = None) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # they double every series
        self._shared_directory = shared_directory
        self._registry = CollectorRegistry()
        self._facts = Facts(PREFIX)
        self._registry.register(self._facts)
        self._samples: list[Callable[[], None]] = []
        self._answered: Tally[Answer] = Tally()
        self._durations = defaultdict[Labels, Distribution](
            partial(Distribution, DURATION_BUCKETS_S)
        )
        self._make_request_series()
        self._make_database_series()
        self._set_build(version)
        if shared_directory is None:
            ProcessCollector(registry=self._registry)
            GCCollector(registry=self._registry)

    def began(self, route: str) -> None:
        """Counts a request as running; `route` is a template."""
        self._running[route] += 1

    def answered(
        self,
        method: str,
        route: str,
        status: int,
        duration_s: float,
        received_bytes: int = 0,
        problem: str | None = None,
    ) -> None:
        """Records the answer to a request counted by `began`."""
        self._running[route] -= 1
        shown = method if method in METHODS else OTHER
        self._answered[shown, route, status] += 1
        self._durations[shown, route].observe(duration_s)
        if received_bytes:
            self._received[route] += received_bytes
        if problem is not None:
            self._problems[problem] += 1

    def passed_on(self, route: str) -> None:
        """Uncounts a request counted by `began`: another handler counts it again."""
        self._running[route] -= 1

    def refused(self) -> None:
        """Counts a connection refused by MAX_CONNECTIONS."""
        self._refused.inc()

    def count_answered(self, read: Callable[[], Mapping[Answer, int]]) -> None:
        """Follows answer counts, (method, route, status) -> total, of requests not `answered`."""
        self._follow(self._requests, read, is_labelled=True)

    def count(self, name: str, documentation: str, read: Read, label: str | None = None) -> None:
        """Follows monotonic counters by label value, or one without a label."""
        counter = self._counter(name, documentation, *_labels(label))
        self._follow(counter, lambda: _by_key(read()), is_labelled=label is not None)

    def gauge(
        self,
        name: str,
        documentation: str,
        read: Read,
        label: str | None = None,
        mode: GaugeMode = "livesum",
    ) -> None:
        """Follows gauges by label value, or one without a label; by default the values of several
        processes are added."""
        gauge = self._gauge(name, documentation, mode, *_labels(label))

        def sample() -> None:
            for key, number in _by_key(read()).items():
                (gauge.labels(key) if label else gauge).set(number)

        self._samples.append(sample)

    def histogram(
        self,
        name: str,
        documentation: str,
        read: Callable[[], Mapping[Key, BucketCounts]],
        bounds: Sequence[float],
        label: str | Labels = (),
    ) -> None:
        """Follows distributions by label value, or by the values of several labels; without a
        label, the one key is ""."""
        labels = (label,) if isinstance(label, str) else label
        histogram = CopiedHistogram(
            PREFIX + name, documentation, labels, buckets=bounds, registry=self._registry
        )
        self._samples.append(copying(histogram, read, is_labelled=bool(labels)))

    def set_facts(self, facts: Sequence[Fact]) -> None:
        """Sets the series that the next text has beside those of the processes."""
        self._facts.facts = facts

    def set_database(
        self, jobs: Mapping[str, int] | None, playbacks: Mapping[str, int] | None = None
    ) -> None:
        """Sets the database's gauges: jobs by status, playbacks by state; None: no answer."""
        self._database_up.set(jobs is not None)
        if jobs is not None:
            for status in JOB_STATUSES:
                self._jobs.labels(status).set(jobs.get(status, 0))
        if playbacks is not None:
            for state in PLAYBACK_STATES:
                self._playbacks.labels(state).set(playbacks.get(state, 0))

    def set_held_strays(self, count: int | None) -> None:
        """Sets the count of strays that the last sweep left alone; None keeps the last value."""
        if count is not None:
            self._held_strays.set(count)

    def set_may_lose_commits(self, may_lose: bool | None) -> None:
        """Sets if a fail-over may lose commits; None keeps the last value."""
        if may_lose is not None:
            self._may_lose_commits.set(may_lose)

    def set_media_differences(self, counts: Mapping[str, int] | None) -> None:
        """Sets the count of videos with a file that differs; None keeps the last values."""
        if counts is not None:
            for made in MADE_FILES:
                self._media_differences.labels(made).set(counts.get(made, 0))

    @property
    def is_shared(self) -> bool:
        """True when other processes report our numbers, too."""
        return self._shared_directory is not None

    def sample(self) -> None:
        """Copies all followed numbers. Call it on their owners' thread."""
        for sample in self._samples:
            sample()

    def text(self) -> bytes:
        """Returns Prometheus' text format. Blocks briefly: reads /proc or the shared directory."""
        return generate_latest(self._of_all_processes())

    def numbers(self, *names: str) -> dict[str, dict[str, float]]:
        """Returns series without labels, or with one: name -> value of the label -> number.

        Blocks as `text` does.
        """
        found: dict[str, dict[str, float]] = {name: {} for name in names}
        for family in self._of_all_processes().collect():
            numbers = found.get(family.name.removeprefix(PREFIX))
            if numbers is not None:
                numbers |= {"".join(one.labels.values()): one.value for one in family.samples}
        return found

    def _of_all_processes(self) -> CollectorRegistry:
        if self._shared_directory is None:
            return self._registry
        everyones = CollectorRegistry()
        everyones.register(self._facts)
        MultiProcessCollector(everyones, str(self._shared_directory))  # type: ignore[no-untyped-call]
        return everyones

    def _make_request_series(self) -> None:
        self._requests = self._counter(
            "http_requests", "Requests that were answered.", "method", "route", "status"
        )
        self.count_answered(lambda: self._answered)
        self.histogram(
            "http_request_duration_seconds",
            "From the head of a request to its answer; of videos and pictures, to the first bytes.",
            lambda: self._durations,
            DURATION_BUCKETS_S,
            ("method", "route"),
        )
        self._problems: Tally[str] = Tally()
        self.count("problems", "Errors answered.", lambda: self._problems, label="code")
        self._received: Tally[str] = Tally()
        self.count(
            "http_received_bytes",
            "Bytes of requests' bodies: reports, and above all uploads.",
            lambda: self._received,
            label="route",
        )
        self._refused = self._counter(
            "connections_refused", "Connections past MAX_CONNECTIONS: answered 503, or just closed."
        )
        self._running: Tally[str] = Tally()
        self.gauge(
            "http_requests_running",
            "Requests that are being answered: playing, uploads and event streams take long.",
            lambda: self._running,
            label="route",
        )

    def _make_database_series(self) -> None:
        """Makes the gauges that are equal in all processes: the latest sample wins."""
        latest: GaugeMode = "livemostrecent"
        self._database_up = self._gauge("database_up", "Whether the database answers.", latest)
        self._jobs = self._gauge(
            "database_jobs",
            "Background jobs in the database, equal on every machine; successful ones go away.",
            latest,
            "status",
        )
        self._held_strays = self._gauge(
            "database_held_strays",
            "Files without a row, more than a sweep moves to the trash by itself; see `check`.",
            latest,
        )
        self._may_lose_commits = self._gauge(
            "database_may_lose_commits",
            "1 if there are standbys, or several machines, and replication is asynchronous.",
            latest,
        )
        self._media_differences = self._gauge(
            "database_media_differences",
            "Videos whose copy (replaced), conversion or alternate format (withheld) differs from"
            " the upload; see `check`.",
            latest,
            "made",
        )
        self._playbacks = self._gauge(
            "database_playbacks",
            "Playbacks that report, equal on every machine; from 5,000 on up to 30 s old.",
            latest,
            "state",
        )

    def _set_build(self, version: str) -> None:
        python = ".".join(map(str, sys.version_info[:3]))
        build = self._gauge(
            "build_info", "What runs here; always 1.", "livemax", "version", "python"
        )
        build.labels(version, python).set(1)

    def _counter(self, name: str, documentation: str, *labels: str) -> Counter:
        return Counter(PREFIX + name, documentation, labels, registry=self._registry)

    def _gauge(self, name: str, documentation: str, mode: GaugeMode, *labels: str) -> Gauge:
        """`mode` chooses how the values of several processes are combined."""
        return Gauge(
            PREFIX + name, documentation, labels, registry=self._registry, multiprocess_mode=mode
        )

    def _follow(
        self, counter: Counter, read: Callable[[], Mapping[Key, float]], *, is_labelled: bool
    ) -> None:
        """Has each sample add to the counter what is new since the one before."""
        before: dict[Key, float] = {}

        def sample() -> None:
            for key, number in read().items():
                values = (key,) if isinstance(key, str) else key
                series = counter.labels(*values) if is_labelled else counter
                series.inc(max(0.0, number - before.get(key, 0.0)))
                before[key] = number

        self._samples.append(sample)


def _by_key(found: Numbers | float) -> Numbers:
    """A number without a label has the key ""."""
    return found if isinstance(found, Mapping) else {"": found}


def _labels(label: str | None) -> tuple[str, ...]:
    return (label,) if label else ()
