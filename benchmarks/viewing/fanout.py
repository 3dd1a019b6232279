"""`python -m benchmarks.viewing.fanout`: one event to thousands of streams, beside other hubs.

Everybody is started and listened to at once, in a place of its own (isolation.py); in each round
each is measured once, in another order. Deliveries a second count from the request to publish until
all have read the event; for each second of the server's core they are told, too, since this holds
on a machine that does other things.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path
from statistics import median
from subprocess import PIPE

from benchmarks.measurement.frame import options_of, run_isolated
from benchmarks.measurement.rounds import rotated
from benchmarks.servers.hubs import HUBS, Hub, Stage
from benchmarks.servers.processes import (
    CannotStart,
    Cores,
    allow_many_files,
    choose_cores,
    cpu_s,
    pinned,
    resident_bytes,
)
from benchmarks.servers.product import ROOT

SOURCE = ROOT / "benchmarks" / "clients" / "listen.c"
FIRST_PORT = 8201
PAUSE_MS = 20.0


@dataclass(frozen=True, slots=True)
class Run:
    """One round of one contender."""

    per_s: float
    per_core_s: float
    p50_ms: float
    p99_ms: float


class Listeners:
    """`listen.c`, its streams open."""

    def __init__(self, process: "subprocess.Popen[str]", stage: Stage, grown_kib: float) -> None:
        self._process = process
        self._stage = stage
        self.grown_kib = grown_kib  # a stream

    def measure(self, events: int) -> Run:
        """Raises: CannotStart when the listeners ended."""
        before_s = cpu_s(self._stage.pids)
        print(events, PAUSE_MS, file=self._process.stdin, flush=True)
        found = json.loads(_line(self._process))
        used_s = max(cpu_s(self._stage.pids) - before_s, 0.01)
        deliveries = found["deliveries"]
        return Run(
            deliveries / found["busy_s"], deliveries / used_s, found["p50_ms"], found["p99_ms"]
        )


@contextlib.contextmanager
def listening(directory: Path, stage: Stage, streams: int, core: int) -> Iterator[Listeners]:
    """Its memory is what the later streams take: with the first, what was used to start is put to
    use, or given back.
    """
    publishing = directory / f"publish-{stage.port}"
    publishing.write_text(stage.publishing)
    asked = [str(stage.port), str(streams), stage.path, str(publishing)]
    command = pinned(core, [directory / "listen", *asked])
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True) as process:
        try:
            _line(process)
            before = resident_bytes(stage.pids)
            print("go on", file=process.stdin, flush=True)
            _line(process)
            grown_kib = (resident_bytes(stage.pids) - before) / 1024 / (streams - streams // 5)
            yield Listeners(process, stage, grown_kib)
        finally:
            process.kill()


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    line = process.stdout.readline()
    if not line:
        raise CannotStart(f"the listeners ended: {process.args!r}")
    return line


@contextlib.contextmanager
def everybody(
    directory: Path, hubs: Sequence[Hub], streams: int, cores: Cores
) -> Iterator[dict[str, Listeners]]:
    with contextlib.ExitStack() as stack:
        found = {}
        for port, hub in enumerate(hubs, start=FIRST_PORT):
            print(f"starting {hub.name}", flush=True)
            stage = stack.enter_context(hub.serve(directory, port, cores))
            opened = listening(directory, stage, streams, cores.generator)
            found[hub.name] = stack.enter_context(opened)
        yield found


def measure(options: Namespace) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="fanout-") as directory:
        return compare(options, Path(directory)).splitlines()


def compare(options: Namespace, directory: Path) -> str:
    """The table."""
    cores = choose_cores()
    allow_many_files()
    command = ["cc", "-std=gnu11", "-O2", "-Wall", "-o", str(directory / "listen"), str(SOURCE)]
    subprocess.run(command, check=True)
    os.sched_setaffinity(0, {cores.others})
    hubs = [hub for hub in HUBS if hub.missing() is None]
    with everybody(directory, hubs, options.streams, cores) as listeners:
        runs: dict[str, list[Run]] = {name: [] for name in listeners}
        for number in range(options.rounds):
            for name in rotated(list(listeners), number):
                runs[name].append(listeners[name].measure(options.events))
        return table(options, runs, {name: one.grown_kib for name, one in listeners.items()})


def table(options: Namespace, runs: dict[str, list[Run]], grown_kib: dict[str, float]) -> str:
    lines = [
        f"{options.rounds} rounds of {options.events} events to {options.streams} streams:"
        " median (least to most)",
        "",
        f"{'':20}{'deliveries/s':>28}{'for each core second':>28}{'of go':>7}"
        f"{'p50 ms':>9}{'p99 ms':>22}{'KiB a stream':>14}",
    ]
    for name, rounds in runs.items():
        per_core_s = [one.per_core_s for one in rounds]
        of_go = [one.per_core_s for one in runs.get("go", [])] or [nan] * len(rounds)
        ratios = [mine / its for mine, its in zip(per_core_s, of_go, strict=True)]
        lines.append(
            f"{name:20}{_spread([one.per_s for one in rounds]):>28}{_spread(per_core_s):>28}"
            f"{median(ratios):>7.2f}"
            f"{median(one.p50_ms for one in rounds):>9.1f}"
            f"{_spread([one.p99_ms for one in rounds]):>22}{grown_kib[name]:>14.1f}"
        )
    lines += [f"not measured: {hub.name}: {why}" for hub in HUBS if (why := hub.missing())]
    return "\n".join(lines) + "\n"


def _spread(figures: Sequence[float]) -> str:
    return f"{median(figures):,.0f} ({min(figures):,.0f}-{max(figures):,.0f})"


def main(given: list[str]) -> int:
    parser = options_of("viewing.fanout", __doc__)
    parser.add_argument("--streams", type=int, default=5000)
    parser.add_argument("--events", type=int, default=20)
    return run_isolated(parser, given, measure)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
