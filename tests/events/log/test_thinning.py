"""Past days of the log without their progress: what goes, what stays, when a day has to wait."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from db.errors import DatabaseTimeout
from db.log import event_log, partitions, thinning
from db.log.event_log import Bounds
from db.pool import Database
from events.log import thinning as events_thinning
from events.log.retention import Retention
from events.log.thinning import thin_days
from events.log.types import EnrollmentChanged, PlaybackProgressed
from events.stream.missed_events import Replay, Start
from events.stream.visibility import Filters, Scope, Viewpoint
from tests.waiting import wait_until

DAY = timedelta(days=1)
VIDEO = uuid4()
ADMIN = Scope("boss", is_privileged=True)


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def rounds_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_thinning, "ROWS_AT_ONCE", 3)
    monkeypatch.setattr(events_thinning, "PAUSE_S", 0.01)


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


@pytest.fixture
async def ids(database: Database, library: Any, now: datetime, rounds_of_three: None) -> list[int]:
    """Of ten events of the day before yesterday, every other of them progress, and of one today."""
    retention = Retention(database, 7 * 86400, 90 * 86400)
    await retention.add_days(now - 2 * DAY)
    events = [progressed(n) if n % 2 else changed(n) for n in range(10)]
    ids: list[int] = await library.append(*events, progressed(99))
    async with database.transaction() as transaction:
        await transaction.execute(
            "UPDATE event_log SET recorded_at = %s WHERE id = ANY(%s)", (now - 2 * DAY, ids[:10])
        )
    return ids


async def kept_ids(database: Database) -> list[int]:
    return [row.id for row in await event_log.read_after(database, 0, 100)]


async def test_progress_of_past_days_goes_and_the_rest_stays_in_order(
    database: Database, ids: list[int], now: datetime
) -> None:
    thinned = await thin_days(database, now - DAY)

    assert thinned[-1] == (now - 2 * DAY).date()
    assert await kept_ids(database) == [*ids[:10:2], ids[10]]
    assert await event_log.read_bounds(database) == Bounds(0, ids[9], ids[10])
    assert await partitions.count_strays(database) == 0
    assert await thin_days(database, now - DAY) == []


async def test_a_thinned_day_is_a_day_like_others(
    database: Database, ids: list[int], now: datetime
) -> None:
    await thin_days(database, now - DAY)
    indexes = await database.fetch_all(
        "SELECT indexrelid::regclass FROM pg_index WHERE indrelid = %s::regclass",
        (partitions.partition_of((now - 2 * DAY).date()),),
    )
    others = await database.fetch_all(
        "SELECT indexrelid::regclass FROM pg_index WHERE indrelid = %s::regclass",
        (partitions.partition_of(now.date()),),
    )
    assert len(indexes) == len(others)

    retention = Retention(database, 7 * 86400, 90 * 86400)
    assert (now - 2 * DAY).date() in await retention.drop_days(now + 6 * DAY)
    assert await kept_ids(database) == [ids[10]]


async def test_the_days_of_the_retention_stay_whole(
    database: Database, ids: list[int], now: datetime
) -> None:
    await thin_days(database, now - 2 * DAY)
    assert await kept_ids(database) == ids


@pytest.mark.parametrize(
    ("types", "is_reset"),
    [
        (None, True),
        (frozenset({"playback.progress", "enrollment.changed"}), True),
        (frozenset({"enrollment.changed"}), False),
    ],
)
async def test_only_streams_that_show_progress_are_reset(
    database: Database, ids: list[int], now: datetime, types: frozenset[str] | None, is_reset: bool
) -> None:
    replay = Replay(database, Viewpoint(ADMIN, Filters(types=types)))
    assert await replay.start(ids[3]) == Start(ids[3])

    await thin_days(database, now - DAY)

    start = await replay.start(ids[3])
    assert start == (Start(ids[10], is_reset=True) if is_reset else Start(ids[3]))
    page = await replay.page(ids[3], ids[10])
    assert isinstance(page, Start) == is_reset
    assert await replay.start(ids[9]) == Start(ids[9])


async def test_a_log_of_progress_alone_remembers_its_newest(
    database: Database, library: Any, now: datetime, rounds_of_three: None
) -> None:
    await Retention(database, 7 * 86400, 90 * 86400).add_days(now)
    newest_id = (await library.append(progressed(1), progressed(2)))[-1]

    await thin_days(database, now + DAY)

    assert await event_log.read_bounds(database) == Bounds(0, newest_id, newest_id)


async def add_webhook(database: Database, event_type: str, position: int) -> None:
    async with database.transaction() as transaction:
        await transaction.execute(
            "INSERT INTO webhooks (id, kind, url, types, sealed_secret, position)"
            " VALUES ('w', 'webhook', 'https://example.com/', %s, '', %s)",
            ([event_type], position),
        )


async def test_a_day_waits_for_a_webhook_that_takes_progress(
    database: Database, ids: list[int], now: datetime
) -> None:
    await add_webhook(database, "playback.progress", ids[4])
    await thin_days(database, now - DAY)
    assert await kept_ids(database) == ids

    async with database.transaction() as transaction:
        await transaction.execute("UPDATE webhooks SET position = %s", (ids[9],))
    await thin_days(database, now - DAY)
    assert len(await kept_ids(database)) == 6


async def test_a_webhook_that_takes_no_progress_holds_nothing_up(
    database: Database, ids: list[int], now: datetime
) -> None:
    await add_webhook(database, "enrollment.changed", 0)
    await thin_days(database, now - DAY)
    assert len(await kept_ids(database)) == 6


async def test_a_reader_delays_it_and_one_that_stays_leaves_the_day_whole(
    database: Database, ids: list[int], now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_thinning, "ATTEMPTS", 2)
    async with database.transaction() as reader:
        await reader.fetch_all("SELECT count(*) FROM event_log")
        with pytest.raises(DatabaseTimeout):
            await thin_days(database, now - DAY)
    assert await kept_ids(database) == ids

    await thin_days(database, now - DAY)
    assert len(await kept_ids(database)) == 6


async def test_nobody_changes_a_day_while_it_is_copied(
    database: Database, ids: list[int], now: datetime
) -> None:
    """Else what an erasure changes meanwhile would come back with the copy."""
    async with database.transaction() as eraser:
        await eraser.execute("UPDATE event_log SET user_id = 'gone' WHERE id = %s", (ids[0],))
        with pytest.raises(DatabaseTimeout):
            await thin_days(database, now - DAY)
    await thin_days(database, now - DAY)
    (row, *_) = await event_log.read_after(database, 0, 1)
    assert row.user_id == "gone"


async def test_one_process_thins_for_all(database: Database, ids: list[int], now: datetime) -> None:
    async with database.transaction() as owner:
        assert await partitions.try_ownership(owner)
        assert await thin_days(database, now - DAY) == []
    assert await thinning.last_day(database) is None


async def test_it_is_done_by_the_hour(database: Database, ids: list[int]) -> None:
    periodic = events_thinning.periodic_thinning(database, retention_s=86400 - 3600)
    periodic.start()
    try:
        await wait_until(lambda: _is_thinned(database))
    finally:
        await periodic.stop()


async def _is_thinned(database: Database) -> bool:
    return await thinning.last_day(database) is not None
