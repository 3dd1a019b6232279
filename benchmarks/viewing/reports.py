"""`python -m benchmarks.viewing.reports`: reports a second that one core acknowledges.

Beside it, in the same rounds, an aiohttp handler that reads and answers JSON and does nothing, and
a naive one that commits each report by itself, on the same PostgreSQL with fsync on. All are asked
by players of `report_client.py`, by requests of the same length.
"""

import contextlib
import json
import re
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import psycopg2

from benchmarks.measurement.frame import options_of, run_isolated, spread
from benchmarks.servers.processes import (
    Cores,
    allow_many_files,
    choose_cores,
    cpu_s,
    pinned,
    running,
    wait_for_port,
)
from benchmarks.servers.product import ROOT, serving, stop
from handlers.access.grants import Grants, PlaybackGrant
from server.postgres.embedded import EmbeddedPostgres

REPORT_CLIENT = "benchmarks.clients.report_client"
PRODUCT, ECHO, NAIVE = "coursestream", "echo", "naive"
PATHS = ((PRODUCT, "progress"), (ECHO, ECHO), (NAIVE, NAIVE))
SPARE = 40  # rows of a page of the sample, most of them of the same user
PORTS = {PRODUCT: 8101, ECHO: 8102, NAIVE: 8102}
METRICS_PORT = 8103
GRANT_SECRET = "the grants of a measurement, thirty-two bytes or more"
DURATION_S, TTL_S = 3600.0, 6 * 3600.0
GOALS = {ECHO: 0.6, NAIVE: 1.5}
MOST_P99_MS, MOST_COMMITS = 100.0, 200.0
# Of a given DATA_DIR nothing is repaired, made or dropped meanwhile.
AS_IT_IS = {"MEDIA_WORKERS": "0", "EVENT_RETENTION": "30d", "PROGRESS_EVENT_RETENTION": "30d"}
# From pages all over the table, as the viewers of a moment are.
SEEN = """
SELECT DISTINCT ON (user_id) user_id, video_id::text, videos.course_id, videos.duration_s
FROM progress TABLESAMPLE SYSTEM (%s) JOIN videos ON videos.id = video_id
WHERE deleted_at IS NULL AND status = 'ready'
LIMIT %s
"""
COURSE = """
INSERT INTO courses (id, title) VALUES ('bench', 'Benchmarks');
INSERT INTO modules (id, course_id, title, position) VALUES ('bench', 'bench', 'Benchmarks', 1);
"""
LECTURE = """
INSERT INTO videos (id, course_id, module_id, title, original_filename, status, duration_s, width,
    height, container, video_codec, mime_type, is_playable, original_size_bytes, original_sha256,
    uploaded_by)
VALUES (%s, 'bench', 'bench', 'Lecture', 'lecture.mp4', 'ready', %s, 640, 360, 'mp4', 'h264',
    'video/mp4', true, 1, '', 'bench')
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: what the players found, commits a second, the server's time a report."""

    contender: str
    found: dict[str, float]
    commits: float
    server_us: float


class Bench:
    """Everybody, listening."""

    def __init__(self, directory: Path, pids: dict[str, int], cores: Cores) -> None:
        self._directory = directory
        self._pids = pids
        self._cores = cores

    def run(self, contender: str, seconds: float, rate: float = 0.0) -> Sample:
        pids = [self._pids[contender]]
        commits, cpu = _commits(), cpu_s(pids)
        client = [
            sys.executable,
            "-m",
            "benchmarks.clients.report_client",
            str(PORTS[contender]),
        ]
        targets = str(self._directory / contender)
        command = pinned(self._cores.generator, [*client, targets, str(seconds), str(rate)])
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
        found: dict[str, float] = json.loads(done.stdout)
        ran_s = seconds + 1.0  # its warm-up counts, too
        reports = max(found["per_second"] * ran_s, 1.0)
        sample = Sample(
            contender,
            found,
            (_commits() - commits) / ran_s,
            (cpu_s(pids) - cpu) / reports * 1e6,
        )
        print(shown(sample), flush=True)
        return sample


def shown(sample: Sample) -> str:
    found = sample.found
    return (
        f"{sample.contender:14} {found['per_second']:8.0f}/s   p50 {found['p50_ms']:7.1f} ms"
        f"   p99 {found['p99_ms']:7.1f} ms   {sample.commits:5.0f} commits/s"
        f"   {sample.server_us:4.0f} µs   {found['errors']:.0f} errors"
    )


def measure(options: Namespace) -> list[str]:
    allow_many_files()
    with (
        tempfile.TemporaryDirectory(dir=options.output) as directory,
        everybody(Path(directory), options.users, options.data_dir) as bench,
    ):
        rounds = [
            {name: bench.run(name, options.seconds) for name in (ECHO, NAIVE, PRODUCT)}
            for _ in range(options.rounds)
        ]
        usual = statistics.median(one[PRODUCT].found["per_second"] for one in rounds)
        half = [bench.run(PRODUCT, options.seconds, usual / 2) for _ in range(options.rounds)]
    return list(verdicts(rounds, half))


def verdicts(rounds: Sequence[dict[str, Sample]], half: Sequence[Sample]) -> Iterator[str]:
    for peer, goal in GOALS.items():
        ratios = [
            one[PRODUCT].found["per_second"] / one[peer].found["per_second"] for one in rounds
        ]
        yield f"reports a second, of {peer}'s: {spread(ratios, 2)} (at least {goal})"
    saved = [one[ECHO].server_us / one[PRODUCT].server_us for one in rounds]
    yield f"processor time of {ECHO}'s request, of a report's: {spread(saved, 2)}"
    p99 = [one.found["p99_ms"] for one in half]
    yield f"p99 at half of its rate, ms: {spread(p99, 0)} (at most {MOST_P99_MS:.0f})"
    commits = [one[PRODUCT].commits for one in rounds] + [one.commits for one in half]
    yield f"commits a second: {spread(commits, 0)} (at most {MOST_COMMITS:.0f})"
    errors = sum(one.found["errors"] for each in rounds for one in each.values())
    yield f"errors: {errors + sum(one.found['errors'] for one in half):.0f}"


