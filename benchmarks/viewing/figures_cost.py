"""`python -m benchmarks.viewing.figures_cost`: the cost of figures of viewing and quality.

The service beside itself without them (`servers/without_figures.py`), both up at once, in turns. Of
ranges and of reports that measure, the processor time of the web process counts, which a busy
machine changes far less than what it does a second. The goals: ranges cost less than 3 % of
throughput, reports less than 5 %.
"""

import json
import subprocess
import sys
import tempfile
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.comparison import everybody as everybody_of
from benchmarks.comparison import measured, seeded_by
from benchmarks.guard import BASE, NOW, gains
from benchmarks.measurement.frame import options_of, run_isolated, spread
from benchmarks.measurement.rounds import Rounds
from benchmarks.measurement.workloads import WORKLOADS
from benchmarks.servers.contenders import variant
from benchmarks.servers.processes import Cores, allow_many_files, choose_cores, cpu_s, pinned
from benchmarks.servers.product import PROGRAM, ROOT, serving, stop
from benchmarks.viewing.reports import REPORT_CLIENT, make_lecture, settings_of, write_targets
from server.postgres.embedded import EmbeddedPostgres

ON, OFF = NOW, BASE
PROGRAMS = {ON: PROGRAM, OFF: "benchmarks/servers/without_figures.py"}
PORTS = {ON: 8101, OFF: 8102}
WORKLOADS_MEASURED = ("64k", "1536k", "pieces")
USERS = 400
RANGES, REPORTS = "ranges", "reports"
MOST_LOST = {RANGES: 0.03, REPORTS: 0.05}


class Service:
    """One of the two, and the players that report to it."""

    def __init__(self, name: str, pid: int, directory: Path, cores: Cores) -> None:
        self._name, self._pid, self._directory, self._cores = name, pid, directory, cores

    def report_us(self, seconds: float) -> float:
        """Processor time of its web process for one report, in microseconds."""
        began_s = cpu_s([self._pid])
        targets = str(self._directory / "coursestream")
        client = [sys.executable, "-m", REPORT_CLIENT, str(PORTS[self._name]), targets]
        command = pinned(self._cores.generator, [*client, str(seconds), "0"])
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
        found: dict[str, float] = json.loads(done.stdout)
        if found["errors"]:
            raise RuntimeError(f"{self._name}: {found['errors']:.0f} reports were refused")
        reports = found["per_second"] * (seconds + 1.0)  # its warm-up counts, too
        return (cpu_s([self._pid]) - began_s) / reports * 1e6


@contextmanager
def reported_to(directory: Path, name: str, cores: Cores) -> Iterator[Service]:
    home = directory / name
    home.mkdir()
    settings = {**settings_of(home / "data"), "PORT": str(PORTS[name])}
    del settings["METRICS_PORT"]
    with serving(settings, home / "log", cores, program=PROGRAMS[name]) as process:
        dsn = EmbeddedPostgres(home / "data").dsn
        write_targets(home, make_lecture(dsn), USERS, is_measuring=True)
        yield Service(name, process.pid, home, cores)
        stop(process)


def measure_reports(options: Namespace, directory: Path, cores: Cores) -> list[float]:
    """Cost of reports without figures in each round, as a share of their cost with them."""
    found = []
    with ExitStack() as stack:
        on, off = (stack.enter_context(reported_to(directory, name, cores)) for name in PORTS)
        for number in range(options.rounds):
            turns = (on, off) if number % 2 else (off, on)
            taken = {one: one.report_us(options.seconds) for one in turns}
            found.append(taken[off] / taken[on])
            print(f"a report: {taken[on]:.0f} µs, without figures {taken[off]:.0f}", flush=True)
    return found


def measure_ranges(options: Namespace, directory: Path) -> Iterator[tuple[str, list[float]]]:
    contenders = {name: variant(name, program=program) for name, program in PROGRAMS.items()}
    plan = [(WORKLOADS[name], [ON, OFF]) for name in WORKLOADS_MEASURED]
    seeded = seeded_by(ROOT, directory / "seed")
    with everybody_of(directory, seeded, plan, contenders, is_favoured=False) as (load, targets):
        rounds = Rounds(load, targets)
        for workload, names in plan:
            samples = measured(rounds, workload, names, options)
            found = gains(samples, workload.name)
            print(line_of(workload.title, found, RANGES), flush=True)
            yield workload.title, found


def measure(options: Namespace) -> list[str]:
    allow_many_files()
    cores = choose_cores()  # before this process leaves those that are measured
    with tempfile.TemporaryDirectory(dir=options.output) as scratch:
        directory = Path(scratch)
        ranges = dict(measure_ranges(options, directory))
        (directory / "reports").mkdir()
        reports = measure_reports(options, directory / "reports", cores)
    lines = [line_of(f"ranges, {title}", found, RANGES) for title, found in ranges.items()]
    return [*lines, line_of("reports", reports, REPORTS)]


def line_of(name: str, found: Sequence[float], kind: str) -> str:
    least = 1 - MOST_LOST[kind]
    return f"{name}: {spread(found, 3)} of what it does without figures (at least {least:.2f})"


def main(given: list[str]) -> int:
    parser = options_of("viewing.figures_cost", __doc__)
    parser.add_argument("--seconds", type=float, default=2.0)
    return run_isolated(parser, given, measure)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
