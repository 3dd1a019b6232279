"""Frame of the measurements below benchmarks/: options, directory, output."""

import subprocess
import sys
from argparse import SUPPRESS, ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median

from benchmarks.measurement import isolation, machine
from benchmarks.servers.processes import CannotStart

Measure = Callable[[Namespace], Iterable[str]]
"""Says its findings, line by line."""


def options_of(module: str, description: str | None) -> ArgumentParser:
    """Options that all have; others may be added. The module as it is called below benchmarks/."""
    parser = ArgumentParser(prog=f"python -m benchmarks.{module}", description=description)
    parser.set_defaults(module=module, name=module.rpartition(".")[2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=_directory, default="build/bench")
    return parser


def run(options: Namespace, measure: Measure) -> int:
    """Writes the findings below what the machine was like before. Says the exit code."""
    facts = [f"{name}: {value}" for name, value in machine.facts().items()]
    text = "\n".join([*facts, "", *measure(options), ""])
    file = options.output / f"{options.name}.txt"
    file.write_text(text)
    print(f"\n{text}written: {file}")
    return 0


def run_isolated(parser: ArgumentParser, given: Sequence[str], measure: Measure) -> int:
    """Like `run`, in a place of its own (isolation.py)."""
    parser.add_argument("--inside", action="store_true", help=SUPPRESS)
    options = parser.parse_args(given)
    try:
        if options.inside:
            isolation.prepare_network()
            return run(options, measure)
        isolation.check_possible()
        return isolation.run_isolated(f"benchmarks.{options.module}", [*given, "--inside"])
    except (isolation.CannotIsolate, CannotStart, subprocess.CalledProcessError) as exc:
        print(f"benchmarks: {exc}", file=sys.stderr)
        return 2


def spread(values: Sequence[float], digits: int) -> str:
    middle, low, high = median(values), min(values), max(values)
    return f"{middle:.{digits}f} [{low:.{digits}f} to {high:.{digits}f}]"


def _directory(text: str) -> Path:
    """It is there from now on."""
    path = Path(text).resolve()
    path.mkdir(parents=True, exist_ok=True)
    return path
