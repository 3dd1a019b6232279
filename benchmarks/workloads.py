"""Requests that every contender gets, and the goals."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from types import MappingProxyType

from benchmarks.contenders import FILE_RESPONSE, NGINX, NGINX_AUTH, NO_REPLAY, PRODUCT
from benchmarks.load import Asked, Measured

PLAYERS = 1000
MAIN = (PRODUCT, "coursestream-asyncio", NGINX, NGINX_AUTH, FILE_RESPONSE)
BESIDE = ("go", "uvicorn", "granian")


@dataclass(frozen=True, slots=True)
class Workload:
    """`arguments` are those of the generator."""

    name: str
    title: str
    arguments: tuple[str, ...]
    contenders: tuple[str, ...]
    least_seconds: float = 0.0
    warmup_s: float = 0.5
    most_rounds: int = 100
    is_usual: bool = True
    """Run when no workload is named."""

    def asked(self, seconds: float) -> Asked:
        return Asked(self.arguments, max(seconds, self.least_seconds), self.warmup_s)


def ranges(size_bytes: int, connections: int = 64) -> tuple[str, ...]:
    return ("--range", str(size_bytes), "--connections", str(connections))


# Players come first: what a thousand connections leave in a process would hide their memory.
_ALL = (
    Workload(
        "players",
        "1,000 slow players and 8 who seek",
        ("--players", str(PLAYERS), "--rate", "300000", "--seekers", "8"),
        (*MAIN, NO_REPLAY),
        least_seconds=5.0,
        warmup_s=2.5,
    ),
    Workload("64k", "64 KiB", ranges(64 << 10), (*MAIN, NO_REPLAY, "coursestream-bearer", *BESIDE)),
    Workload("1m", "1 MiB", ranges(1 << 20), (*MAIN, NO_REPLAY, *BESIDE)),
    Workload("8m", "8 MiB", ranges(8 << 20), (*MAIN, *BESIDE)),
    Workload("whole", "whole files", ranges(0), (*MAIN, *BESIDE)),
    Workload("64k-1000", "64 KiB, 1,000 connections", ranges(64 << 10, 1000), MAIN, warmup_s=1.5),
    Workload(
        "fresh",
        "64 KiB, a connection each",
        (*ranges(64 << 10), "--fresh"),
        (*MAIN, NO_REPLAY),
    ),
    Workload(
        "64k-unaligned",
        "64 KiB from anywhere",
        (*ranges(64 << 10), "--unaligned"),
        (*MAIN, NO_REPLAY),
        is_usual=False,
    ),
    # Longer than every cache's life: what is not learnt again when it expires shows here alone.
    Workload(
        "soak",
        "64 KiB for 330 s",
        (*ranges(64 << 10), "--interval", "30"),
        (PRODUCT, NGINX),
        least_seconds=330.0,
        most_rounds=1,
        is_usual=False,
    ),
)
WORKLOADS: Mapping[str, Workload] = MappingProxyType({one.name: one for one in _ALL})
USUAL = tuple(one.name for one in _ALL if one.is_usual)


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of one contender."""

    workload: str
    contender: str
    round: int
    measured: Measured
    server_cpu: float = 0.0
    """Share of its core that it got: of a run that is to be its most, nearly all or disturbed."""
    generator_cpu: float = 0.0
    grown_bytes: int = 0
    """Its resident memory above that before all runs."""


def throughput(sample: Sample) -> float:
    """Bytes of bodies a second: what was only begun counts, too."""
    return per_second(sample, "bytes")


def player_throughput(sample: Sample) -> float:
    return per_second(sample, "player_bytes")


def per_second(sample: Sample, figure: str) -> float:
    """Zero of a run so starved that its clock did not get beyond its warm-up."""
    seconds = sample.measured["seconds"]
    return float(sample.measured[figure] / seconds) if seconds else 0.0


def seek_p99_ms(sample: Sample) -> float:
    """Without end when not one seek came to its end."""
    return float(sample.measured["latency_ms"]["p99"]) if sample.measured["requests"] else inf


def player_kib(sample: Sample) -> float:
    return sample.grown_bytes / 1024 / PLAYERS


@dataclass(frozen=True, slots=True)
class Goal:
    """Bounds of the judged one's value, as a share of each peer's or (`limit`) by itself."""

    title: str
    workload: str
    bounds: Mapping[str, float] = field(default_factory=dict)
    aim: float | None = None
    """Of nginx: not only to be reached but hoped for."""
    limit: float | None = None
    value: Callable[[Sample], float] = throughput
    is_less_better: bool = False
    judged: str = PRODUCT

    def reaches(self, found: float, bound: float) -> bool:
        return found <= bound if self.is_less_better else found >= bound


def _bounds(nginx: float, nginx_auth: float | None, file_response: float) -> dict[str, float]:
    bounds = {NGINX: nginx, NGINX_AUTH: nginx_auth, FILE_RESPONSE: file_response}
    return {name: bound for name, bound in bounds.items() if bound is not None}


GOALS = (
    Goal("64 KiB ranges, 64 connections", "64k", _bounds(0.75, 1.5, 10), aim=0.9),
    Goal("1 MiB", "1m", _bounds(0.9, 1.05, 3), aim=1.0),
    Goal("8 MiB", "8m", _bounds(0.95, 0.95, 1.4), aim=1.0),
    Goal("whole files", "whole", _bounds(0.9, 0.9, 1.0), aim=1.0),
    Goal("64 KiB, 1,000 connections", "64k-1000", _bounds(0.65, None, 7), aim=0.9),
    Goal(
        "seek p99 while 1,000 slow players play",
        "players",
        _bounds(1.5, None, 0.4),
        value=seek_p99_ms,
        is_less_better=True,
    ),
    Goal(
        "resident KiB a slow player",
        "players",
        limit=12,
        value=player_kib,
        is_less_better=True,
    ),
    Goal(
        "first request of a fresh connection (no replay), 64 KiB",
        "fresh",
        _bounds(0.3, 0.6, 4),
        aim=0.45,
        judged=NO_REPLAY,
    ),
)
