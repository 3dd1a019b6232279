"""`python -m benchmarks.viewing.pressing`: answers to `/playback` a second by one core.

Beside it, in the same rounds, on the same core and by the same requests, the least that aiohttp
answers as JSON. Two thousand students of one course press play on twenty videos again and again, on
64 connections; their tokens have been seen before, their grants are made anew each time. With Redis
and without.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from benchmarks.measurement.frame import options_of, run_isolated, spread
from benchmarks.servers.processes import (
    Cores,
    allow_many_files,
    choose_cores,
    cpu_s,
    favour_all,
    pinned,
    running,
    wait_for_port,
)
from benchmarks.servers.product import ROOT, serving, stop
from benchmarks.viewing.playing import JWT_SECRET, LIBRARY, REDIS_PORT
from server.commands.tokens import mint_token
from server.postgres.embedded import EmbeddedPostgres

EMPTY, WITHOUT, WITH = "empty", "coursestream", "coursestream, Redis"
PORTS = {EMPTY: 8131, WITHOUT: 8132, WITH: 8133}
SERVICES = (WITHOUT, WITH)
VIEWERS, VIDEOS = 2000, 20
WARM_UP_S = 1.0  # of the client
GOAL = 0.5


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: what the viewers found, and the server's processor time for each press."""

    contender: str
    found: dict[str, float]
    server_us: float


@dataclass(frozen=True, slots=True)
class Bench:
    """Everybody, listening."""

    directory: Path
    pids: dict[str, int]
    cores: Cores

    def run(self, contender: str, seconds: float) -> Sample:
        pids = [self.pids[contender]]
        client = [sys.executable, "-m", "benchmarks.clients.play_client", str(PORTS[contender])]
        command = [*client, str(self.directory / f"{PORTS[contender]}.targets"), str(seconds), "0"]
        before_s = cpu_s(pids)
        done = subprocess.run(
            pinned(self.cores.generator, command), cwd=ROOT, stdout=subprocess.PIPE, check=True
        )
        found: dict[str, float] = json.loads(done.stdout)
        presses = max(found["per_second"] * (seconds + WARM_UP_S), 1.0)
        sample = Sample(contender, found, (cpu_s(pids) - before_s) / presses * 1e6)
        print(shown(sample), flush=True)
        return sample


def shown(sample: Sample) -> str:
    found = sample.found
    return (
        f"{sample.contender:20} {found['per_second']:7.0f}/s   p50 {found['p50_ms']:6.1f} ms"
        f"   p99 {found['p99_ms']:6.1f} ms   {sample.server_us:4.0f} µs"
        f"   {found['errors']:.0f} errors"
    )


def measure(options: Namespace) -> list[str]:
    allow_many_files()
    with (
        tempfile.TemporaryDirectory(dir=options.output) as directory,
        everybody(Path(directory)) as bench,
    ):
        if options.realtime:
            favour_all()
        rounds = [
            {name: bench.run(name, options.seconds) for name in PORTS}
            for _ in range(options.rounds)
        ]
    return list(verdicts(rounds))


def verdicts(rounds: Sequence[dict[str, Sample]]) -> Iterator[str]:
    for name in SERVICES:
        rates = [one[name].found["per_second"] / one[EMPTY].found["per_second"] for one in rounds]
        yield f"{name}, a second, of {EMPTY}'s: {spread(rates, 2)} (at least {GOAL})"
        costs = [one[EMPTY].server_us / one[name].server_us for one in rounds]
        yield f"{name}, processor time of {EMPTY}, of its own: {spread(costs, 2)}"
    errors = sum(one.found["errors"] for each in rounds for one in each.values())
    yield f"errors: {errors:.0f}"


@contextlib.contextmanager
def everybody(directory: Path) -> Iterator[Bench]:
    """Two services, each with its database, and the peer, on the server's core."""
    cores, log = choose_cores(), directory / "log"
    redis = ["redis-server", "--port", str(REDIS_PORT), "--bind", "127.0.0.1", "--save", ""]
    with contextlib.ExitStack() as stack:
        process = stack.enter_context(running(pinned(cores.others, redis), log))
        wait_for_port(process, REDIS_PORT, log)
        pids = {name: stack.enter_context(service(directory, name, cores)) for name in SERVICES}
        dsn = EmbeddedPostgres(directory / str(PORTS[WITHOUT])).dsn
        app = [sys.executable, "-m", "benchmarks.peers.json_app", dsn, str(PORTS[EMPTY])]
        peer = stack.enter_context(running(pinned(cores.server, app), log))
        wait_for_port(peer, PORTS[EMPTY], log)
        write_targets(directory, EMPTY, ["0" * 36] * VIDEOS)
        yield Bench(directory, {**pids, EMPTY: peer.pid}, cores)


@contextlib.contextmanager
def service(directory: Path, name: str, cores: Cores) -> Iterator[int]:
    """Yields its process id."""
    data_dir = directory / str(PORTS[name])
    with serving(settings_of(data_dir, name), directory / "log", cores) as process:
        write_targets(directory, name, furnish(EmbeddedPostgres(data_dir).dsn))
        yield process.pid
        stop(process)


def settings_of(data_dir: Path, name: str) -> dict[str, str]:
    settings = {
        "DATA_DIR": str(data_dir),
        "PORT": str(PORTS[name]),
        "WORKERS": "1",
        "MEDIA_WORKERS": "0",
        "JWT_SECRET": JWT_SECRET,
        "LOG_LEVEL": "warning",  # the other has no access log either
        "STREAM_RATE_LIMIT": "1000000/second",
    }
    return settings | ({"REDIS_URL": f"redis://127.0.0.1:{REDIS_PORT}/0"} if name == WITH else {})


def furnish(dsn: str) -> list[str]:
    """The ids of the videos."""
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(LIBRARY, {"viewers": VIEWERS, "videos": VIDEOS})
        cursor.execute("SELECT id::text FROM videos")
        return [video_id for (video_id,) in cursor]


def write_targets(directory: Path, name: str, videos: Sequence[str]) -> None:
    last = EMPTY if name == EMPTY else "playback"
    lines = [
        f"/api/v1/videos/{videos[n % VIDEOS]}/{last} {mint_token(JWT_SECRET, f'user-{n}')}"
        for n in range(VIEWERS)
    ]
    (directory / f"{PORTS[name]}.targets").write_text("\n".join(lines))


def main(given: list[str]) -> int:
    parser = options_of("viewing.pressing", __doc__)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--realtime", action="store_true", help="before all else of the machine")
    return run_isolated(parser, given, measure)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
