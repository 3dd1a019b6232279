"""`python -m benchmarks.scaling`: what two web processes send, beside one.

On two cores the generator takes what a second process would need. So each process gets a third of
a core and no more (`servers/capping.py`), on a core of its own, and the generator the rest. Both
services are up at once and measured in turns.
"""

import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.arguments import between, some_of
from benchmarks.clients.load import Generator, Target
from benchmarks.comparison import measured, seeded_by
from benchmarks.measurement.frame import options_of, run_isolated
from benchmarks.measurement.ratios import Spread, by_round, ratio
from benchmarks.measurement.report import measured_text, shown, table
from benchmarks.measurement.rounds import Rounds
from benchmarks.measurement.workloads import WITHOUT_TLS, WORKLOADS, Sample, throughput
from benchmarks.servers import capping, product
from benchmarks.servers.processes import (
    POLL_S,
    START_TIMEOUT_S,
    CannotStart,
    allow_many_files,
    children,
    choose_cores,
)
from benchmarks.servers.product import Seed

ONE, TWO = "one process", "two processes"
COUNTS: Mapping[str, int] = {ONE: 1, TWO: 2}
FIRST_PORT = 8101
SHARE = 0.3
GOAL = 1.8


def web_processes(pid: int, count: int) -> list[int]:
    """Processes of a `serve`: itself, or as many as share its port. Raises: CannotStart."""
    if count == 1:
        return [pid]
    deadline = time.monotonic() + START_TIMEOUT_S
    while len(found := [one for each in _arbiters(pid) for one in children(each)]) < count:
        if time.monotonic() > deadline:
            raise CannotStart(f"{len(found)} of {count} web processes")
        time.sleep(POLL_S)
    return found


def _arbiters(pid: int) -> list[int]:
    return [child for child in children(pid) if "web" in _arguments(child)]


def _arguments(pid: int) -> list[str]:
    return (Path("/proc") / str(pid) / "cmdline").read_text().split("\0")


@contextmanager
def services(seeded: Seed, scratch: Path, share: float) -> Iterator[Mapping[str, Target]]:
    """Both, listening and capped."""
    cores, targets = choose_cores(), {}
    with ExitStack() as stack:
        for port, (name, count) in enumerate(COUNTS.items(), start=FIRST_PORT):
            home, settings = scratch / str(count), {"WORKERS": str(count)}
            target = stack.enter_context(
                product.served(seeded, home, port, cores, settings, is_by_bearer=False)
            )
            pids = web_processes(target.pids[0], count)
            stack.enter_context(capping.capped(pids, share))
            targets[name] = replace(target, pids=tuple(pids))
        yield targets


def measure(options: Namespace) -> list[str]:
    capping.check_possible()
    allow_many_files()
    seeded = seeded_by(product.ROOT, options.output / "seed")
    for video in seeded.published():
        video.read_bytes()  # into the page cache
    with (
        tempfile.TemporaryDirectory(dir=options.output) as scratch,
        services(seeded, Path(scratch), options.share) as targets,
        capping.preferred(),
    ):
        rounds = Rounds(Generator(Path(scratch), None), targets)
        samples = [
            sample
            for name in options.workloads
            for sample in measured(rounds, WORKLOADS[name], list(COUNTS), options)
        ]
    return [table(verdicts(samples, options.workloads)), "", measured_text(samples)]


def verdicts(samples: Sequence[Sample], workloads: Sequence[str]) -> list[list[str]]:
    rows = [["workload", "two processes, one = 1", "goal"]]
    for name in workloads:
        one, two = (by_round(samples, name, contender, throughput) for contender in COUNTS)
        rows.append([WORKLOADS[name].title, *_judged(ratio(two, one))])
    return rows


def _judged(found: Spread | None) -> tuple[str, str]:
    if found is None:
        return "-", "MISSED"
    return shown(found), "met" if found.median >= GOAL else "MISSED"


def main(given: list[str]) -> int:
    parser = options_of("scaling", __doc__)
    parser.add_argument("--seconds", type=between(0.5, 60, float), default=2.0)
    parser.add_argument("--share", type=between(0.05, 0.9, float), default=SHARE)
    parser.add_argument("--workloads", type=some_of(WITHOUT_TLS), default=("64k", "1m"))
    return run_isolated(parser, given, measure)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
