"""Event types added to a webhook that is behind: they begin with the next event."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from db.delivery import deliveries, webhooks
from db.log import partitions
from db.pool import Database
from events.log.packing import Packing
from events.log.retention import HOUR, Retention
from events.log.types import EnrollmentChanged, Event, PlaybackProgressed, PlaybackStarted

ENROLLMENT, STARTED, PROGRESS = "enrollment.changed", "playback.started", "playback.progress"
VIDEO = UUID(int=16 << 96)
OF_ONE = {"course_id": "c1", "user_id": "u"}


def event(name: str) -> Event:
    at = datetime.now(UTC)
    if name == ENROLLMENT:
        return EnrollmentChanged(**OF_ONE, occurred_at=at, role=None, version=1)
    kind = PlaybackStarted if name == STARTED else PlaybackProgressed
    place = {"position_s": 1.0, "watched_ratio": 0.5, "session_id": "s"}
    return kind(**OF_ONE, **place, video_id=VIDEO, occurred_at=at)


async def put(database: Database, *types: str) -> None:
    async with database.transaction() as transaction:
        await webhooks.put(transaction, "w", "webhook", "https://host/", sorted(types), "sealed")


async def take(database: Database, limit: int) -> int:
    async with database.transaction() as transaction:
        return await deliveries.take(transaction, "w", limit)


async def taken(database: Database) -> list[int]:
    rows = await database.fetch_all("SELECT event_id FROM webhook_deliveries ORDER BY ctid")
    return [row.event_id for row in rows]


async def age(database: Database, ids: list[int], recorded_at: datetime) -> None:
    async with database.transaction() as transaction:
        await transaction.execute(
            "UPDATE event_log SET recorded_at = %s WHERE id = ANY(%s)", (recorded_at, ids)
        )


async def test_an_added_type_begins_with_the_next_event(database: Database, library: Any) -> None:
    await put(database, ENROLLMENT)
    before = await library.append(event(STARTED), event(ENROLLMENT), event(STARTED))
    await put(database, ENROLLMENT, STARTED)
    await put(database, ENROLLMENT, STARTED, PROGRESS)  # which leaves the one of before
    after = await library.append(event(STARTED), event(ENROLLMENT), event(PROGRESS))

    while await take(database, 2):
        pass

    assert await taken(database) == [before[1], *after]


async def test_a_type_that_is_added_again_begins_anew(database: Database, library: Any) -> None:
    await put(database, ENROLLMENT, STARTED)
    await library.append(event(STARTED))
    await put(database, ENROLLMENT)
    await library.append(event(STARTED))
    await put(database, ENROLLMENT, STARTED)
    ids = await library.append(event(STARTED))

    await take(database, 10)

    assert await taken(database) == ids


async def test_nothing_is_remembered_of_a_type_once_it_was_reached(
    database: Database, library: Any
) -> None:
    await put(database, ENROLLMENT)
    await library.append(event(STARTED))
    await put(database, ENROLLMENT, STARTED)
    await take(database, 10)
    await put(database, ENROLLMENT, STARTED, PROGRESS)

    assert [row.added_after for row in await database.fetch_all("TABLE webhooks")] == [{}]


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_is_asked_for_arrives_once_and_in_order(
    database: Database, library: Any, seed: int
) -> None:
    chance = random.Random(seed)
    names = [ENROLLMENT, STARTED, PROGRESS]
    asked = {ENROLLMENT}
    await put(database, *asked)
    expected: list[int] = []
    waiting: list[tuple[int, str | None]] = []  # None for what is not wanted

    for _ in range(60):
        match chance.choice(["append", "append", "put", "take"]):
            case "append":
                name = chance.choice(names)
                [event_id] = await library.append(event(name))
                waiting.append((event_id, name if name in asked else None))
            case "put":
                asked = set(chance.sample(names, chance.randint(1, 3)))
                await put(database, *asked)
                waiting = [(one, name if name in asked else None) for one, name in waiting]
            case "take":
                count = chance.randint(1, 3)
                await take(database, count)
                expected += [one for one, name in waiting[:count] if name is not None]
                waiting = waiting[count:]
    while await take(database, 5):
        pass

    expected += [one for one, name in waiting if name is not None]
    assert await taken(database) == expected


async def test_past_progress_does_not_wait_for_who_asks_for_it_later(
    database: Database, library: Any, retention: Retention, now: datetime
) -> None:
    """It may be packed then, where no webhook looks."""
    await retention.add_partitions(now - 5 * HOUR)
    await put(database, ENROLLMENT)
    before = await library.append(*map(event, (ENROLLMENT, PROGRESS, ENROLLMENT, PROGRESS)))
    await age(database, before, now - 5 * HOUR)
    await put(database, ENROLLMENT, PROGRESS)
    hour = (now - 5 * HOUR).replace(minute=0, second=0, microsecond=0)

    assert not await partitions.is_awaited(database, partitions.partition_of_hour(hour))
    async with database.transaction() as transaction:
        await transaction.execute("UPDATE event_log_retention SET pack_from = '-infinity'")
    await Packing(database).pack(now)
    [row] = await database.fetch_all("SELECT count(*) AS packed FROM event_log_packed")
    assert row.packed == 1
    after = await library.append(event(PROGRESS))
    await take(database, 10)

    assert await taken(database) == [before[0], before[2], *after]


async def test_a_webhook_is_made_behind_nothing_that_is_packed_or_gone(
    database: Database, library: Any
) -> None:
    [newest_id] = await library.append(event(PROGRESS))
    async with database.transaction() as transaction:
        await transaction.execute("TRUNCATE event_log")
        await transaction.execute("UPDATE event_log_retention SET thinned_id = %s", (newest_id,))

    await put(database, PROGRESS)

    assert [row.position for row in await database.fetch_all("TABLE webhooks")] == [newest_id]


async def test_no_dead_letter_comes_of_what_was_not_asked_for(
    database: Database, library: Any, retention: Retention, now: datetime
) -> None:
    old = now - timedelta(days=8)
    await retention.add_partitions(old)
    await put(database, ENROLLMENT)
    before = await library.append(event(STARTED), event(ENROLLMENT))
    await put(database, ENROLLMENT, STARTED)
    after = await library.append(event(STARTED))
    await age(database, [*before, *after], old)

    await retention.drop_days(now)

    assert await taken(database) == [before[1], *after]
