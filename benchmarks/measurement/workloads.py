"""Requests that every contender gets, and the goals."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from types import MappingProxyType

from benchmarks.clients.load import Asked, Measured
from benchmarks.servers.contenders import (
    BY_BEARER,
    FILE_RESPONSE,
    NGINX,
    NGINX_AUTH,
    NGINX_TLS,
    NO_SHORTCUT,
    OTHER_PYTHON,
    PRODUCT,
    PRODUCT_TLS,
)

PLAYERS = 1000
MAIN = (PRODUCT, "coursestream-asyncio", NGINX, NGINX_AUTH, FILE_RESPONSE)
BESIDE = ("go", "uvicorn", "granian")
BY_TLS = (PRODUCT_TLS, NGINX_TLS)
BOTH_WAYS = (PRODUCT, BY_BEARER, OTHER_PYTHON, NGINX)


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
    is_tls: bool = False
    """A row of those contenders alone that end TLS."""

    @property
    def nginx(self) -> str:
        """The one of the contenders that is compared with as nginx."""
        return NGINX_TLS if self.is_tls else NGINX

    @property
    def is_paced(self) -> bool:
        """True if it is as fast as its players are told to be."""
        return "--players" in self.arguments

    def asked(self, seconds: float) -> Asked:
        return Asked(self.arguments, max(seconds, self.least_seconds), self.warmup_s)


def players(rate: int, *others: str, seekers: int = 8) -> tuple[str, ...]:
    return ("--players", str(PLAYERS), "--rate", str(rate), "--seekers", str(seekers), *others)


def ranges(size_bytes: int, connections: int = 64) -> tuple[str, ...]:
    return ("--range", str(size_bytes), "--connections", str(connections))


# Players come first: what a thousand connections leave in a process would hide their memory.
_ALL = (
    Workload(
        "players",
        "1,000 slow players and 8 who seek",
        players(300_000),
        (*MAIN, NO_SHORTCUT),
        least_seconds=5.0,
        warmup_s=2.5,
    ),
    # As browsers ask whose buffer holds some seconds: a piece, and later the next one.
    Workload(
        "pieces",
        "1,000 players at 400 KB/s in pieces of 2 MiB, and 8 who seek",
        players(400_000, "--piece", str(2 << 20)),
        (PRODUCT, NGINX),
        least_seconds=5.0,
        warmup_s=2.5,
    ),
    # Nobody seeks: who does, seeks again at once, so the faster a server is the more it would pay.
    Workload(
        "pieces-alone",
        "1,000 players at 400 KB/s in pieces of 2 MiB",
        players(400_000, "--piece", str(2 << 20), seekers=0),
        (PRODUCT, NGINX),
        least_seconds=5.0,
        warmup_s=2.5,
    ),
    # As hls.js asks: one segment of 4 s behind the other, by EXT-X-BYTERANGE, wherever it begins.
    Workload(
        "segments",
        "1,000 players at 400 KB/s in segments of 4 s",
        players(400_000, "--piece", str(4 * 400_000), seekers=0),
        (PRODUCT, NGINX),
        least_seconds=5.0,
        warmup_s=2.5,
    ),
    Workload(
        "64k", "64 KiB", ranges(64 << 10), (*MAIN, NO_SHORTCUT, BY_BEARER, OTHER_PYTHON, *BESIDE)
    ),
    Workload("96k", "96 KiB", ranges(96 << 10, 48), BOTH_WAYS),
    Workload("1m", "1 MiB", ranges(1 << 20), (*MAIN, NO_SHORTCUT, *BESIDE)),
    Workload("1536k", "1.5 MiB from anywhere", (*ranges(3 << 19), "--unaligned"), (PRODUCT, NGINX)),
    Workload("6m", "6 MiB from anywhere", (*ranges(6 << 20), "--unaligned"), (PRODUCT, NGINX)),
    Workload("8m", "8 MiB", ranges(8 << 20), (*MAIN, *BESIDE)),
    Workload("whole", "whole files", ranges(0), (*MAIN, *BESIDE)),
    Workload("64k-1000", "64 KiB, 1,000 connections", ranges(64 << 10, 1000), MAIN, warmup_s=1.5),
    Workload("96k-800", "96 KiB, 800 connections", ranges(96 << 10, 800), BOTH_WAYS, warmup_s=1.5),
    Workload(
        "fresh",
        "64 KiB, a connection each",
        (*ranges(64 << 10), "--fresh"),
        (*MAIN, NO_SHORTCUT),
    ),
    Workload("tls-64k", "64 KiB by TLS 1.3", ranges(64 << 10), BY_TLS, is_tls=True),
    Workload("tls-1m", "1 MiB by TLS 1.3", ranges(1 << 20), BY_TLS, is_tls=True),
    Workload(
        "64k-unaligned",
        "64 KiB from anywhere",
        (*ranges(64 << 10), "--unaligned"),
        (*MAIN, NO_SHORTCUT),
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
WITHOUT_TLS: Mapping[str, Workload] = MappingProxyType(
    {one.name: one for one in _ALL if not one.is_tls}
)
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
    server_cpu_s: float = 0.0
    """The same in seconds, of the whole run."""
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


def cpu_s_per_gb(sample: Sample) -> float:
    """Seconds of the server's core, over the whole run; without end when no byte came."""
    size = sample.measured["all_bytes"]
    return sample.server_cpu_s / size * 1e9 if size else inf


