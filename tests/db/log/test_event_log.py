from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from db.errors import DatabaseTimeout
from db.log import event_log
from db.log.event_log import NewEvent
from db.log.listener import listen
from db.pool import Database, open_database
from tests.harness import logged

AT = datetime(2025, 1, 1, tzinfo=UTC)
TOLD = NewEvent("video.ready", None, "c1", "u1", AT, {"n": 1})


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    async with open_database(dsn, size=3) as database:
        yield database


async def append(database: Database, *events: NewEvent) -> list[int]:
    async with database.transaction() as transaction:
        return await event_log.append(transaction, events)


async def append_hastily(database: Database) -> None:
    async with database.transaction() as transaction:
        await transaction.execute("SET LOCAL lock_timeout = '50ms'")
        await event_log.append(transaction, [TOLD])


async def test_an_empty_log_begins_and_ends_at_zero(database: Database) -> None:
    assert await event_log.read_bounds(database) == event_log.Bounds(0, 0, 0)
    assert await logged.read_after(database, 0, 10) == []


async def test_reading_goes_on_after_an_id_and_stops_at_the_limit(database: Database) -> None:
    ids = await append(database, *[TOLD] * 5)

    rows = await logged.read_after(database, ids[1], 2)

    assert [row.id for row in rows] == ids[2:4]


async def test_a_prepared_tail_reads_what_came_later_in_partitions_made_later(
    database: Database, dsn: str
) -> None:
    async with listen(dsn, event_log.CHANNEL) as listener:
        await event_log.prepare_tail(listener)
        ids = await append(database, *[TOLD] * 5)
        assert [row.id for row in await event_log.read_tail(listener, ids[1], 2)] == ids[2:4]

        async with database.transaction() as transaction:
            await transaction.execute("SELECT event_log_add_days(current_date + 70, 1)")
            await transaction.execute(
                "UPDATE event_log SET recorded_at = current_date + 70.5 * interval '1 day'"
                " WHERE id = %s",
                (ids[3],),
            )
        assert [row.id for row in await event_log.read_tail(listener, 0, 10)] == ids


async def test_a_prepared_tail_reads_in_the_order_of_the_indexes(
    database: Database, dsn: str
) -> None:
    """Nothing is sorted or read whole, whatever the partitions were like when it was planned."""
    async with listen(dsn, event_log.CHANNEL) as listener:
        await event_log.prepare_tail(listener)
        rows = await listener.fetch_all("EXPLAIN EXECUTE event_log_tail (0, 10)")

    plan = "\n".join(row[0] for row in rows)
    assert "Merge Append" in plan
    assert "Seq Scan" not in plan
    assert "Sort  (" not in plan


async def test_appending_is_one_round_trip(database: Database) -> None:
    async with database.transaction() as transaction:
        before = database.query_count
        await event_log.append(transaction, [TOLD] * 100)
        assert database.query_count == before + 1


async def test_a_notification_comes_with_the_commit_only(database: Database, dsn: str) -> None:
    async with listen(dsn, event_log.CHANNEL) as listener:
        async with database.transaction() as transaction:
            await event_log.append(transaction, [TOLD])
            assert await logged.read_after(listener, 0, 10) == []
        await listener.wait(10)
        assert len(await logged.read_after(listener, 0, 10)) == 1


async def test_appending_with_the_commit_keeps_others_waiting_no_longer(
    database: Database, dsn: str
) -> None:
    before = await append(database, TOLD)
    async with listen(dsn, event_log.CHANNEL) as listener, database.transaction() as transaction:
        await event_log.append_and_commit(transaction, [TOLD] * 2)

        await append_hastily(database)
        await listener.wait(10)
        rows = await logged.read_after(listener, before[-1], 10)

    assert [row.id for row in rows] == sorted(row.id for row in rows)
    assert len(rows) == 3


async def test_who_waits_for_the_log_gets_its_id_after_who_has_it(database: Database) -> None:
    async with database.transaction() as first:
        [early] = await event_log.append(first, [TOLD])
        with pytest.raises(DatabaseTimeout):
            await append_hastily(database)
    [late] = await append(database, TOLD)

    assert early < late


@pytest.mark.parametrize(
    ("arm", "parameters", "index"),
    [
        pytest.param("user_id = %s AND id > %s", ("u", 0), "user_id_id_idx", id="user"),
        pytest.param("course_id = %s AND id > %s", ("c", 0), "course_id_id_idx", id="course"),
        pytest.param(
            "video_id = %s AND id > %s AND recorded_at > now() + interval '60 days'",
            (str(UUID(int=1)), 0),
            "video_id_id_idx",
            id="video, of a day that was added later",
        ),
    ],
)
async def test_each_way_to_look_has_its_index(
    database: Database, arm: str, parameters: tuple[Any, ...], index: str
) -> None:
    async with database.transaction() as transaction:
        await transaction.execute("SELECT event_log_add_days(current_date + 70, 1)")
        await transaction.execute("SET LOCAL enable_seqscan = off")
        plan = await transaction.fetch_all(f"EXPLAIN SELECT FROM event_log WHERE {arm}", parameters)

    assert index in "\n".join(row[0] for row in plan)
