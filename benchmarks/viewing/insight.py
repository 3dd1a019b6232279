"""`python -m benchmarks.viewing.insight`: teachers' figures of a large installation.

A course of 5,000 students and 200 videos, five times: 5 million rows of progress, and figures of
30 days, in a PostgreSQL of its own. Each reading that teachers wait for is made many times, of
courses and videos by chance, over one connection. The goal is a 95th percentile below 100 ms, for
what is kept for all who ask a longer one; a goal that is missed is exit status 1. On a machine that
does other things as well, believe the processor time of PostgreSQL.
"""

import asyncio
import random
import statistics
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import psycopg2

from benchmarks.arguments import between
from benchmarks.measurement import machine
from benchmarks.measurement.report import table
from benchmarks.servers.processes import cpu_s
from db.insight import session_search, students
from db.insight.figures import Period
from db.insight.session_search import Searcher
from db.pool import Database, open_database
from db.postgres.migrations import migrate
from db.progress import progress
from events.insight import figures
from events.insight.quality import read_quality, sum_up_quality
from events.insight.ranking import StudentOrder, ranked
from server.postgres.cluster import Cluster
from server.postgres.embedded import EmbeddedPostgres

COURSES, STUDENTS, VIDEOS, DAYS = 5, 5_000, 200, 30
GOAL_MS = 100.0
# Kept for twenty times as long as they take, for all who ask: one waits, rarely.
KEPT_GOALS_MS = {"popular everywhere, a month": 500.0, "students sorted, 50": 2000.0}
SEEDED = "seeded-insight"
BEGINNING, NO_ID = datetime.min.replace(tzinfo=UTC), UUID(int=0)
ID = "('00000000-0000-4000-8000-' || lpad({}::text, 12, '0'))::uuid"

Reading = Callable[[Database, random.Random], Awaitable[object]]

