"""Packed progress: read as before at each moment, whatever happens meanwhile."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from db.errors import DatabaseError, DatabaseTimeout
from db.log import event_log, packing, partitions, timelines
from db.log.event_log import EventFilter
from db.pool import Database, Row, Transaction
from db.postgres.migrations import MIGRATIONS, rollback
from db.privacy import personal_rows
from events.log.emitter import Emitter
from events.log.log import Tail
from events.log.packing import LAG, Packing
from events.log.retention import HOUR, Retention
from events.log.types import Event, PlaybackProgressed
from events.stream import missed_events
from events.stream.missed_events import EventPage, Replay, Start
from events.stream.visibility import Filters, Scope, Viewpoint
from tests.harness import logged
from tests.harness.waiting import wait_until

VIDEOS = [UUID(int=16 << 96 | n) for n in range(3)]
TYPES = ["playback.started", "playback.progress", "enrollment.changed"]
ADMIN = EventFilter("boss", True, [], [], ["video.ready"], TYPES[:2], TYPES[2])
FILL = """
INSERT INTO event_log (type, video_id, course_id, user_id, occurred_at, recorded_at, payload)
SELECT CASE WHEN n %% 7 = 0 THEN 'playback.started' ELSE 'playback.progress' END,
    ('00000010-0000-0000-0000-' || lpad((n %% 3)::text, 12, '0'))::uuid, 'c' || n %% 3,
    'u' || (n * 7919 / 3) %% 5, at - interval '50 ms', at,
    jsonb_build_object('position_s', n, 'watched_ratio', 0.5, 'session_id', 's')
FROM generate_series(1, %(count)s) AS n,
    LATERAL (SELECT %(hour)s::timestamptz + n * interval '1 second' AS at) AS recorded
