"""Interleaves: in each round every contender runs a workload once, each time in another order."""

import time
from collections.abc import Iterator, Mapping, Sequence

from benchmarks.clients.load import Asked, Generator, Target
from benchmarks.measurement.profile import Profiler, no_profiler
from benchmarks.measurement.workloads import Sample, Workload, ranges
from benchmarks.servers.processes import cpu_s, resident_bytes

WARMING = Asked(ranges(64 << 10, 16), 0.3, 0.1)
SETTLE_S = 0.1


class Rounds:
    """Runs workloads against targets that all listen already."""

    def __init__(
        self, generator: Generator, targets: Mapping[str, Target], profiler: Profiler = no_profiler
    ) -> None:
        self._generator = generator
        self._targets = targets
        self._profiler = profiler
        self._before = {name: self._warmed(target) for name, target in targets.items()}

    def run(
        self, workload: Workload, names: Sequence[str], rounds: int, seconds: float
    ) -> Iterator[Sample]:
        for number in range(min(rounds, workload.most_rounds)):
            for name in rotated(names, number):
                yield self._sample(workload, name, number, seconds)
                time.sleep(SETTLE_S)

    def _sample(self, workload: Workload, name: str, number: int, seconds: float) -> Sample:
        target, sizes = self._targets[name], [0]
        cpu_before_s, began_s = cpu_s(target.pids), time.monotonic()
        asked = workload.asked(seconds)
        with self._profiler(f"{name}-{workload.name}", target, asked):
            measured = self._generator.run(
                target, asked, lambda: sizes.append(resident_bytes(target.pids))
            )
        took_s, used_s = time.monotonic() - began_s, cpu_s(target.pids) - cpu_before_s
        return Sample(
            workload.name,
            name,
            number,
            measured,
            server_cpu=used_s / took_s,
            server_cpu_s=used_s,
            generator_cpu=measured["cpu_s"] / took_s,
            grown_bytes=max(sizes) - self._before[name],
        )

    def _warmed(self, target: Target) -> int:
        """Its resident memory once it has served."""
        self._generator.run(target, WARMING)
        return resident_bytes(target.pids)


def rotated(names: Sequence[str], by: int) -> list[str]:
    first = by % len(names) if names else 0
    return [*names[first:], *names[:first]]
