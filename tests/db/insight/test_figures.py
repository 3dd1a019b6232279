"""Figures are read by indexes, however many courses there are beside the one that is asked for."""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime
from itertools import zip_longest
from typing import Any

import pytest

from db.insight import figures, recount, rollups, students
from db.insight.figures import Period
from db.pool import Database, open_database

# 40 courses of 5 videos, 60 students and 30 days each.
SEED = """
INSERT INTO courses (id, title) SELECT 'c' || c, 'C' FROM generate_series(1, 40) c;
INSERT INTO modules (id, course_id, title, position)
SELECT 'm' || c, 'c' || c, 'M', 0 FROM generate_series(1, 40) c;
INSERT INTO videos (id, course_id, module_id, title, original_filename, status, duration_s, width,
    height, container, video_codec, mime_type, is_playable, original_size_bytes, uploaded_by)
SELECT gen_random_uuid(), 'c' || c, 'm' || c, 'T', 'f', 'ready', 60, 1, 1, 'mp4', 'h264',
    'video/mp4', true, 7, 'u'
FROM generate_series(1, 40) c, generate_series(1, 5);
INSERT INTO enrollments (course_id, user_id, role)
SELECT 'c' || c, 'u' || u, 'student' FROM generate_series(1, 40) c, generate_series(1, 60) u;
INSERT INTO course_viewers
SELECT 'c' || c, 'u' || u, u - 1 FROM generate_series(1, 40) c, generate_series(1, 60) u;
INSERT INTO progress (user_id, video_id, course_id, watched, watched_s)
SELECT 'u' || u, v.id, v.course_id, '{[0,30)}', 30 FROM videos v, generate_series(1, 60) u;
INSERT INTO playback_sessions (user_id, video_id, session_id, last_sequence, state, position_s,
    started_at, last_report_at)
SELECT user_id, video_id, 's', 1, CASE WHEN random() < 0.1 THEN 'playing' ELSE 'stopped' END, 30,
    now(), now()
FROM progress;
INSERT INTO viewing_days
SELECT v.id, '2026-11-01'::date + d, v.course_id, repeat('10', 30)::varbit, 30, 3000, 1
FROM videos v, generate_series(0, 29) d;
INSERT INTO viewing_curves
SELECT id, true, 6000, array_fill(60, ARRAY[60]), array_fill(60, ARRAY[60]) FROM videos;
INSERT INTO courses (id, title) VALUES ('unwatched', 'C');
INSERT INTO modules (id, course_id, title, position) VALUES ('unwatched', 'unwatched', 'M', 0);
INSERT INTO videos (id, course_id, module_id, title, original_filename, status, duration_s, width,
    height, container, video_codec, mime_type, is_playable, original_size_bytes, uploaded_by)
SELECT gen_random_uuid(), 'unwatched', 'unwatched', 'T', 'f', 'ready', 60, 1, 1, 'mp4', 'h264',
    'video/mp4', true, 7, 'u' FROM generate_series(1, 5000);
INSERT INTO bytes_served
SELECT day, course_id, video_id, 'u1', 'stream', 1 FROM viewing_days;
ANALYZE
"""
# Tables of which a scan in full would grow with the installation.
LARGE = {
    "videos",
    "progress",
    "playback_sessions",
    "viewing_days",
    "viewing_curves",
    "course_viewers",
    "enrollments",
    "bytes_served",
}
BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)
PERIOD = Period(date(2026, 11, 10), date(2026, 11, 20))


class Explaining:
    """Runs statements, and keeps the plan of each."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.plans: list[Any] = []

    async def fetch_all(self, sql: str, parameters: Any = ()) -> list[Any]:
        explained = await self._database.fetch_all(f"EXPLAIN (FORMAT JSON) {sql}", parameters)
        plan = explained[0][0]
        self.plans.append(json.loads(plan) if isinstance(plan, str) else plan)
        return await self._database.fetch_all(sql, parameters)

    async def fetch_one(self, sql: str, parameters: Any = ()) -> Any:
        rows = await self.fetch_all(sql, parameters)
        return rows[0] if rows else None

    @property
    def scanned(self) -> set[str]:
        return {
            node["Relation Name"]
            for plan in self.plans
            for node in _nodes(plan[0]["Plan"])
            if node["Node Type"] == "Seq Scan"
        }


def _nodes(node: Any) -> Iterator[Any]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


@pytest.fixture
async def queries(dsn: str) -> AsyncIterator[Explaining]:
    async with open_database(dsn, size=2) as database:
        async with database.transaction() as transaction:
            await transaction.execute(SEED)
        yield Explaining(database)


async def test_no_figure_scans_what_grows_with_the_installation(queries: Any) -> None:
    (video, *_) = await figures.list_videos(queries, "c7")

    course = await figures.read_viewing(queries, "c7", PERIOD)
    of_video = await figures.read_viewing(queries, "c7", PERIOD, video.video_id)
    popular = await figures.list_popular(queries, PERIOD, "c7", 50)
    await figures.read_bytes(queries, "c7", PERIOD)
    await figures.count_active(queries, "c7")
    await figures.count_active(queries, "c7", video.video_id)
    await figures.count_viewers(queries, video.video_id)
    await students.list_students(queries, "c7", (BEGINNING, ""), 51)
    await rollups.read_facts(queries, [video.video_id])
    await recount.list_uncounted_of_course(queries, "c7")
    await recount.list_viewers(queries, video.video_id)
    await recount.count_sessions(queries, video.video_id)

    assert queries.scanned & LARGE == set()
    assert course.total == figures.ViewingCounts(30, 1500, 150_000, 50)
    assert of_video.total == figures.ViewingCounts(30, 300, 30_000, 10)
    assert len(popular) == 5


async def test_sets_of_viewers_are_united_whatever_their_lengths(dsn: str) -> None:
    sets = ["", "0", "1", "01", "101", "011", "0101", "11111111101"]
    async with open_database(dsn, size=1) as database:
        rows = await database.fetch_all(
            "SELECT one, other, viewers_united(one::varbit, other::varbit)::text AS united"
            " FROM unnest(%(sets)s) AS one, unnest(%(sets)s) AS other",
            {"sets": sets},
        )

    expected = {(one, other): united(one, other) for one in sets for other in sets}
    assert {(row.one, row.other): row.united for row in rows} == expected


def united(one: str, other: str) -> str:
    """By letters."""
    return "".join(max(pair) for pair in zip_longest(one, other, fillvalue="0"))
