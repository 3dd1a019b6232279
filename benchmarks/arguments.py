"""Options of `python -m benchmarks`, checked before anything is started."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.measurement.profile import py_spy
from benchmarks.measurement.workloads import USUAL, WITHOUT_TLS, WORKLOADS
from benchmarks.own_server import http_address
from benchmarks.servers.contenders import CONTENDERS

QUICK_SECONDS, QUICK_ROUNDS = 1.0, 2
SECONDS, ROUNDS = 2.5, 5
LONGEST_S = 600.0


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Exits with an explanation when something is not as it should be."""
    parser = _parser()
    found = parser.parse_args(arguments)
    if found.profile and py_spy() is None:
        parser.error("--profile needs py-spy (pip install py-spy)")
    if bool(found.url) != bool(found.token):
        parser.error("--url and --token need each other")
    if found.soak:
        found.workloads = ("soak",)
    found.workloads = found.workloads or _usual(found.url)
    if found.url and (by_tls := set(found.workloads) - set(WITHOUT_TLS)):
        parser.error(f"--url is asked without TLS, not by {', '.join(sorted(by_tls))}")
    found.seconds = found.seconds or (QUICK_SECONDS if found.quick else SECONDS)
    found.output = found.output.resolve()
    found.rounds = found.rounds or (QUICK_ROUNDS if found.quick else ROUNDS)
    return found


def _usual(url: str | None) -> tuple[str, ...]:
    return tuple(name for name in USUAL if url is None or name in WITHOUT_TLS)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Serving of videos measured beside other servers, see docs/benchmarks.md.",
    )
    parser.add_argument("--quick", action="store_true", help="short rounds, for trying out")
    parser.add_argument(
        "--workloads",
        type=some_of(WORKLOADS),
        metavar="A,B",
        help=f"of {', '.join(WORKLOADS)}",
    )
    parser.add_argument(
        "--contenders",
        type=some_of(CONTENDERS),
        metavar="A,B",
        help=f"of {', '.join(CONTENDERS)}; without it each workload has its own",
    )
    parser.add_argument("--rounds", type=between(1, 100, int), metavar="N")
    parser.add_argument("--seconds", type=between(0.1, LONGEST_S, float), metavar="S")
    parser.add_argument("--output", type=Path, default=Path("build/bench"), metavar="DIRECTORY")
    parser.add_argument(
        "--soak", action="store_true", help="330 s in one piece, longer than every cache's life"
    )
    parser.add_argument(
        "--realtime", action="store_true", help="ratios from a busy machine, at its cost"
    )
    parser.add_argument("--profile", action="store_true", help="flame graphs by py-spy")
    own = parser.add_argument_group("only the generator, against a server of one's own")
    own.add_argument("--url", type=http_address, metavar="http://127.0.0.1:8080")
    own.add_argument("--token", help="a bearer token of somebody who may watch its videos")
    own.add_argument("--bearer", action="store_true", help="ask by token, not by playback grant")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    return parser


def some_of(table: Mapping[str, object]) -> Callable[[str], tuple[str, ...]]:
    def parse_names(text: str) -> tuple[str, ...]:
        names = tuple(text.split(","))
        if unknown := [name for name in names if name not in table]:
            raise argparse.ArgumentTypeError(
                f"unknown: {', '.join(unknown)}; there are {', '.join(table)}"
            )
        return names

    return parse_names


def between(low: float, high: float, kind: Callable[[str], float]) -> Callable[[str], float]:
    def parse_number(text: str) -> float:
        number = kind(text)
        if not low <= number <= high:
            raise argparse.ArgumentTypeError(f"not between {low:g} and {high:g}: {text}")
        return number

    return parse_number