SEED = f"""
SET session_replication_role = replica;
SET synchronous_commit = off;
INSERT INTO courses (id, title)
SELECT 'c' || c, 'Course' FROM generate_series(0, %(courses)s - 1) c;
INSERT INTO modules (id, course_id, title, position)
SELECT 'm' || c, 'c' || c, 'Module', 1 FROM generate_series(0, %(courses)s - 1) c;
INSERT INTO videos (id, course_id, module_id, title, original_filename, status, duration_s, width,
    height, container, video_codec, mime_type, is_playable, original_size_bytes, uploaded_by)
SELECT {ID.format("n")}, 'c' || n / %(videos)s, 'm' || n / %(videos)s, 'Lecture ' || n, 'a.mp4',
    'ready', 3000, 1920, 1080, 'mp4', 'h264', 'video/mp4', true, 1, 'teacher'
FROM generate_series(0, %(courses)s * %(videos)s - 1) n;
INSERT INTO enrollments (course_id, user_id, role, created_at)
SELECT 'c' || c, 'u' || u, 'student', now() - u * interval '1 minute'
FROM generate_series(0, %(courses)s - 1) c, generate_series(0, %(students)s - 1) u;
INSERT INTO course_viewers (course_id, user_id, number)
SELECT 'c' || c, 'u' || u, u
FROM generate_series(0, %(courses)s - 1) c, generate_series(0, %(students)s - 1) u;
INSERT INTO progress (user_id, video_id, course_id, position_s, position_at, position_session_id,
    watched, watched_s, watched_ratio, created_at, updated_at)
SELECT 'u' || u, {ID.format("n")}, 'c' || n / %(videos)s, 1000, at, 's' || n,
    nummultirange(numrange(0, 700), numrange(900, 1000)), 800, 0.27, at, at
FROM generate_series(0, %(courses)s * %(videos)s - 1) n, generate_series(0, %(students)s - 1) u,
    LATERAL (SELECT now() - (u * 7 + n %% 11) * interval '1 minute' AS at) t;
INSERT INTO playback_sessions (user_id, video_id, session_id, last_sequence, state, position_s,
    started_at, last_report_at, stopped_at)
SELECT 'u' || u, {ID.format("n")}, 's' || n, 100, 'stopped', 1000, at, at, at
FROM generate_series(0, %(courses)s * %(videos)s - 1) n, generate_series(0, %(students)s - 1, 10) u,
    LATERAL (SELECT now() - (u * 7 + n %% 11) * interval '1 minute' AS at) t;
INSERT INTO viewing_days (video_id, day, course_id, viewers, sessions, watched_cs, completions)
SELECT {ID.format("n")}, now()::date - d, 'c' || n / %(videos)s,
    (repeat('0', d) || repeat('1', %(students)s - d))::varbit, 500, 8000000, 10
FROM generate_series(0, %(courses)s * %(videos)s - 1) n, generate_series(0, %(days)s - 1) d;
INSERT INTO viewing_curves (video_id, is_counted, duration_cs, viewers, plays)
SELECT id, true, 300000, array_fill(4000, ARRAY[600]), array_fill(5000, ARRAY[600]) FROM videos;
UPDATE viewing_upkeep SET are_all_counted = true;
INSERT INTO quality_days (video_id, day, device, browser, network, course_id, viewers, sessions,
    starts, failures, errors, startups, startup_ms, startup_points, startups_500, startups_1000,
    startups_2000, startups_4000, startups_8000, stalled_sessions, stalls, stalled_ms, played_ms,
    dropped_frames, bitrate_ms, bits, height_ms, height_lines)
SELECT {ID.format("n")}, now()::date - d, device, browser, network, 'c' || n / %(videos)s,
    (repeat('0', d) || repeat('1', %(students)s - d))::varbit, 80,
    78, 1, 2, 78, 62400, 7000000, 20, 50,
    70, 77, 78, 9, 12, 4800, 64000000,
    40, 60000000, 144000000000, 60000000, 43200000000
FROM generate_series(0, %(courses)s * %(videos)s - 1) n, generate_series(0, %(days)s - 1) d,
    (VALUES ('desktop', 'Chrome', '4g'), ('desktop', 'Firefox', 'unknown'),
        ('desktop', 'Edge', '4g'), ('phone', 'Safari', 'unknown'), ('phone', 'Chrome', '3g'),
        ('tablet', 'Safari', 'unknown')) AS c (device, browser, network);
INSERT INTO quality_unsummed (course_id, day) SELECT DISTINCT course_id, day FROM quality_days;
INSERT INTO bytes_served (day, course_id, video_id, user_id, purpose, bytes)
SELECT now()::date - d, 'c' || n / %(videos)s, {ID.format("n")}, 'u' || u, 'stream', 50000000
FROM generate_series(0, %(courses)s * %(videos)s - 1) n, generate_series(0, %(days)s - 1) d,
    generate_series(0, %(students)s - 1, 500) u;
"""


def video_of(chance: random.Random) -> tuple[str, UUID]:
    number = chance.randrange(COURSES * VIDEOS)
    return f"c{number // VIDEOS}", UUID(f"00000000-0000-4000-8000-{number:012}")


def course_of(chance: random.Random) -> str:
    return f"c{chance.randrange(COURSES)}"


def month() -> Period:
    today = datetime.now(UTC).date()
    return Period(today - timedelta(days=DAYS), today + timedelta(days=1))


ALL_TIME = Period(date(2020, 1, 1), date(2100, 1, 1))


async def _quality_of_video(database: Database, course_id: str, video_id: UUID) -> object:
    return await read_quality(database, course_id, ALL_TIME, video_id)


async def _sorted_students(database: Database, course_id: str) -> object:
    """The order of students when nobody has asked for a while."""
    order = StudentOrder("watched_seconds", is_descending=True)
    return ranked(await students.list_standings(database, course_id), order, None, 51)


READINGS: Mapping[str, Reading] = {
    "a course, all time": lambda db, by: figures.read_course(db, course_of(by), ALL_TIME),
    "a course, a month": lambda db, by: figures.read_course(db, course_of(by), month()),
    "a video with its curve": lambda db, by: figures.read_video(db, *video_of(by), ALL_TIME),
    "popular, a week": lambda db, by: figures.read_popular(db, 7, course_of(by)),
    "popular everywhere, a month": lambda db, _: figures.read_popular(db, 30, None),
    "quality of a course, all time": lambda db, by: read_quality(db, course_of(by), ALL_TIME),
    "quality of a course, a month": lambda db, by: read_quality(db, course_of(by), month()),
    "quality of a video": lambda db, by: _quality_of_video(db, *video_of(by)),
    "students, 50": lambda db, by: students.list_students(db, course_of(by), (BEGINNING, ""), 51),
    "students sorted, 50": lambda db, by: _sorted_students(db, course_of(by)),
    "progress, 50": lambda db, by: progress.list_for_course(
        db, course_of(by), None, after=(BEGINNING, NO_ID, ""), limit=51
    ),
    "sessions of a video, 50": lambda db, by: session_search.search(
        db,
        Searcher("root", sees_all=True),
        None,
        video_of(by)[1],
        BEGINNING,
        datetime.now(UTC),
        (BEGINNING, "", NO_ID, ""),
        51,
    ),
}