def seek_p99_ms(sample: Sample) -> float:
    """Milliseconds; without end when not one seek came to its end."""
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
    Goal("the same by bearer", "64k", _bounds(0.75, 1.5, 10), aim=0.9, judged=BY_BEARER),
    Goal("96 KiB, 48 connections", "96k", {NGINX: 0.75}, aim=0.9),
    Goal("the same by bearer", "96k", {NGINX: 0.75}, aim=0.9, judged=BY_BEARER),
    Goal("1 MiB", "1m", _bounds(0.9, 1.05, 3), aim=1.0),
    Goal("1.5 MiB from anywhere", "1536k", {NGINX: 0.9}, aim=1.0),
    Goal("6 MiB from anywhere", "6m", {NGINX: 0.95}, aim=1.0),
    Goal("8 MiB", "8m", _bounds(0.95, 0.95, 1.4), aim=1.0),
    Goal("whole files", "whole", _bounds(0.95, 0.95, 1.0), aim=1.0),
    Goal("64 KiB, 1,000 connections", "64k-1000", _bounds(0.65, None, 7), aim=0.9),
    Goal("96 KiB, 800 connections", "96k-800", {NGINX: 0.65}, aim=0.9),
    Goal(
        "processor a GB, 1,000 players in pieces of 2 MiB",
        "pieces-alone",
        {NGINX: 1.3},
        aim=1.1,
        value=cpu_s_per_gb,
        is_less_better=True,
    ),
    Goal(
        "processor a GB, 1,000 players in segments of 4 s",
        "segments",
        {NGINX: 1.4},
        aim=1.1,
        value=cpu_s_per_gb,
        is_less_better=True,
    ),
    Goal(
        "seek p99 beside them",
        "pieces",
        {NGINX: 1.5},
        aim=1.1,
        value=seek_p99_ms,
        is_less_better=True,
    ),
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
        limit=8,
        value=player_kib,
        is_less_better=True,
    ),
    Goal(
        "first request of a fresh connection (no shortcut), 64 KiB",
        "fresh",
        _bounds(0.3, 0.6, 4),
        aim=0.45,
        judged=NO_SHORTCUT,
    ),
    Goal("a connection each, with shortcut", "fresh", {NGINX: 0.45}, aim=0.6),
    Goal("64 KiB by TLS 1.3", "tls-64k", {NGINX: 0.5}, aim=1.0, judged=PRODUCT_TLS),
    Goal("1 MiB by TLS 1.3", "tls-1m", {NGINX: 0.85}, aim=1.0, judged=PRODUCT_TLS),
)
