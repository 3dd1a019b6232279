"""Positions of viewers imported into a database with newer progress of some."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg2
import pytest

from db.pool import Database, open_database
from db.takeover import viewer_positions
from db.takeover.legacy import LegacyProgress
from events.takeover.viewer_positions import Backfill, Carried, Remark
from tests.harness.waiting import wait_until

VIDEO = UUID(int=1)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
FURNISH = f"""
INSERT INTO courses (id, title) VALUES ('c1', 'C');
INSERT INTO modules (id, course_id, title, position) VALUES ('m1', 'c1', 'M', 1);
INSERT INTO videos (id, course_id, module_id, title, original_filename, duration_s, width, height,
    container, video_codec, mime_type, is_playable, original_size_bytes, uploaded_by)
VALUES ('{VIDEO}', 'c1', 'm1', 'T', 'f', 100, 1, 1, 'mp4', 'h264', 'video/mp4', true, 1, 'u');
INSERT INTO s3_objects (id, bucket, key, etag, size_bytes) VALUES ('{VIDEO}', 'b', 'k', 'e', 1);
INSERT INTO s3_modules (module_id, object_id, video_url, video_id)
VALUES ('m1', '{VIDEO}', 's3://b/k', '{VIDEO}');
INSERT INTO enrollments (course_id, user_id, role) VALUES ('c1', 'ann', 'student');
"""
HERE = """
INSERT INTO progress (user_id, video_id, course_id, position_s, position_at, position_session_id,
    watched, watched_s, watched_ratio)
VALUES ('ann', %s, 'c1', 70, %s, 's', '{[60.00,70.00)}', 10, 0.1)
"""
STATE = """
SELECT position_s, watched::text, watched_s, round(watched_ratio::numeric, 3)::float AS ratio,
    completed_at IS NOT NULL AS completed FROM progress WHERE user_id = 'ann'