@contextlib.contextmanager
def everybody(directory: Path, users: int, given: Path | None = None) -> Iterator[Bench]:
    """The service as users run it, its database and the peers on what is left of the machine.

    With a DATA_DIR `given`, its viewers report about what they have seen already.
    """
    cores, log = choose_cores(), directory / "log"
    data_dir = given or directory / "data"
    settings = settings_of(data_dir) | (AS_IT_IS if given else {})
    with serving(settings, log, cores) as service:
        dsn = EmbeddedPostgres(data_dir).dsn
        if given is None:
            write_targets(directory, make_lecture(dsn), users)
        else:
            write_seen_targets(directory, find_seen(dsn, users))
        app = [sys.executable, "-m", "benchmarks.peers.json_app", dsn, str(PORTS[ECHO])]
        with running(pinned(cores.server, app), log) as peers:
            wait_for_port(peers, PORTS[ECHO], log)
            yield Bench(directory, {PRODUCT: service.pid, ECHO: peers.pid, NAIVE: peers.pid}, cores)
        stop(service)


def settings_of(data_dir: Path) -> dict[str, str]:
    return {
        "DATA_DIR": str(data_dir),
        "PORT": str(PORTS[PRODUCT]),
        "METRICS_PORT": str(METRICS_PORT),
        "GRANT_SECRET": GRANT_SECRET,
        "LOG_LEVEL": "warning",  # the others have no access log either
        "REPORT_RATE_LIMIT": "1000000/second",  # a player reports again as soon as it is answered
    }


def make_lecture(dsn: str) -> str:
    """The id of a lecture without bytes: reports are about its seconds alone."""
    [video_id] = make_lectures(dsn, 1)
    return video_id


def make_lectures(dsn: str, count: int) -> list[str]:
    """The ids of as many lectures of one course."""
    video_ids = [str(uuid4()) for _ in range(count)]
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SHOW fsync")
        assert cursor.fetchone() == ("on",)
        cursor.execute(COURSE)
        for video_id in video_ids:
            cursor.execute(LECTURE, (video_id, DURATION_S))
    return video_ids


@dataclass(frozen=True, slots=True)
class Seen:
    """A video that a user has watched some of."""

    user_id: str
    video_id: str
    course_id: str
    duration_s: float


def find_seen(dsn: str, count: int) -> list[Seen]:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW fsync")
        assert cursor.fetchone() == ("on",)
        cursor.execute(
            "SELECT greatest(reltuples, 1) FROM pg_class WHERE oid = 'progress'::regclass"
        )
        [(rows,)] = cursor.fetchall()
        cursor.execute(SEEN, (min(100.0, 100.0 * SPARE * count / rows), count))
        found = [
            Seen(user_id, video_id, course_id, float(duration_s))
            for user_id, video_id, course_id, duration_s in cursor.fetchall()
        ]
    print(f"{len(found)} viewers of {rows:.0f} rows of progress", flush=True)
    return found


def write_seen_targets(directory: Path, seen: Sequence[Seen]) -> None:
    grants = Grants(GRANT_SECRET, TTL_S)
    for name, last in PATHS:
        lines = [
            f"/play/{grants.mint(_grant(one, grants))}/{one.video_id}/{last} session-{number}"
            for number, one in enumerate(seen)
        ]
        (directory / name).write_text("\n".join(lines))


def write_targets(directory: Path, video_id: str, users: int) -> None:
    """Every player its own grant and session; the peers' addresses are as long."""
    grants = Grants(GRANT_SECRET, TTL_S)
    tokens = [grants.mint(grant_of(f"user-{n}", video_id, grants)) for n in range(users)]
    for name, last in PATHS:
        lines = [f"/play/{one}/{video_id}/{last} session-{n}" for n, one in enumerate(tokens)]
        (directory / name).write_text("\n".join(lines))


def write_viewers(file: Path, video_ids: Sequence[str], count: int) -> None:
    """Viewers spread over the lectures, each with a grant and a session of its own."""
    grants = Grants(GRANT_SECRET, TTL_S)
    lines = []
    for number in range(count):
        video_id = video_ids[number % len(video_ids)]
        token = grants.mint(grant_of(f"user-{number}", video_id, grants))
        lines.append(f"/play/{token}/{video_id}/progress {uuid4()}")
    file.write_text("\n".join(lines))


def grant_of(user_id: str, video_id: str, grants: Grants) -> PlaybackGrant:
    return _grant(Seen(user_id, video_id, "bench", DURATION_S), grants)


def _grant(seen: Seen, grants: Grants) -> PlaybackGrant:
    return PlaybackGrant(
        user_id=seen.user_id,
        video_id=UUID(seen.video_id),
        course_id=seen.course_id,
        version=1,
        duration_s=seen.duration_s,
        media_types={"mp4": "video/mp4"},
        expires_at=grants.expiry(privileged=False),
    )


def _commits() -> float:
    url = f"http://127.0.0.1:{METRICS_PORT}/metrics"
    with urllib.request.urlopen(url, timeout=10) as response:
        text = response.read().decode()
    found = re.search(r"^coursestream_progress_commits_total (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def main(given: list[str]) -> int:
    parser = options_of("viewing.reports", __doc__)
    parser.add_argument("--users", type=int, default=800)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--data-dir", type=Path, help="an installation that is stopped: written to")
    return run_isolated(parser, given, measure)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