"""
PACKED_PROGRESS = "0095_packed_progress"
ALL = "SELECT count(*) AS count FROM event_log"
LEAVES = "SELECT tableoid::regclass::text AS name, count(*) AS count FROM event_log GROUP BY 1"


@pytest.fixture
def hour(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0) - 5 * HOUR


@pytest.fixture
async def filled(database: Database, retention: Retention, hour: datetime) -> Database:
    """Two past hours with progress of five viewers, and a little of now."""
    await retention.add_partitions(hour - HOUR)
    await retention.add_partitions(hour + 4 * HOUR)
    await execute(database, "UPDATE event_log_retention SET pack_from = '-infinity'")
    for begin, count in ((hour, 300), (hour + HOUR, 200), (hour + 5 * HOUR, 20)):
        await execute(database, FILL, {"hour": begin, "count": count})
    return database


@pytest.fixture(autouse=True)
def short_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    sql = packing.PACK.replace(f"/ {packing.MOST_IN_ROW} AS", "/ 7 AS")
    assert sql != packing.PACK
    monkeypatch.setattr(packing, "PACK", sql)


async def execute(database: Database, sql: str, parameters: Any = ()) -> None:
    async with database.transaction() as transaction:
        await transaction.execute(sql, parameters)


async def read(database: Database, shown: EventFilter, after: int, up_to: int) -> list[Row]:
    return await event_log.read_visible(database, shown, after, up_to, 10_000, with_packed=True)


async def everything(database: Database) -> list[Row]:
    return await read(database, ADMIN, 0, 2**60)


async def packed_rows(database: Database) -> int:
    [row] = await database.fetch_all("SELECT count(*) AS count FROM event_log_packed")
    return int(row.count)


def filters() -> list[EventFilter]:
    """Of all kinds of readers, with and without filters of their own."""
    teacher = replace(ADMIN, user_id="u9", is_privileged=False, instructor_course_ids=["c1"])
    student = replace(ADMIN, user_id="u1", is_privileged=False, student_course_ids=["c0", "c2"])
    readers = [ADMIN, teacher, student]
    own = [
        {},
        {"video_id": VIDEOS[1]},
        {"course_id": "c1"},
        {"shown_user_id": "u1"},
        {"types": ["playback.progress"]},
        {"types": ["playback.started"]},
        {"scope_video_id": VIDEOS[0], "shown_user_id": "u1"},
    ]
    return [replace(reader, **filters) for reader in readers for filters in own]


@pytest.mark.parametrize("seed", range(4))
async def test_what_is_read_and_counted_is_the_same_packed_or_not(
    filled: Database, now: datetime, seed: int
) -> None:
    chance = random.Random(seed)
    ids = [row.id for row in await everything(filled)]
    asked = [
        (shown, *sorted(chance.choices([0, *ids], k=2)), chance.choice([1, 10, 1000]))
        for shown in filters()
    ]

    async def ask() -> list[Any]:
        return [
            [
                await function(filled, shown, after, up_to, limit, with_packed=True)
                for function in (event_log.read_visible, event_log.count_visible)
            ]
            for shown, after, up_to, limit in asked
        ]

    expected = await ask()
    assert sum(count for _, count in expected) > 100

    await Packing(filled, chance.choice([1, 50, 10_000]), chance.choice([50, 10_000])).pack(now)

    assert await packed_rows(filled) > 0
    assert await ask() == expected
    assert (await event_log.read_bounds(filled)).newest_id == ids[-1]


async def test_ended_hours_are_packed_and_their_partitions_go(
    filled: Database, hour: datetime
) -> None:
    before = await everything(filled)
    await Packing(filled).pack(hour + HOUR + LAG - timedelta(seconds=1))
    assert await packed_rows(filled) == 0

    await Packing(filled).pack(hour + HOUR + LAG)

    leaves = {row.name for row in await filled.fetch_all(LEAVES)}
    assert partitions.partition_of_hour(hour) not in leaves
    assert partitions.partition_of_hour(hour + HOUR) in leaves
    assert hour in await partitions.list_hours(filled)
    assert hour not in await partitions.list_leaf_hours(filled)
    assert await everything(filled) == before
    assert await partitions.count_strays(filled) == 0


async def test_nothing_is_packed_while_servers_of_before_may_run(
    filled: Database, now: datetime, hour: datetime
) -> None:
    await execute(filled, "UPDATE event_log_retention SET pack_from = %s", (hour + HOUR,))

    await Packing(filled).pack(now)

    assert hour in await partitions.list_leaf_hours(filled)
    assert hour + HOUR not in await partitions.list_leaf_hours(filled)


async def test_a_new_installation_waits_until_the_version_before_is_gone(
    database: Database, now: datetime
) -> None:
    [row] = await database.fetch_all("SELECT pack_from - now() AS wait FROM event_log_retention")
    assert timedelta(hours=24) < row.wait <= timedelta(hours=25)


async def test_what_will_be_dropped_soon_is_left_as_it_is(filled: Database, hour: datetime) -> None:
    for retention_s in (3600, 7200, 3 * 3600):  # packed as soon as may be, they would go at once
        await Packing(filled, retention_s=retention_s).pack(hour + HOUR + LAG)
        assert await packed_rows(filled) == 0

    await Packing(filled, retention_s=3 * 3600 + 1).pack(hour + HOUR + LAG)
    assert await packed_rows(filled) > 0


@pytest.mark.parametrize("step", ["begin", "pack_users", "pack_ids", "drop_leaf"])
async def test_an_hour_that_is_dropped_while_it_is_packed_stops_no_other(
    filled: Database,
    retention: Retention,
    now: datetime,
    hour: datetime,
    step: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = getattr(packing, step)

    async def drop_before(transaction: Transaction, packed_hour: datetime, *arguments: Any) -> Any:
        if packed_hour == hour:
            await retention.drop_hours(hour + HOUR + timedelta(days=1))
        return await original(transaction, packed_hour, *arguments)

    monkeypatch.setattr(packing, step, drop_before)

    await Packing(filled, 50).pack(now)

    assert hour not in await partitions.list_hours(filled)
    assert hour + HOUR in await partitions.list_hours(filled)
    assert hour + HOUR not in await partitions.list_leaf_hours(filled)


class Failing:
    """A database whose connection breaks at the statement after so many."""

    def __init__(self, database: Database, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self._run, self._left = database.run, most
        monkeypatch.setattr(database, "run", self.run)

    async def run(self, connection: Any, sql: str, parameters: Any = ()) -> list[Row]:
        if "ROLLBACK" not in sql:
            if self._left == 0:
                raise DatabaseError("killed")
            self._left -= 1
        return await self._run(connection, sql, parameters)


async def test_killed_at_any_statement_it_loses_and_doubles_nothing(
    filled: Database, now: datetime
) -> None:
    before = await everything(filled)
    for most in range(0, 200):
        with pytest.MonkeyPatch.context() as patch:
            Failing(filled, most, patch)
            is_done = True
            try:
                await Packing(filled, 100, 150).pack(now)
            except DatabaseError:
                is_done = False
        assert await everything(filled) == before, most
        if is_done:
            break
    assert is_done
    assert most > 5
    assert set(await partitions.list_leaf_hours(filled)).isdisjoint(
        hour for hour in await partitions.list_hours(filled) if hour + HOUR + LAG <= now
    )


async def test_progress_recorded_late_is_packed_or_kept(
    filled: Database, now: datetime, hour: datetime
) -> None:
    """Between the steps of its hour, and when the partition has gone."""
    async with filled.transaction() as transaction:
        ids = await packing.begin(transaction, hour)
    assert ids is not None
    async with filled.transaction() as transaction:
        await packing.pack_ids(transaction, hour, 0, ids.last_id)
    await execute(filled, FILL, {"hour": hour, "count": 3})
    before = await everything(filled)
    async with filled.transaction() as transaction:
        assert not await packing.drop_leaf(transaction, hour, ids.last_id)
    assert await everything(filled) == before

    await Packing(filled).pack(now)
    assert await everything(filled) == before
    assert hour not in await partitions.list_leaf_hours(filled)

    await execute(filled, FILL, {"hour": hour, "count": 3})
    assert len(await everything(filled)) == len(before) + 3
    assert await partitions.count_strays(filled) == 3
    await Packing(filled).pack(now)
    assert len(await everything(filled)) == len(before) + 3


async def test_what_an_erasure_moves_behind_the_pass_by_viewers_is_packed(
    filled: Database, hour: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [row.id for row in await everything(filled)]
    pack_users = packing.pack_users

    async def erase_after_the_first(transaction: Any, hour: datetime, after: str, _: int) -> Any:
        if after == "u0":
            await personal_rows.erase(filled, "u3", "erased-1")
        return await pack_users(transaction, hour, after, 1)

    monkeypatch.setattr(packing, "pack_users", erase_after_the_first)
    await Packing(filled).pack(hour + HOUR + LAG)

    after = await everything(filled)
    assert [row.id for row in after] == before
    assert {row.user_id for row in after} == {"u0", "u1", "u2", "u4", "erased-1"}
    assert hour not in await partitions.list_leaf_hours(filled)


async def exported(
    database: Database, at_event: Callable[[int], Awaitable[None]] | None = None
) -> list[Any]:
    read: list[Any] = []
    async for kind, shown in personal_rows.read_all(database, "u3"):
        if kind == "event":
            read.append(msgspec.json.decode(shown))
            if at_event is not None:
                await at_event(len(read))
    return read


@pytest.mark.parametrize("page", [7, 20, 100, 500])
async def test_an_export_shows_each_event_once_while_hours_are_packed(
    filled: Database, now: datetime, hour: datetime, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = await exported(filled)
    assert [one["id"] for one in expected] == [
        row.id for row in await everything(filled) if row.user_id == "u3"
    ]
    monkeypatch.setattr(personal_rows, "ROWS_AT_ONCE", page)
    assert await exported(filled) == expected

    async def pack_an_hour(count: int) -> None:
        if count in (1, 50):
            await Packing(filled).pack(hour + HOUR + LAG if count == 1 else now)

    assert await packed_rows(filled) == 0
    assert await exported(filled, pack_an_hour) == expected
    assert await packed_rows(filled) > 0


async def test_packed_progress_is_exported_and_erased(filled: Database, now: datetime) -> None:
    expected = await exported(filled)
    before = await everything(filled)
    await Packing(filled).pack(now)
    assert await packed_rows(filled) > 10
    assert await exported(filled) == expected
    assert len(expected) > 90

    await personal_rows.erase(filled, "u3", "erased-1")

    assert await exported(filled) == []
    after = await everything(filled)
    assert [row.id for row in after] == [row.id for row in before]
    assert {row.user_id for row in after} == {"u0", "u1", "u2", "u4", "erased-1"}


async def test_readers_meet_each_event_once_while_hours_are_packed(
    filled: Database, library: Any, now: datetime
) -> None:
    before = [row.id for row in await everything(filled)]
    reads = 0

    async def replay_again_and_again(packed: asyncio.Task[None]) -> None:
        nonlocal reads
        replay = Replay(filled, Viewpoint(Scope("boss", is_privileged=True), Filters()))
        while not packed.done() or not reads:
            seen: list[int] = []
            after = 0
            while after < before[-1]:
                page = await replay.page(after, before[-1])
                assert isinstance(page, EventPage)
                seen += [event_id for event_id, _ in page.events]
                after = page.up_to_id
            assert seen == before
            reads += 1

    async def append_meanwhile(packed: asyncio.Task[None]) -> int:
        count = 0
        while not packed.done():
            await library.append(progressed(count))
            count += 1
        return count

    packed = asyncio.create_task(Packing(filled, 20, 20).pack(now))
    _, appended = await asyncio.gather(replay_again_and_again(packed), append_meanwhile(packed))
    await packed

    assert reads > 1
    assert len(await everything(filled)) == len(before) + appended


async def test_a_page_of_packed_progress_is_read_once(
    filled: Database, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for the page at which the stream learns that some is packed."""
    ids = [row.id for row in await everything(filled)]
    monkeypatch.setattr(missed_events, "PAGE", 50)
    reads: list[bool] = []
    read_visible = event_log.read_visible

    async def watch(*arguments: Any, with_packed: bool) -> list[Row]:
        reads.append(with_packed)
        return await read_visible(*arguments, with_packed=with_packed)

    monkeypatch.setattr(event_log, "read_visible", watch)

    async def pages(replay: Replay, after: int) -> list[int]:
        seen: list[int] = []
        while after < ids[-1]:
            page = await replay.page(after, ids[-1])
            assert isinstance(page, EventPage)
            seen += [event_id for event_id, _ in page.events]
            after = page.up_to_id
        return seen

    def replay() -> Replay:
        return Replay(filled, Viewpoint(Scope("boss", is_privileged=True), Filters()))

    begun_before = replay()
    await begun_before.start(0, ids[-1])
    await Packing(filled).pack(now)

    assert await pages(begun_before, 0) == ids
    assert reads == [False, *[True] * 10, False]
    reads.clear()
    begun_after = replay()
    await begun_after.start(0, ids[-1])
    assert await pages(begun_after, 0) == ids
    assert reads == [*[True] * 10, False]