"""


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    async with open_database(dsn, size=2) as made:
        async with made.transaction() as transaction:
            await transaction.execute(FURNISH)
        yield made


def row(
    seconds: str | None = None,
    percent: str | None = None,
    completed: str | None = "false",
    at: datetime | None = NOW,
    *,
    user_id: str = "ann",
    module_id: str = "m1",
) -> LegacyProgress:
    return LegacyProgress(user_id, module_id, seconds, percent, completed, at and at.timestamp())


async def carry(database: Database, *rows: LegacyProgress, now: datetime = NOW) -> Carried:
    lectures = await viewer_positions.list_lectures(database)
    return await Backfill(database, lectures, 0.9, str.isalnum, now).carry(rows)


async def state(database: Database) -> Any:
    (found,) = await database.fetch_all(STATE)
    return tuple(found)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (row("40"), (40, "{[0.00,40.00)}", 40, 0.4, False)),
        (row("12.346"), (12.346, "{[0.00,12.35)}", 12.35, 0.124, False)),
        (row(percent="25"), (25, "{[0.00,25.00)}", 25, 0.25, False)),
        (row("30", "25"), (30, "{[0.00,30.00)}", 30, 0.3, False)),
        (row("10", completed="t"), (10, "{[0.00,10.00)}", 10, 0.1, True)),
        (row("95"), (95, "{[0.00,95.00)}", 95, 0.95, True)),
        (row("1e300"), (100, "{[0.00,100.00)}", 100, 1, True)),
        (row(percent="150"), (100, "{[0.00,100.00)}", 100, 1, True)),
        (row("0"), (0, "{}", 0, 0, False)),
        (row(completed="1"), (0, "{}", 0, 0, True)),
        (row("40", completed=None), (40, "{[0.00,40.00)}", 40, 0.4, False)),
        (row("40", at=None), (40, "{[0.00,40.00)}", 40, 0.4, False)),
        (row("40", at=NOW + HOUR), (40, "{[0.00,40.00)}", 40, 0.4, False)),
    ],
    ids=[
        *("seconds", "fractions", "percent", "seconds-before-percent", "completed"),
        *("seen-far-enough", "past-the-end", "over-100-percent", "nothing-seen", "only-completed"),
        *("unknown-completion", "unknown-time", "time-to-come"),
    ],
)
async def test_a_place_becomes_position_and_what_was_watched(
    database: Database, told: LegacyProgress, expected: Any
) -> None:
    assert await carry(database, told) == Carried(1, 0, [])
    assert await state(database) == expected
    before = await database.fetch_all("SELECT * FROM progress")
    assert await carry(database, told) == Carried(0, 1, [])
    assert await database.fetch_all("SELECT * FROM progress") == before


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (row("40", at=NOW - HOUR), (70, "{[0.00,40.00),[60.00,70.00)}", 50, 0.5, False)),
        (row("40", at=NOW), (40, "{[0.00,40.00),[60.00,70.00)}", 50, 0.5, False)),
        (row("40", at=None), (70, "{[0.00,40.00),[60.00,70.00)}", 50, 0.5, False)),
        (row("40", at=NOW + HOUR), (70, "{[0.00,40.00),[60.00,70.00)}", 50, 0.5, False)),
        (row("60", at=NOW - HOUR), (70, "{[0.00,70.00)}", 70, 0.7, False)),
        (row("90", at=NOW - HOUR), (70, "{[0.00,90.00)}", 90, 0.9, True)),
        (row("5", None, "yes", None), (70, "{[0.00,5.00),[60.00,70.00)}", 15, 0.15, True)),
    ],
    ids=["older", "newer", "unknown", "to-come", "joined", "completed-together", "completed"],
)
async def test_who_watched_meanwhile_keeps_the_newer_place_and_all_that_was_seen(
    database: Database, told: LegacyProgress, expected: Any
) -> None:
    async with database.transaction() as transaction:
        await transaction.execute(HERE, (VIDEO, NOW - HOUR / 2))
    assert (await carry(database, told)).changed == 1
    assert await state(database) == expected
    assert await carry(database, told) == Carried(0, 1, [])


async def test_what_goes_on_in_the_old_service_is_carried_again(database: Database) -> None:
    await carry(database, row("40", None, "true", NOW - HOUR))
    assert (await carry(database, row("20", None, "false", NOW))).changed == 1
    assert await state(database) == (20, "{[0.00,40.00)}", 40, 0.4, True)


async def test_completion_keeps_its_first_time(database: Database) -> None:
    await carry(database, row("40", None, "true", NOW - HOUR))
    await carry(database, row("50", None, "true", NOW))
    (found,) = await database.fetch_all("SELECT completed_at FROM progress")
    assert found.completed_at == NOW - HOUR


async def test_rows_of_one_user_and_module_are_taken_together(database: Database) -> None:
    rows = [row("40"), row("50", None, "true", NOW - HOUR), row("60", at=None)]
    assert await carry(database, *rows) == Carried(1, 0, [])
    assert await state(database) == (40, "{[0.00,60.00)}", 60, 0.6, True)


@pytest.mark.parametrize(
    ("told", "remark"),
    [
        (row("1", module_id="m2"), Remark("no-module", "ann", "m2")),
        (row("1", user_id="a b"), Remark("bad-user-id", "a b", "m1")),
        (row("1", user_id=""), Remark("bad-user-id", "", "m1")),
        *(
            (told, Remark("unreadable", "ann", "m1"))
            for told in (
                *(row(text) for text in ("", "-1", "nan", "inf", "-inf", "00:10", "1,5", "ten")),
                *(row(percent=text) for text in ("", "-1", "NaN", "50%")),
                row("1", completed="2026-01-01 00:00:00"),
            )
        ),
    ],
)
async def test_what_cannot_be_carried_is_reported_and_the_rest_is_carried(
    database: Database, told: LegacyProgress, remark: Remark
) -> None:
    carried = await carry(database, told, row("40"))
    assert (carried.changed, len(carried.remarks)) == (1, 1)
    found = carried.remarks[0]
    assert (found.state, found.user_id, found.module_id) == astuple_of(remark)
    assert await state(database) == (40, "{[0.00,40.00)}", 40, 0.4, False)


def astuple_of(remark: Remark) -> tuple[str, str, str]:
    return remark.state, remark.user_id, remark.module_id


async def test_who_is_not_enrolled_is_reported_and_nobody_is_enrolled(database: Database) -> None:
    async with database.transaction() as transaction:
        await transaction.execute(
            "INSERT INTO enrollments (course_id, user_id) VALUES ('c1', 'gone')"
        )
    rows = [row("40"), row("40", user_id="bob"), row("40", user_id="gone")]
    for counts in ((3, 0), (0, 3)):
        carried = await carry(database, *rows)
        assert (carried.changed, carried.unchanged) == counts
        assert carried.remarks == [
            Remark("not-enrolled", user, course_id="c1") for user in ("bob", "gone")
        ]
    found = await database.fetch_all("SELECT user_id FROM enrollments WHERE role IS NOT NULL")
    assert [one.user_id for one in found] == ["ann"]


async def test_a_deleted_video_has_no_places(database: Database) -> None:
    lectures = await viewer_positions.list_lectures(database)
    async with database.transaction() as transaction:
        await transaction.execute("UPDATE videos SET deleted_at = now()")
    assert await viewer_positions.list_lectures(database) == {}
    await Backfill(database, lectures, 0.9, str.isalnum, NOW).carry([row("40")])
    assert await database.fetch_all(STATE) == []


async def test_no_event_tells_of_it(database: Database) -> None:
    await carry(database, row("95"))
    assert await database.fetch_all("SELECT 1 FROM event_log") == []


async def test_a_place_that_is_reported_meanwhile_is_not_overwritten(
    database: Database, dsn: str
) -> None:
    """Committed after the first look at the row, and before it is locked."""
    await carry(database, row("10", at=NOW - 2 * HOUR))
    with closing(psycopg2.connect(dsn)) as other, other.cursor() as cursor:
        cursor.execute(
            "UPDATE progress SET position_s = 70, position_at = %s, watched = '{[60,70)}'", (NOW,)
        )
        carrying = asyncio.create_task(carry(database, row("40", at=NOW - HOUR)))
        await until_somebody_waits(database)
        other.commit()
    async with asyncio.timeout(10):
        assert (await carrying).changed == 1
    assert (await state(database))[:2] == (70, "{[0.00,40.00),[60.00,70.00)}")


async def until_somebody_waits(database: Database) -> None:
    waiting = "SELECT 1 FROM pg_locks WHERE NOT granted"
    await wait_until(lambda: database.fetch_all(waiting), within_s=10)
