import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from db.log import event_log
from db.pool import Database, open_database
from events.log import log
from events.log.emitter import Emitter
from events.log.log import Tail, from_row, to_row
from events.log.types import (
    EnrollmentChanged,
    Event,
    PlaybackStopped,
    VideoProcessing,
    VideoReady,
)
from tests.harness import logged

VIDEO = UUID("00000000-0000-4000-8000-000000000001")
AT = datetime(2025, 3, 4, 5, 6, 7, 891234, tzinfo=UTC)
ENVELOPE: dict[str, Any] = {"course_id": "c1", "user_id": "u1", "occurred_at": AT}
EACH_SHAPE: list[Event] = [
    VideoReady(video_id=VIDEO, video={"title": "Ünïcode \u2028", "size": 2**40}, **ENVELOPE),
    VideoProcessing(video_id=VIDEO, processing_ratio=0.5, **ENVELOPE),
    PlaybackStopped(video_id=VIDEO, position_s=7.0, watched_ratio=1.0, session_id="s", **ENVELOPE),
    EnrollmentChanged(role=None, version=3, **ENVELOPE),
]
LISTENERS = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND query LIKE %s AND pid <> pg_backend_pid()
"""


def numbered(number: int) -> Event:
    return VideoProcessing(video_id=VIDEO, processing_ratio=float(number), **ENVELOPE)


class Heard:
    """Records the events of a process, and waits for more."""

    def __init__(self) -> None:
        self.events: list[tuple[int, Event]] = []
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self._changed = asyncio.Event()

    async def deliver(self) -> None:
        """Awaited by the tail."""
        await self.may_go_on.wait()

    def hear(self, event_id: int, event: Event) -> None:
        self.events.append((event_id, event))
        self._changed.set()

    async def wait_for(self, count: int) -> list[int]:
        async with asyncio.timeout(20):
            while len(self.events) < count:
                self._changed.clear()
                await self._changed.wait()
        return [event_id for event_id, _ in self.events]


@asynccontextmanager
async def following(database: Database, dsn: str) -> AsyncIterator[tuple[Tail, Heard]]:
    emitter, heard = Emitter(), Heard()
    emitter.subscribe(Event, heard.hear)
    tail = Tail(database, dsn, emitter, heard.deliver)
    await tail.start()
    try:
        yield tail, heard
    finally:
        await tail.stop()


@pytest.fixture
def appender(dsn: str) -> Callable[[int, int], Any]:
    async def append_from(writer: int, count: int) -> None:
        async with open_database(dsn, size=1) as own:
            for number in range(count):
                async with own.transaction() as transaction:
                    await log.append(transaction, [numbered(writer), numbered(number)])

    return append_from


async def test_every_shape_of_event_comes_back_as_it_went_in(database: Database, dsn: str) -> None:
    async with following(database, dsn) as (_, heard):
        async with database.transaction() as transaction:
            ids = await log.append(transaction, EACH_SHAPE)
        assert await heard.wait_for(len(EACH_SHAPE)) == ids

    assert [event for _, event in heard.events] == EACH_SHAPE
    assert ids == sorted(ids)


async def test_ids_come_in_the_order_of_the_events(database: Database) -> None:
    async with database.transaction() as transaction:
        ids = await log.append(transaction, [numbered(n) for n in range(500)])
    rows = await logged.read_after(database, 0, 1000)

    assert ids == [row.id for row in rows]
    assert [event.processing_ratio for _, event in log.read_rows(rows)] == list(range(500))  # type: ignore[attr-defined]


async def append_and_fail(database: Database) -> None:
    async with database.transaction() as transaction:
        await log.append(transaction, [numbered(1)])
        raise ZeroDivisionError


async def test_what_is_rolled_back_never_happened(database: Database, dsn: str) -> None:
    async with following(database, dsn) as (_, heard):
        with pytest.raises(ZeroDivisionError):
            await append_and_fail(database)
        async with database.transaction() as transaction:
            ids = await log.append(transaction, [numbered(2)])
        assert await heard.wait_for(1) == ids


async def test_concurrent_appenders_are_heard_in_id_order_and_none_is_missed(
    database: Database, dsn: str, appender: Callable[[int, int], Any]
) -> None:
    async with following(database, dsn) as (tail, heard):
        await asyncio.gather(*(appender(writer, 50) for writer in range(6)))
        ids = await heard.wait_for(600)

    rows = await logged.read_after(database, 0, 1000)
    assert ids == [row.id for row in rows]
    assert tail.cursor == ids[-1]


async def test_a_killed_listen_connection_misses_nothing(
    database: Database, dsn: str, appender: Callable[[int, int], Any]
) -> None:
    async def kill_listeners() -> None:
        for killed_after in (20, 60, 100):
            await heard.wait_for(killed_after)
            for row in await database.fetch_all(LISTENERS, ("%FROM event_log WHERE id >%",)):
                await database.fetch_all("SELECT pg_terminate_backend(%s)", (row.pid,))

    async with following(database, dsn) as (_, heard):
        await asyncio.gather(appender(1, 50), appender(2, 50), kill_listeners())
        ids = await heard.wait_for(200)

    assert ids == [row.id for row in await logged.read_after(database, 0, 1000)]


async def test_a_tail_begins_at_the_newest_event(database: Database, dsn: str) -> None:
    async with database.transaction() as transaction:
        ids = await log.append(transaction, [numbered(1), numbered(2)])

    async with following(database, dsn) as (tail, heard):
        assert tail.cursor == ids[-1]
        async with database.transaction() as transaction:
            later = await log.append(transaction, [numbered(3)])
        assert await heard.wait_for(1) == later


async def test_events_of_newer_versions_are_counted_and_leave_no_line(
    database: Database, dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    row = to_row(numbered(1))
    newer = event_log.NewEvent("x.y", None, "c", "u", row.occurred_at, {})
    async with following(database, dsn) as (tail, heard):
        async with database.transaction() as transaction:
            ids = await event_log.append(transaction, [newer, row, newer])
        async with database.transaction() as transaction:
            ids += await event_log.append(transaction, [row])
        assert await heard.wait_for(2) == [ids[1], ids[3]]

        assert tail.unknown_count == 2
        assert tail.cursor == ids[3]
    assert not caplog.records


async def test_an_event_that_cannot_be_read_is_skipped_with_a_line(
    database: Database, dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    row = to_row(numbered(1))
    broken = event_log.NewEvent(row.type, row.video_id, "c1", "u1", AT, {})
    async with following(database, dsn) as (tail, heard):
        async with database.transaction() as transaction:
            ids = await event_log.append(transaction, [broken, row])
        assert await heard.wait_for(1) == ids[1:]

        assert tail.unknown_count == 0
    assert [f"event {ids[0]} of type" in line for line in caplog.messages] == [True]


async def test_fields_of_a_later_version_are_passed_over(database: Database) -> None:
    row = to_row(numbered(1))
    later = event_log.NewEvent(
        row.type, row.video_id, "c1", "u1", AT, {**row.payload, "colour": "blue"}
    )
    async with database.transaction() as transaction:
        await event_log.append(transaction, [later])

    [stored] = await logged.read_after(database, 0, 10)
    assert from_row(stored) == numbered(1)


async def test_the_tail_waits_until_what_it_emitted_was_delivered(
    database: Database, dsn: str
) -> None:
    async with following(database, dsn) as (_, heard):
        heard.may_go_on.clear()
        async with database.transaction() as transaction:
            ids = await log.append(transaction, [numbered(n) for n in range(250)])
        first = await heard.wait_for(log.EMITTED_AT_ONCE)
        async with open_database(dsn, size=1) as other:  # longer than a turn of the loop
            await event_log.read_bounds(other)
        assert [event_id for event_id, _ in heard.events] == first == ids[: log.EMITTED_AT_ONCE]
        heard.may_go_on.set()
        assert await heard.wait_for(250) == ids