def progressed(position: float) -> PlaybackProgressed:
    return PlaybackProgressed(
        course_id="c1",
        user_id="u",
        video_id=VIDEOS[0],
        occurred_at=datetime.now(UTC),
        position_s=position,
        watched_ratio=0.5,
        session_id="s",
    )


async def test_packed_hours_go_by_their_retention_and_streams_are_reset(
    filled: Database, retention: Retention, now: datetime, hour: datetime
) -> None:
    rows = await everything(filled)
    await Packing(filled).pack(now)
    replay = Replay(filled, Viewpoint(Scope("boss", is_privileged=True), Filters()))
    newest_id, middle_id = rows[-1].id, rows[150].id
    assert await replay.start(middle_id, newest_id) == Start(middle_id)

    await retention.drop_hours(hour + HOUR + timedelta(days=1))

    progress = [row.id for row in rows[:300] if row.type == "playback.progress"]
    assert (await event_log.read_dropped(filled)).thinned_id == progress[-1]
    assert hour not in await partitions.list_hours(filled)
    assert await replay.start(middle_id, newest_id) == Start(newest_id, is_reset=True)
    assert [row.id for row in await everything(filled)] == [
        row.id for row in rows if row.id not in progress
    ]


async def test_dropping_days_takes_packed_hours_too(
    filled: Database, retention: Retention, now: datetime
) -> None:
    newest_id = (await everything(filled))[-1].id
    await Packing(filled).pack(now)

    await retention.drop_days(now + timedelta(days=9))

    assert await packed_rows(filled) == 0
    assert (await event_log.read_bounds(filled)).newest_id == newest_id


