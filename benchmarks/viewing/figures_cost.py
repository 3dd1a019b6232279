"""`python -m benchmarks.viewing.figures_cost`: the cost of figures of viewing and quality.

The service beside itself without them (`servers/without_figures.py`), both up at once, in turns. Of
ranges and of reports that measure, the processor time of the web process counts, which a busy
machine changes far less than what it does a second; of reports that of their PostgreSQL, too. The
goals: ranges cost less than 3 % of throughput, reports less than 5 %.

Reports are those of the service's own player (`clients/viewer_client.py`): thousands of viewers of
some lectures, with four browsers, who play at the speed of the clock; all report once a turn, of
what they have played since their last. No claim exceeds what can be played, so none is capped.
"""

import json
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from operator import sub
from pathlib import Path
from subprocess import PIPE, Popen
from typing import NamedTuple

from benchmarks.comparison import everybody as everybody_of
from benchmarks.comparison import measured, seeded_by
from benchmarks.guard import BASE, NOW, gains
from benchmarks.measurement.frame import options_of, run_isolated, spread
from benchmarks.measurement.rounds import Rounds
from benchmarks.measurement.workloads import WORKLOADS
from benchmarks.servers.contenders import variant
from benchmarks.servers.processes import (
    Cores,
    allow_many_files,
    choose_cores,
    cpu_s,
    family_cpu_s,
    pinned,
)
from benchmarks.servers.product import PROGRAM, ROOT, serving, stop
from benchmarks.viewing.reports import make_lectures, settings_of, write_viewers
from server.postgres.cluster import Cluster
from server.postgres.embedded import EmbeddedPostgres

ON, OFF = NOW, BASE
PROGRAMS = {ON: PROGRAM, OFF: "benchmarks/servers/without_figures.py"}
PORTS = {ON: 8101, OFF: 8102}
WORKLOADS_MEASURED = ("64k", "1536k", "pieces")
VIEWER_CLIENT = "benchmarks.clients.viewer_client"
VIEWERS, LECTURES = 8000, 20  # a web process remembers the heads of 10,000
WARM_UPS = 2  # viewers begin, and report in a way that is remembered
FOLDED_S = 16.0  # all changes have been added to the figures by then
RANGES, REPORTS = "ranges", "reports"
MOST_LOST = {RANGES: 0.03, REPORTS: 0.05}


class Cost(NamedTuple):
    """Microseconds of processor time that a report took: of the web process, of PostgreSQL."""

    web_us: float
    database_us: float

    @property
    def total_us(self) -> float:
        return self.web_us + self.database_us

    def __str__(self) -> str:
        return f"{self.web_us:.0f} + {self.database_us:.0f} µs"


class Service:
    """One of the two, and the viewers who report to it."""

    def __init__(self, name: str, pid: int, directory: Path, client: "Popen[str]") -> None:
        self._name, self._pid, self._client = name, pid, client
        database = Cluster(directory / "data" / "postgres").server_pid()
        assert database is not None  # the service has started it
        self._database = database

    def report(self) -> Cost:
        """A turn of all viewers."""
        began = self.cpu_s()
        assert self._client.stdin is not None
        assert self._client.stdout is not None
        print(file=self._client.stdin, flush=True)
        found: dict[str, float] = json.loads(self._client.stdout.readline())
        if found["errors"]:
            raise RuntimeError(f"{self._name}: {found['errors']:.0f} reports were refused")
        return cost_of(began, self.cpu_s(), found["reports"])

    def cpu_s(self) -> tuple[float, float]:
        return cpu_s([self._pid]), family_cpu_s(self._database)


def cost_of(began: tuple[float, float], ended: tuple[float, float], reports: float) -> Cost:
    return Cost(*(took_s / reports * 1e6 for took_s in map(sub, ended, began)))


@contextmanager
def reported_to(directory: Path, name: str, cores: Cores) -> Iterator[Service]:
    home = directory / name
    home.mkdir()
    settings = {**settings_of(home / "data"), "PORT": str(PORTS[name])}
    del settings["METRICS_PORT"]
    with serving(settings, home / "log", cores, program=PROGRAMS[name]) as process:
        lectures = make_lectures(EmbeddedPostgres(home / "data").dsn, LECTURES)
        write_viewers(home / "viewers", lectures, VIEWERS)
        client = [sys.executable, "-m", VIEWER_CLIENT, str(PORTS[name]), str(home / "viewers")]
        command = pinned(cores.generator, client)
        with Popen(command, cwd=ROOT, text=True, stdin=PIPE, stdout=PIPE) as reporting:
            yield Service(name, process.pid, home, reporting)
        stop(process)


def measure_reports(
    options: Namespace, directory: Path, cores: Cores
) -> dict[str, Sequence[float]]:
    """Cost of reports without figures in each round, as a share of their cost with them; and in
    all, with what is done between turns, as adding changes to the figures is."""
    web, total = [], []
    with ExitStack() as stack:
        on, off = (stack.enter_context(reported_to(directory, name, cores)) for name in PORTS)
        for _ in range(WARM_UPS):
            on.report(), off.report()
        began = {one: one.cpu_s() for one in (on, off)}
        for number in range(options.turns):
            turns = (on, off) if number % 2 else (off, on)
            taken = {one: one.report() for one in turns}
            web.append(taken[off].web_us / taken[on].web_us)
            total.append(taken[off].total_us / taken[on].total_us)
            print(f"a report: {taken[on]}, without figures {taken[off]}", flush=True)
        time.sleep(FOLDED_S)
        reports = options.turns * VIEWERS
        whole = {one: cost_of(began[one], one.cpu_s(), reports) for one in (on, off)}
        print(f"in all: {whole[on]}, without figures {whole[off]}", flush=True)
    return {
        "reports, web process": web,
        "reports, with PostgreSQL": total,
        "web process, with what follows": [whole[off].web_us / whole[on].web_us],
        "all, with what follows": [whole[off].total_us / whole[on].total_us],
    }


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
        ranges = {} if options.only == REPORTS else dict(measure_ranges(options, directory))
        (directory / "reports").mkdir()
        reports = {}
        if options.only != RANGES:
            reports = measure_reports(options, directory / "reports", cores)
    lines = [line_of(f"ranges, {title}", found, RANGES) for title, found in ranges.items()]
    return lines + [line_of(name, found, REPORTS) for name, found in reports.items()]


def line_of(name: str, found: Sequence[float], kind: str) -> str:
    least = 1 - MOST_LOST[kind]
    return f"{name}: {spread(found, 3)} of what it does without figures (at least {least:.2f})"


def main(given: list[str]) -> int:
    parser = options_of("viewing.figures_cost", __doc__)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--turns", type=int, default=20, help="of reports")
    parser.add_argument("--only", choices=list(MOST_LOST))
    return run_isolated(parser, given, measure)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