def seed(dsn: str) -> None:
    counts = {"courses": COURSES, "students": STUDENTS, "videos": VIDEOS, "days": DAYS}
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in SEED.split(";\n"):
                if statement.strip():
                    cursor.execute(statement, counts)
            cursor.execute("VACUUM ANALYZE")


@dataclass(frozen=True, slots=True)
class Taken:
    """Milliseconds of each time, and of processor time on average."""

    each_ms: Sequence[float]
    cpu_ms: float

    @property
    def p95_ms(self) -> float:
        return statistics.quantiles(self.each_ms, n=20)[-1]


async def measure(dsn: str, times: int, processes: Callable[[], Sequence[int]]) -> dict[str, Taken]:
    """Returns by reading what it takes; the first of each only warms up. `processes` are those of
    PostgreSQL."""
    chance, found = random.Random(1), {}
    async with open_database(dsn, size=2) as database:
        while await sum_up_quality(database):  # as a service does within seconds
            pass
        for name, reading in READINGS.items():
            await reading(database, chance)
            pids = processes()
            began_s = cpu_s(pids)
            each_ms = [await _timed(reading(database, chance)) for _ in range(times)]
            found[name] = Taken(each_ms, (cpu_s(pids) - began_s) / times * 1000)
    return found


async def _timed(work: Awaitable[object]) -> float:
    began_s = time.perf_counter()
    await work
    return (time.perf_counter() - began_s) * 1000


def goal_ms(name: str) -> float:
    return KEPT_GOALS_MS.get(name, GOAL_MS)


def missed(found: Mapping[str, Taken]) -> list[str]:
    """Returns the readings that take longer than they may."""
    return [name for name, taken in found.items() if taken.p95_ms >= goal_ms(name)]


def rows_of(found: Mapping[str, Taken]) -> list[list[str]]:
    rows = [["reading", "processor, ms", "median, ms", "95 %, ms", "goal, ms"]]
    for name, taken in found.items():
        goal = f"{goal_ms(name):,.0f}, {'MISSED' if name in missed(found) else 'met'}"
        median = statistics.median(taken.each_ms)
        rows.append([name, f"{taken.cpu_ms:.1f}", f"{median:.1f}", f"{taken.p95_ms:.1f}", goal])
    return rows


def main(given: Sequence[str]) -> int:
    options = _options(given)
    with _place(options) as directory, EmbeddedPostgres(directory) as postgres:
        cluster = Cluster(directory / "postgres")
        migrate(postgres.dsn)
        _ensure_seeded(postgres.dsn, directory / SEEDED)
        found = asyncio.run(measure(postgres.dsn, options.times, cluster.process_ids))
    print(*(f"{name}: {value}" for name, value in machine.facts().items()), sep="\n")
    print(f"\n{table(rows_of(found))}")
    return 1 if missed(found) else 0


@contextmanager
def _place(options: Namespace) -> Iterator[Path]:
    if options.kept is not None:
        yield options.kept.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="insight-", dir=options.directory) as made:
        yield Path(made).resolve()


def _ensure_seeded(dsn: str, mark: Path) -> None:
    if mark.exists():
        return
    began_s = time.monotonic()
    seed(dsn)
    mark.touch()
    print(f"seeded in {time.monotonic() - began_s:.0f} s", flush=True)


def _options(given: Sequence[str]) -> Namespace:
    parser = ArgumentParser(prog="python -m benchmarks.viewing.insight", description=__doc__)
    parser.add_argument("--times", type=between(20, 10_000, int), default=100, metavar="N")
    parser.add_argument("--directory", type=Path, help="for the database: some 3 GB", metavar="D")
    parser.add_argument("--kept", type=Path, metavar="D", help="the database, made or used again")
    return parser.parse_args(given)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