@pytest.mark.parametrize(
    ("types", "is_packed"), [("{playback.progress}", False), (TYPES[2:], True)]
)
async def test_hours_wait_for_webhooks_that_take_progress(
    filled: Database, now: datetime, types: Any, is_packed: bool
) -> None:
    await execute(
        filled,
        "INSERT INTO webhooks (id, kind, url, types, sealed_secret, position)"
        " VALUES ('w', 'webhook', 'https://example.com/', %s, '', 0)",
        (types,),
    )
    await Packing(filled).pack(now)
    assert (await packed_rows(filled) > 0) == is_packed

    await execute(filled, "UPDATE webhooks SET position = (SELECT max(id) FROM event_log)")
    await Packing(filled).pack(now)
    assert await packed_rows(filled) > 0


async def test_after_a_fail_over_the_newest_event_may_be_a_packed_one(
    filled: Database, now: datetime
) -> None:
    newest_id = (await everything(filled))[-1].id
    await Packing(filled).pack(now + 9 * HOUR)
    await execute(filled, "DELETE FROM event_log WHERE type <> 'playback.progress'")
    await execute(filled, "UPDATE database_timelines SET timeline = timeline + 1")

    assert (await timelines.follow(filled)).last_id == newest_id


@pytest.fixture
async def tail(database: Database, dsn: str) -> AsyncIterator[tuple[Tail, list[int], list[int]]]:
    heard: list[int] = []
    recovered: list[int] = []

    async def recover(lost_from_id: int | None) -> None:
        assert lost_from_id is not None
        recovered.append(lost_from_id)

    def hear(event_id: int, event: Event) -> None:
        heard.append(event_id)

    async def deliver() -> None:
        pass

    emitter = Emitter()
    emitter.subscribe(PlaybackProgressed, hear)
    following = Tail(database, dsn, emitter, deliver, recover)
    yield following, heard, recovered
    await following.stop()


