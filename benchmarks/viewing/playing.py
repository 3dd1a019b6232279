"""`python -m benchmarks.viewing.playing`: 1,000 viewers a second press play for the first time.

With Redis and without, over a database whose answers are kept for 0, 5 and 50 ms, by a service that
has just started: a *class* is 20 videos, a *library* another one for each viewer, whose facts
another service has used before. `--checkout` measures another commit in the same way. The service
has two processes, and shares all cores with the viewers, the database, and Redis.
"""

import contextlib
import json
import random
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from argparse import Namespace
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg2
from psycopg2.extensions import parse_dsn

from benchmarks.measurement.frame import options_of, run_isolated
from benchmarks.servers.processes import (
    allow_many_files,
    cpu_s,
    family,
    favour_all,
    running,
    wait_for_port,
)
from benchmarks.servers.product import ROOT, environ_of, stop
from db.postgres.migrations import migrate
from server.commands.tokens import mint_token
from server.postgres.embedded import EmbeddedPostgres
from server.web.metrics_listener import SAMPLE_INTERVAL_S

PORT, METRICS_PORT, RELAY_PORT, REDIS_PORT = 8111, 8112, 8113, 8114
JWT_SECRET = "the tokens of a measurement, thirty-two bytes or more"
DELAYS_MS = (0, 5, 50)
VIDEOS = {"class": 20, "library": 5000}
WARM_UP_S = 1.0  # of the client
SETTLE_S = SAMPLE_INTERVAL_S + 1.0  # then each process knows the counters of the other
LIBRARY = """
INSERT INTO courses (id, title) VALUES ('bench', 'Benchmarks');
INSERT INTO modules (id, course_id, title, position) VALUES ('bench', 'bench', 'Benchmarks', 1);
INSERT INTO enrollments (course_id, user_id, role)
SELECT 'bench', 'user-' || n, 'student' FROM generate_series(0, %(viewers)s - 1) n;
INSERT INTO videos (id, course_id, module_id, title, original_filename, status, duration_s, width,
    height, container, video_codec, mime_type, is_playable, original_size_bytes, original_sha256,
    uploaded_by)
SELECT gen_random_uuid(), 'bench', 'bench', 'Lecture ' || n, 'lecture.mp4', 'ready', 3600, 1920,
    1080, 'mp4', 'h264', 'video/mp4', true, 1000000, '', 'bench'
FROM generate_series(1, %(videos)s) n;
INSERT INTO representations (video_id, format, file_name, mime_type, size_bytes, sha256, is_primary)
SELECT id, 'mp4', 'source-0123456789abcdef.mp4', 'video/mp4', 1000000, repeat('0', 64), true
FROM videos;
INSERT INTO thumbnails (video_id, size_name, mime_type, file_name, width_px, height_px, size_bytes,
    sha256)
SELECT id, name, type, name || '-0123456789abcdef.' || split_part(type, '/', 2), 160, 90, 5000,
    repeat('0', 64)
FROM videos, unnest(ARRAY['small', 'medium', 'large']) name,
    unnest(ARRAY['image/jpeg', 'image/webp']) type;
ANALYZE
"""


@dataclass(frozen=True, slots=True)
class Place:
    """The database, and the files with the viewers' paths and tokens."""

    directory: Path
    postgres: EmbeddedPostgres
    checkout: Path

    @property
    def log(self) -> Path:
        return self.directory / "log"


@contextlib.contextmanager
def service(place: Place, *, with_redis: bool) -> Iterator[int]:
    """Yields its process id."""
    parameters = parse_dsn(place.postgres.dsn)
    password = Path(parameters["passfile"]).read_text().strip().rpartition(":")[2]
    user, name = quote(parameters["user"]), parameters["dbname"]
    settings = {
        "DATA_DIR": str(place.directory / "data"),
        "PORT": str(PORT),
        "METRICS_PORT": str(METRICS_PORT),
        "WORKERS": "2",
        "MEDIA_WORKERS": "0",
        "STORAGE_RESERVE": "0",
        "DATABASE_URL": f"postgresql://{user}:{quote(password)}@127.0.0.1:{RELAY_PORT}/{name}",
        "JWT_SECRET": JWT_SECRET,
        "LOG_LEVEL": "error",
        "STREAM_RATE_LIMIT": "1000000/second",
    }
    if with_redis:
        settings["REDIS_URL"] = f"redis://127.0.0.1:{REDIS_PORT}/0"
    command = [sys.executable, str(place.checkout / "run_server.py"), "serve"]
    with running(command, place.log, environ_of(settings)) as process:
        wait_for_port(process, METRICS_PORT, place.log)  # the other one listens before
        yield process.pid
        stop(process)


