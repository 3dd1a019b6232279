"""Hours of progress: where events land, what goes and when, who learns of it, what must wait."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg2
import pytest

from db.delivery import deliveries
from db.log import event_log, partitions, timelines
from db.log.event_log import Bounds
from db.pool import Database
from events.log import log
from events.log.retention import HOUR, Retention
from events.log.types import EnrollmentChanged, Event, PlaybackProgressed
from events.stream.missed_events import Replay, Start
from events.stream.visibility import Filters, Scope, Viewpoint
from tests.harness import logged
from tests.harness.waiting import wait_until

DAY = timedelta(days=1)
VIDEO = uuid4()
ADMIN = Scope("boss", is_privileged=True)
TABLES_OF = "SELECT tableoid::regclass::text AS name FROM event_log WHERE id = ANY(%s) ORDER BY id"


def changed(version: int) -> EnrollmentChanged:
    return EnrollmentChanged(
        course_id="c1", user_id="u", occurred_at=datetime.now(UTC), role=None, version=version
    )


def progressed(position: float) -> PlaybackProgressed:
    return PlaybackProgressed(
        course_id="c1",
        user_id="u",
        video_id=VIDEO,
        occurred_at=datetime.now(UTC),
        position_s=position,
        watched_ratio=0.5,
        session_id="s",
    )


async def age(database: Database, ids: list[int], recorded_at: datetime) -> None:
    async with database.transaction() as transaction:
        await transaction.execute(
            "UPDATE event_log SET recorded_at = %s WHERE id = ANY(%s)", (recorded_at, ids)
        )


@pytest.fixture
async def ids(database: Database, library: Any, retention: Retention, now: datetime) -> list[int]:
    """Of ten events of the day before yesterday, every other of them progress, and of one today."""
    await retention.add_partitions(now - 2 * DAY)
    events = [progressed(n) if n % 2 else changed(n) for n in range(10)]
    ids: list[int] = await library.append(*events, progressed(99))
    await age(database, ids[:10], now - 2 * DAY)
    return ids


async def kept_ids(database: Database) -> list[int]:
    return [row.id for row in await logged.read_after(database, 0, 100)]


async def tables_of(database: Database, ids: list[int]) -> list[str]:
    return [row.name for row in await database.fetch_all(TABLES_OF, (ids,))]


def test_the_partitions_of_progress_are_of_its_type() -> None:
    assert PlaybackProgressed.name == partitions.PROGRESS


async def test_progress_lands_in_its_hour_and_the_rest_in_its_day(
    database: Database, retention: Retention, ids: list[int], now: datetime
) -> None:
    assert await tables_of(database, ids[:2]) == [
        partitions.partition_of((now - 2 * DAY).date()),
        partitions.partition_of_hour(now - 2 * DAY),
    ]
    assert await partitions.count_strays(database) == 0


async def test_progress_of_past_hours_goes_and_the_rest_stays_in_order(
    database: Database, retention: Retention, ids: list[int], now: datetime
) -> None:
    await retention.drop_hours(now)

    assert await kept_ids(database) == [*ids[:10:2], ids[10]]
    assert await event_log.read_bounds(database) == Bounds(0, ids[9], ids[10])
    assert min(await partitions.list_hours(database)) > now - DAY - HOUR


async def test_an_hour_stays_until_its_end_is_old_enough(
    database: Database, retention: Retention, ids: list[int], now: datetime
) -> None:
    end = now.replace(minute=0, second=0, microsecond=0) - 2 * DAY + HOUR
    await retention.drop_hours(end + DAY - timedelta(seconds=1))
    assert await kept_ids(database) == ids
    await retention.drop_hours(end + DAY)
    assert len(await kept_ids(database)) == 6


async def test_dropping_days_takes_the_progress_that_is_left_of_them(
    database: Database, retention: Retention, ids: list[int], now: datetime
) -> None:
    await retention.drop_days(now + 6 * DAY)

    assert await kept_ids(database) == [ids[10]]
    assert await event_log.read_bounds(database) == Bounds(ids[9], ids[9], ids[10])


@pytest.mark.parametrize(
    ("types", "is_reset"),
    [
        (None, True),
        (frozenset({"playback.progress", "enrollment.changed"}), True),
        (frozenset({"enrollment.changed"}), False),
    ],
)
async def test_only_streams_that_show_progress_are_reset(
    database: Database,
    retention: Retention,
    ids: list[int],
    now: datetime,
    types: frozenset[str] | None,
    is_reset: bool,
) -> None:
    replay = Replay(database, Viewpoint(ADMIN, Filters(types=types)))
    assert await replay.start(ids[3], ids[10]) == Start(ids[3])

    await retention.drop_hours(now)

    start = await replay.start(ids[3], ids[10])
    assert start == (Start(ids[10], is_reset=True) if is_reset else Start(ids[3]))
    page = await replay.page(ids[3], ids[10])
    assert isinstance(page, Start) == is_reset
    assert await replay.start(ids[9], ids[10]) == Start(ids[9])


async def test_a_log_of_progress_alone_remembers_its_newest(
    database: Database, retention: Retention, library: Any, now: datetime
) -> None:
    newest_id = (await library.append(progressed(1), progressed(2)))[-1]

    await retention.drop_hours(now + 2 * DAY)

    assert await event_log.read_bounds(database) == Bounds(0, newest_id, newest_id)


async def test_after_a_fail_over_progress_that_has_gone_is_no_lost_commit(
    database: Database, retention: Retention, library: Any, now: datetime
) -> None:
    newest_id = (await library.append(progressed(1), progressed(2)))[-1]
    await retention.drop_hours(now + 2 * DAY)
    async with database.transaction() as transaction:
        await transaction.execute("UPDATE database_timelines SET timeline = timeline + 1")

    timeline = await timelines.follow(database)

    assert (timeline.last_id, timeline.has_lost(newest_id)) == (newest_id, False)
    replay = Replay(database, Viewpoint(ADMIN, Filters()))
    assert await replay.start(newest_id, newest_id) == Start(newest_id)


async def add_webhook(database: Database, event_type: str, position: int) -> None:
    async with database.transaction() as transaction:
        await transaction.execute(
            "INSERT INTO webhooks (id, kind, url, types, sealed_secret, position)"
            " VALUES ('w', 'webhook', 'https://example.com/', %s, '', %s)",
            ([event_type], position),
        )


async def test_an_hour_waits_for_a_webhook_that_takes_progress(
    database: Database, retention: Retention, ids: list[int], now: datetime
) -> None:
    await add_webhook(database, "playback.progress", ids[4])
    await retention.drop_hours(now)
    assert await kept_ids(database) == ids

    async with database.transaction() as transaction:
        await transaction.execute("UPDATE webhooks SET position = %s", (ids[9],))
    await retention.drop_hours(now)
    assert len(await kept_ids(database)) == 6


async def test_a_webhook_that_takes_no_progress_holds_nothing_up_and_misses_nothing(
    database: Database, retention: Retention, ids: list[int], now: datetime
) -> None:
    await add_webhook(database, "enrollment.changed", ids[1])
    await retention.drop_hours(now)
    assert len(await kept_ids(database)) == 6
    [row] = await database.fetch_all("SELECT position FROM webhooks")
    assert row.position == ids[1]


async def test_what_a_webhook_has_not_taken_when_the_day_goes_becomes_dead_letters_of_both_kinds(
    database: Database, retention: Retention, ids: list[int], now: datetime
) -> None:
    await add_webhook(database, "playback.progress", ids[4])
    async with database.transaction() as transaction:
        await transaction.execute(
            "UPDATE webhooks SET types = '{playback.progress,enrollment.changed}'"
        )
    await retention.drop_days(now + 6 * DAY)

    dead = await database.fetch_all("SELECT event_id FROM webhook_deliveries ORDER BY 1")
    assert [row.event_id for row in dead] == ids[5:10]
    [row] = await database.fetch_all("SELECT position FROM webhooks")
    assert row.position == ids[9]


async def test_no_webhook_is_moved_past_an_event_that_stays_after_a_clock_was_set_back(
    database: Database, retention: Retention, library: Any, now: datetime
) -> None:
    await retention.add_partitions(now - 2 * DAY)
    ids = await library.append(*(changed(n) for n in range(4)))
    await age(database, [ids[0], ids[2]], now - 2 * DAY)
    await add_webhook(database, "enrollment.changed", 0)

    await retention.drop_days(now + 6 * DAY)
    async with database.transaction() as transaction:
        await deliveries.take(transaction, "w", 100)

    rows = await database.fetch_all(
        "SELECT event_id, died_at IS NOT NULL AS is_dead FROM webhook_deliveries ORDER BY 1"
    )
    assert [row.event_id for row in rows] == ids
    assert [row.event_id for row in rows if row.is_dead] == [ids[0], ids[2]]


async def test_a_reader_delays_it(
    database: Database, retention: Retention, ids: list[int], now: datetime
) -> None:
    async with database.transaction() as reader:
        await reader.fetch_all("SELECT count(*) FROM event_log")
        await retention.drop_hours(now)
        assert await kept_ids(database) == ids

    await retention.drop_hours(now)
    assert len(await kept_ids(database)) == 6


async def test_a_drop_that_is_killed_leaves_the_hour_and_its_id(
    database: Database, retention: Retention, ids: list[int], now: datetime, dsn: str
) -> None:
    """The database drops all of it or nothing: no stream is reset for what is still there."""
    dropping = psycopg2.connect(dsn)
    table = partitions.partition_of_hour(now - 2 * DAY)
    with dropping.cursor() as cursor:
        cursor.execute(partitions.REMEMBER_DROPPED_PROGRESS.format(table=table, column="id"))
        cursor.execute(f"DROP TABLE {table}")
        pid = dropping.info.backend_pid
    async with database.transaction() as killer:
        await killer.execute("SELECT pg_terminate_backend(%s)", (pid,))
    await wait_until(lambda: is_gone(database, pid))

    assert await kept_ids(database) == ids
    assert await event_log.read_bounds(database) == Bounds(0, 0, ids[10])
    await retention.drop_hours(now)
    assert len(await kept_ids(database)) == 6


async def is_gone(database: Database, pid: int) -> bool:
    return not await database.fetch_all("SELECT FROM pg_stat_activity WHERE pid = %s", (pid,))


@pytest.fixture
async def wandering_clock(database: Database, now: datetime) -> None:
    """Each event is recorded up to 100 ms before or after the full hour."""
    edge = now.replace(minute=0, second=0, microsecond=0) + HOUR
    async with database.transaction() as transaction:
        await transaction.execute(
            "ALTER TABLE event_log ALTER recorded_at SET DEFAULT"
            f" timestamptz '{edge.isoformat()}' + (random() - 0.5) * interval '200 ms'"
        )


async def test_appends_at_the_edge_of_an_hour_are_read_in_order_whatever_the_clock_does(
    database: Database, retention: Retention, now: datetime, wandering_clock: None
) -> None:
    await retention.add_partitions(now)

    async def write(events: list[Event]) -> None:
        for event in events:
            async with database.transaction() as transaction:
                await log.append_and_commit(transaction, [event, event])

    await asyncio.gather(*(write([progressed(n), changed(n)] * 10) for n in range(5)))

    rows = await logged.read_after(database, 0, 1000)
    ids = [row.id for row in rows]
    assert ids == sorted(ids)
    assert len(set(ids)) == 200
    assert len({*await tables_of(database, ids)}) >= 3  # two hours, and a day or two
    assert await partitions.count_strays(database) == 0


async def test_progress_without_its_hour_is_kept_counted_and_cleared(
    database: Database, retention: Retention, library: Any, now: datetime
) -> None:
    [event_id] = await library.append(progressed(1))
    await age(database, [event_id], now - 3 * DAY)
    assert await partitions.count_strays(database) == 1
    assert await kept_ids(database) == [event_id]

    await retention.drop_days(now + 5 * DAY)

    assert await partitions.count_strays(database) == 0
    assert (await event_log.read_bounds(database)).dropped_id == event_id


async def test_clearing_strays_takes_nothing_else_from_a_webhook(
    database: Database, retention: Retention, library: Any, now: datetime
) -> None:
    """They lie between events of both kinds, in two defaults; some of the log is not yet old."""
    await retention.add_partitions(now)
    events = [progressed(n) if n % 2 else changed(n) for n in range(6)]
    ids = await library.append(*events)
    await age(database, [ids[1], ids[2], ids[3], ids[4]], now - 30 * DAY)
    await add_webhook(database, "playback.progress", 0)
    async with database.transaction() as transaction:
        await transaction.execute(
            "UPDATE webhooks SET types = '{playback.progress,enrollment.changed}'"
        )
    assert await partitions.count_strays(database) == 4

    await retention.drop_days(now)
    await retention.drop_days(now)
    assert await partitions.count_strays(database) == 0
    async with database.transaction() as transaction:
        await deliveries.take(transaction, "w", 100)

    rows = await database.fetch_all(
        "SELECT event_id, died_at IS NOT NULL AS is_dead FROM webhook_deliveries ORDER BY 1"
    )
    assert [row.event_id for row in rows] == ids
    assert [row.event_id for row in rows if row.is_dead] == ids[1:5]
    [row] = await database.fetch_all("SELECT position, lost_count FROM webhooks")
    assert (row.position, row.lost_count) == (ids[5], 0)