@pytest.mark.parametrize("fate", ["packed", "hours dropped", "days dropped"])
async def test_a_tail_that_was_overtaken_recovers_when_it_connects(
    filled: Database,
    retention: Retention,
    library: Any,
    now: datetime,
    tail: tuple[Tail, list[int], list[int]],
    fate: str,
) -> None:
    following, heard, recovered = tail
    ids = [row.id for row in await everything(filled)]
    match fate:
        case "packed":
            await Packing(filled).pack(now)
        case "hours dropped":
            await retention.drop_hours(now + timedelta(days=3))
        case "days dropped":
            await retention.drop_days(now + timedelta(days=9))
    await following.start()
    following.cursor = ids[10]  # as if it had been stopped for hours

    await wait_until(lambda: recovered)
    [next_id] = await library.append(progressed(1))
    await wait_until(lambda: following.cursor == next_id)

    assert heard == [next_id]
    assert recovered == [ids[-1]]


async def test_a_tail_that_was_overtaken_recovers_at_the_next_event(
    filled: Database,
    retention: Retention,
    library: Any,
    now: datetime,
    tail: tuple[Tail, list[int], list[int]],
) -> None:
    following, heard, recovered = tail
    ids = [row.id for row in await everything(filled)]
    await retention.drop_days(now + timedelta(days=9))
    await following.start()
    [first_id] = await library.append(progressed(1))
    await wait_until(lambda: following.cursor == first_id)
    await retention.drop_days(now + timedelta(days=9))
    following.cursor = ids[10]

    [second_id] = await library.append(progressed(2))
    await wait_until(lambda: following.cursor >= second_id)
    [third_id] = await library.append(progressed(3))
    await wait_until(lambda: following.cursor == third_id)

    assert heard == [first_id, third_id]
    assert recovered == [second_id]


