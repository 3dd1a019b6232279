import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from db.log import event_log, partitions
from db.pool import Database
from db.upkeep import bytes_served
from db.upkeep.bytes_served import Account
from events.log.retention import DAYS_AHEAD, HOUR, HOURS_AHEAD, Retention
from events.log.types import EnrollmentChanged
from server.postgres.embedded import EmbeddedPostgres
from tests.conftest import cloned_database
from tests.harness import logged

DAY = timedelta(days=1)


@pytest.fixture
def dsn(cluster: EmbeddedPostgres) -> Iterator[str]:
    """A database in which no service has been started: the coming days are not there."""
    with cloned_database(cluster, "migrated") as made:
        yield made


def changed(version: int) -> EnrollmentChanged:
    return EnrollmentChanged(
        course_id="c1", user_id="u", occurred_at=datetime.now(UTC), role=None, version=version
    )


async def age(database: Database, event_id: int, recorded_at: datetime) -> None:
    async with database.transaction() as transaction:
        await transaction.execute(
            "UPDATE event_log SET recorded_at = %s WHERE id = %s", (recorded_at, event_id)
        )


async def test_the_coming_days_are_made_and_those_that_exist_left_alone(
    database: Database, retention: Retention, now: datetime
) -> None:
    await retention.add_partitions(now)
    await retention.add_partitions(now + DAY)

    days = await partitions.list_days(database)
    expected = [now.date() + n * DAY for n in range(DAYS_AHEAD + 2)]
    assert [day for day in days if day >= now.date()] == expected


async def test_events_land_in_their_days_partition(
    database: Database, retention: Retention, library: Any, now: datetime
) -> None:
    await retention.add_partitions(now)
    await library.append(changed(1))

    assert await partitions.count_strays(database) == 0


async def test_old_days_are_dropped_and_how_far_they_went_is_kept(
    database: Database, retention: Retention, library: Any, now: datetime
) -> None:
    old_day, kept_day = now - 8 * DAY, now - 7 * DAY
    await retention.add_partitions(old_day)
    ids = await library.append(changed(1), changed(2), changed(3), changed(4))
    for event_id, recorded_at in zip(ids, (old_day, old_day, kept_day), strict=False):
        await age(database, event_id, recorded_at)

    dropped = await retention.drop_days(now)

    assert dropped == [old_day.date()]
    assert await event_log.read_bounds(database) == event_log.Bounds(ids[1], ids[1], ids[3])
    assert [row.id for row in await logged.read_after(database, 0, 10)] == ids[2:]


async def test_a_log_whose_every_event_was_dropped_remembers_the_newest(
    database: Database, retention: Retention, library: Any, now: datetime
) -> None:
    ids = await library.append(changed(1), changed(2))

    await retention.drop_days(now + 9 * DAY)

    assert await event_log.read_bounds(database) == event_log.Bounds(ids[1], ids[1], ids[1])


async def test_dropping_an_empty_day_loses_nothing(
    database: Database, retention: Retention, now: datetime
) -> None:
    await retention.drop_days(now + 9 * DAY)

    assert await event_log.read_bounds(database) == event_log.Bounds(0, 0, 0)


async def test_strays_are_cleared_when_old_and_do_not_stop_other_days(
    database: Database, retention: Retention, library: Any, now: datetime, caplog: Any
) -> None:
    ids = await library.append(changed(1), changed(2))
    await age(database, ids[0], now - 30 * DAY)
    await age(database, ids[1], now + 2 * DAY)  # a clock was wrong

    with caplog.at_level(logging.ERROR):
        await retention.add_partitions(now + 2 * DAY)
        await retention.drop_days(now)

    days = await partitions.list_days(database)
    assert now.date() + 2 * DAY not in days
    assert now.date() + 3 * DAY in days
    assert "partitions" in caplog.text
    assert await partitions.count_strays(database) == 1
    assert (await event_log.read_bounds(database)).dropped_id == ids[0]


async def test_only_one_process_at_a_time_looks_after_the_days(
    database: Database, retention: Retention, now: datetime
) -> None:
    before = await partitions.list_days(database)
    async with database.transaction() as owner:
        assert await partitions.try_ownership(owner)
        await retention.add_partitions(now + DAY)
        assert await partitions.list_days(database) == before
    await retention.add_partitions(now + DAY)
    assert len(await partitions.list_days(database)) > len(before)


async def test_a_busy_log_is_left_to_the_next_look(
    database: Database, retention: Retention, library: Any, now: datetime, caplog: Any
) -> None:
    async with database.transaction() as reader:
        await reader.fetch_all("SELECT count(*) FROM event_log")
        with caplog.at_level(logging.WARNING):
            await retention.drop_days(now + 9 * DAY)
    assert "too busy" in caplog.text

    await retention.drop_days(now + 9 * DAY)
    assert await partitions.list_days(database) == []


async def test_old_sessions_are_deleted_and_open_or_new_ones_kept(
    database: Database, retention: Retention, library: Any, now: datetime
) -> None:
    video = await library.video()
    async with database.transaction() as transaction:
        await transaction.execute(
            "INSERT INTO progress (user_id, video_id, course_id) VALUES ('u', %s, 'c1')",
            (str(video),),
        )
        for session_id, state, age_days in (
            ("a", "stopped", 91),
            ("b", "stopped", 89),
            ("c", "paused", 91),
        ):
            await transaction.execute(
                "INSERT INTO playback_sessions (user_id, video_id, session_id, last_sequence,"
                " state, position_s, started_at, last_report_at, stopped_at)"
                " VALUES ('u', %(video)s, %(session_id)s, 0, %(state)s, 0, %(started_at)s,"
                " %(ended_at)s, CASE %(state)s WHEN 'stopped' THEN %(ended_at)s END)",
                {
                    "video": str(video),
                    "session_id": session_id,
                    "state": state,
                    "started_at": now - 100 * DAY,
                    "ended_at": now - age_days * DAY,
                },
            )

    await retention.delete_sessions(now)

    rows = await database.fetch_all("SELECT session_id FROM playback_sessions ORDER BY 1")
    assert [row.session_id for row in rows] == ["b", "c"]


async def test_starting_makes_the_days_before_it_returns(
    database: Database, retention: Retention, now: datetime
) -> None:
    await retention.start()
    try:
        assert now.date() + DAYS_AHEAD * DAY in await partitions.list_days(database)
        last = now + HOURS_AHEAD * HOUR
        assert partitions.partition_of_hour(last) in map(
            partitions.partition_of_hour, await partitions.list_hours(database)
        )
    finally:
        await retention.stop()


async def test_what_was_served_before_the_retention_is_deleted(
    database: Database, retention: Retention, now: datetime
) -> None:
    days = [now.date() - n * DAY for n in (0, 90, 91, 400)]
    amounts = {Account(day, "c1", uuid4(), "ada", "stream"): 1 for day in days}
    async with database.transaction() as transaction:
        await bytes_served.add(transaction, uuid4(), 1, amounts)
    await retention.delete_bytes_served(now)

    rows = await database.fetch_all("SELECT day FROM bytes_served ORDER BY day DESC")
    assert [row.day for row in rows] == days[:2]
