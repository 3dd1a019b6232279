"""`python -m benchmarks.guard BASE`: this checkout beside an earlier commit, measured in turns.

Both serve the same videos at once, and are judged by processor time a byte, which a busy machine
changes far less than bytes a second. A workload counts as lost when the median of its rounds'
ratios is worse than the tolerance, and so many rounds are worse that chance alone hardly explains
it.
"""

import json
import subprocess
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import comb, inf
from pathlib import Path

from benchmarks.arguments import SECONDS, between, some_of
from benchmarks.clients.load import LoadError
from benchmarks.comparison import (
    JSON,
    WRONG_ANSWERS,
    estimated_s,
    everybody,
    measured,
    seeded_by,
)
from benchmarks.measurement import isolation, machine, report
from benchmarks.measurement.ratios import Spread, by_round
from benchmarks.measurement.rounds import Rounds
from benchmarks.measurement.workloads import WITHOUT_TLS, WORKLOADS, Sample, cpu_s_per_gb
from benchmarks.servers.contenders import variant
from benchmarks.servers.processes import CannotStart
from benchmarks.servers.product import ROOT

NOW, BASE = "now", "base"
GUARDED = ("pieces", "64k", "1536k", "64k-1000", "fresh")
ROUNDS = 10
TOLERANCE = 0.03
CHANCE = 0.05
LOST = 1  # the exit code


def lost(gains: Sequence[float], tolerance: float = TOLERANCE) -> bool:
    """True for a loss, by a sign test of the rounds' gains (1: as before) and their median."""
    spread = Spread.of(gains)
    if spread is None or spread.median >= 1 - tolerance:
        return False
    worse = sum(gain < 1 for gain in gains)
    return by_chance(worse, len(gains)) <= CHANCE


def by_chance(worse: int, rounds: int) -> float:
    """The probability that so many of the rounds or more are worse by a coin's fall."""
    return sum(comb(rounds, count) for count in range(worse, rounds + 1)) / 2.0**rounds


def gains(samples: Sequence[Sample], workload: str) -> list[float]:
    """Gain of each round: bytes that a second of processor time sends, as a share of the base's."""
    now = by_round(samples, workload, NOW, cpu_s_per_gb)
    base = by_round(samples, workload, BASE, cpu_s_per_gb)
    return [base[number] / now[number] for number in sorted(now) if 0 < base.get(number, 0) < inf]


def verdicts(samples: Sequence[Sample], workloads: Sequence[str]) -> list[list[str]]:
    rows = [["workload", "bytes a processor second, base = 1", "verdict"]]
    for name in workloads:
        found = gains(samples, name)
        spread = Spread.of(found)
        shown = report.shown(spread) if spread else report.NONE
        rows.append([WORKLOADS[name].title, shown, "LOST" if lost(found) else "kept"])
    return rows


def main(given: Sequence[str]) -> int:
    options = _parser().parse_args(given)
    try:
        if options.inside:
            isolation.prepare_network()
            return _compare(options)
        isolation.check_possible()
        options.output.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(prefix="guard-", dir=options.output) as scratch,
            checked_out(options.base, Path(scratch) / "checkout"),
        ):
            return isolation.run_isolated("benchmarks.guard", [*given, "--inside", scratch])
    except (isolation.CannotIsolate, LoadError, CannotStart) as exc:
        print(f"benchmarks: {exc}", file=sys.stderr)
        return 2


@contextmanager
def checked_out(commit: str, directory: Path) -> Iterator[None]:
    """A work tree of that commit, with the pages built here. Raises: CannotStart."""
    added = _git("worktree", "add", "--detach", str(directory), commit)
    if added.returncode != 0:
        raise CannotStart(added.stderr.strip())
    try:
        (directory / "web" / "dist").symlink_to(ROOT / "web" / "dist")
        yield
    finally:
        _git("worktree", "remove", "--force", str(directory))


def _git(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True)


def _compare(options: Namespace) -> int:
    scratch: Path = options.inside
    checkout = scratch / "checkout"
    contenders = {NOW: variant(NOW), BASE: variant(BASE, checkout=checkout)}
    plan = [(WORKLOADS[name], [NOW, BASE]) for name in options.workloads]
    print(f"about {estimated_s(plan, options) / 60:.0f} minutes", flush=True)
    # By the older one: the newer one brings the schema of its copy up to date.
    seeded = seeded_by(checkout, scratch / "seed")
    with everybody(scratch, seeded, plan, contenders, is_favoured=False) as (generator, targets):
        rounds = Rounds(generator, targets)
        samples = [
            sample
            for workload, names in plan
            for sample in measured(rounds, workload, names, options)
        ]
    return _tell(samples, options)


def _tell(samples: Sequence[Sample], options: Namespace) -> int:
    facts: Mapping[str, str] = machine.facts() | {"base": options.base}
    results = report.as_json(samples, facts)
    (options.output / f"guard-{JSON}").write_text(json.dumps(results, indent=1))
    rows = verdicts(samples, options.workloads)
    print(*(f"{name}: {value}" for name, value in facts.items()), sep="\n")
    print(f"\n{report.table(rows)}\n\n{report.measured_text(samples)}", flush=True)
    if report.fault_lines(samples):
        return WRONG_ANSWERS
    return LOST if any(lost(gains(samples, name)) for name in options.workloads) else 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="python -m benchmarks.guard", description=__doc__)
    parser.add_argument("base", metavar="BASE", help="a commit, a branch or a tag")
    parser.add_argument(
        "--workloads",
        type=some_of(WITHOUT_TLS),
        default=GUARDED,
        metavar="A,B",
        help="of the report",
    )
    parser.add_argument("--rounds", type=between(5, 100, int), default=ROUNDS, metavar="N")
    parser.add_argument("--seconds", type=between(0.1, 60, float), default=SECONDS, metavar="S")
    parser.add_argument("--output", type=_absolute, default="build/bench", metavar="DIRECTORY")
    parser.add_argument("--inside", type=Path)
    return parser


def _absolute(text: str) -> Path:
    return Path(text).resolve()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