async def test_a_database_that_is_slow_packs_fewer_at_once(
    filled: Database, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await everything(filled)
    asked = []
    pack_users = packing.pack_users

    async def time_out_above(transaction: Any, hour: datetime, after: str, limit: int) -> Any:
        asked.append(limit)
        if limit > 100:
            raise DatabaseTimeout
        return await pack_users(transaction, hour, after, limit)

    monkeypatch.setattr(packing, "pack_users", time_out_above)
    await Packing(filled, 1000).pack(now)

    assert asked[:3] == [1000, 250, 62]
    assert await packed_rows(filled) > 0
    assert await everything(filled) == before


async def test_a_reader_delays_the_end_of_packing(
    filled: Database, now: datetime, hour: datetime
) -> None:
    before = await everything(filled)
    async with filled.transaction() as reader:
        await reader.fetch_all(ALL)
        with pytest.raises(DatabaseTimeout):
            await Packing(filled).pack(now)
        assert await everything(filled) == before
    assert hour in await partitions.list_leaf_hours(filled)

    await Packing(filled).pack(now)
    assert hour not in await partitions.list_leaf_hours(filled)
    assert await everything(filled) == before


async def test_who_is_erased_while_hours_are_packed_is_nowhere(
    filled: Database, now: datetime
) -> None:
    """As erasures do, it looks again at what was moved while it looked."""
    before = [row.id for row in await everything(filled)]

    await asyncio.gather(
        Packing(filled, 10, 30).pack(now), personal_rows.erase(filled, "u3", "erased-1")
    )
    await personal_rows.erase(filled, "u3", "erased-1")

    after = await everything(filled)
    assert [row.id for row in after] == before
    assert {row.user_id for row in after} == {"u0", "u1", "u2", "u4", "erased-1"}


async def test_taken_back_the_log_is_as_it_was(filled: Database, dsn: str, now: datetime) -> None:
    """Also where a report came after its hour had been packed."""
    await execute(filled, "UPDATE event_log SET payload = payload || '{\"n\": 1}'")
    before = await everything(filled)
    await Packing(filled).pack(now)
    [oldest] = (await partitions.list_hours(filled))[1:2]
    late = FILL.replace("'u'", "'late'")
    await execute(filled, late, {"hour": oldest, "count": 1})

    newer = [path for path in MIGRATIONS.glob("0*.rollback.sql") if path.name > PACKED_PROGRESS]
    undone = await asyncio.to_thread(rollback, dsn, MIGRATIONS, len(newer))
    assert undone[-1] == PACKED_PROGRESS

    rows = await logged.read_after(filled, 0, 1000)
    assert rows[:-1] == before
    assert rows[-1].user_id.startswith("late")
    assert await partitions.count_strays(filled) > 0