@contextlib.contextmanager
def slow_database(place: Place, delay_ms: int) -> Iterator[None]:
    parameters = parse_dsn(place.postgres.dsn)
    socket = f"{parameters['host']}/.s.PGSQL.{parameters['port']}"
    relay = [
        sys.executable,
        "-m",
        "benchmarks.clients.relay",
        str(RELAY_PORT),
        socket,
        str(delay_ms),
    ]
    with running(relay, place.log) as process:
        wait_for_port(process, RELAY_PORT, place.log)
        yield


def press(place: Place, which: str, options: Namespace, pid: int) -> dict[str, float]:
    """Returns the findings of the viewers, with statements and processor time for each."""
    seconds, rate = options.seconds, options.rate
    file = str(place.directory / which)
    client = [sys.executable, "-m", "benchmarks.clients.play_client", str(PORT), file]
    if options.realtime:
        favour_all()
    before, cpu_before_s = _statements(), cpu_s(family(pid))
    done = subprocess.run(
        [*client, str(seconds), str(rate)], cwd=ROOT, stdout=subprocess.PIPE, check=True
    )
    found: dict[str, float] = json.loads(done.stdout)
    answered = max(found["per_second"] * (seconds + WARM_UP_S), 1.0)
    return found | {
        "statements": (_statements() - before) / answered,
        "cpu_us": (cpu_s(family(pid)) - cpu_before_s) / answered * 1e6,
    }


def _statements() -> float:
    time.sleep(SETTLE_S)
    url = f"http://127.0.0.1:{METRICS_PORT}/metrics"
    with urllib.request.urlopen(url, timeout=10) as response:
        text = response.read().decode()
    found = re.findall(r"^coursestream_database_queries_total(?:{\S*})? (\S+)$", text, re.MULTILINE)
    return sum(map(float, found))


def shown(name: str, found: dict[str, float]) -> str:
    return (
        f"{name:30} {found['per_second']:6.0f}/s   p50 {found['p50_ms']:7.1f} ms"
        f"   p99 {found['p99_ms']:7.1f} ms   {found['statements']:4.2f} statements each"
        f"   {found['cpu_us']:5.0f} µs"
        f"   {found['errors']:.0f} errors"
    )


def measure(options: Namespace) -> Iterator[str]:
    allow_many_files()
    redis = ["redis-server", "--port", str(REDIS_PORT), "--bind", "127.0.0.1", "--save", ""]
    with (
        tempfile.TemporaryDirectory(dir="/dev/shm") as name,
        furnished(Path(name), options) as place,
        running(redis, place.log) as process,
    ):
        wait_for_port(process, REDIS_PORT, place.log)
        for delay_ms in options.delays:
            for which in options.videos:
                for with_redis in (False, True):
                    found = once(place, delay_ms, which, options, with_redis=with_redis)
                    redis_text = "with Redis" if with_redis else "without"
                    line = shown(f"{delay_ms:2} ms, {which}, {redis_text}", found)
                    print(line, flush=True)
                    yield line


def once(
    place: Place, delay_ms: int, which: str, options: Namespace, *, with_redis: bool
) -> dict[str, float]:
    if with_redis and which == "library":  # its facts were used before, elsewhere
        with slow_database(place, 0), service(place, with_redis=True) as pid:
            press(place, which, options, pid)
    with slow_database(place, delay_ms), service(place, with_redis=with_redis) as pid:
        return press(place, which, options, pid)


@contextlib.contextmanager
def furnished(directory: Path, options: Namespace) -> Iterator[Place]:
    viewers = int(options.rate * (options.seconds + WARM_UP_S + 1.0))
    with EmbeddedPostgres(directory / "postgres") as postgres:
        migrate(postgres.dsn, options.checkout / "migrations")
        with closing(psycopg2.connect(postgres.dsn)) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute(LIBRARY, {"viewers": viewers, "videos": VIDEOS["library"]})
            cursor.execute("SELECT id::text FROM videos ORDER BY id")
            videos = [video_id for (video_id,) in cursor]
        write_targets(directory, videos, viewers)
        yield Place(directory, postgres, options.checkout)


def write_targets(directory: Path, videos: list[str], viewers: int) -> None:
    tokens = [mint_token(JWT_SECRET, f"user-{number}") for number in range(viewers)]
    for which, count in VIDEOS.items():
        lines = [
            f"/api/v1/videos/{videos[number % count]}/playback {token}"
            for number, token in enumerate(tokens)
        ]
        random.Random(1).shuffle(lines)
        (directory / which).write_text("\n".join(lines))


def main(given: list[str]) -> int:
    parser = options_of("viewing.playing", __doc__)
    parser.add_argument("--rate", type=float, default=1000.0)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--delays", type=int, nargs="+", default=DELAYS_MS, metavar="MS")
    parser.add_argument("--videos", nargs="+", choices=VIDEOS, default=tuple(VIDEOS))
    parser.add_argument("--realtime", action="store_true", help="before all else of the machine")
    parser.add_argument("--checkout", type=Path, default=ROOT)
    return run_isolated(parser, given, measure)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
