"""Versions of videos and outlines, which triggers count."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from db import courses, enrollments
from db.log import event_log
from db.log.event_log import NewEvent
from db.pool import Database, open_database

V = uuid4()


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    async with open_database(dsn, size=3) as database:
        yield database


async def append(database: Database, kind: str, video_id: UUID | None) -> int:
    event = NewEvent(kind, video_id, "c1", "u1", datetime.now(UTC), {})
    async with database.transaction() as transaction:
        return (await event_log.append(transaction, [event]))[0]


async def versions(database: Database) -> dict[str, int]:
    rows = await database.fetch_all("SELECT video_id::text, event_id FROM video_versions")
    return {row.video_id: row.event_id for row in rows}


async def outline(database: Database, course_id: str = "c1") -> int:
    row = await database.fetch_one(
        "SELECT changed_us FROM outline_versions WHERE course_id = %s", (course_id,)
    )
    return row.changed_us if row else 0


async def test_the_version_of_a_video_is_its_last_event(database: Database) -> None:
    await append(database, "video.uploaded", V)
    ready = await append(database, "video.ready", V)
    other = await append(database, "video.processing", one := uuid4())

    assert await versions(database) == {str(V): ready, str(one): other}


@pytest.mark.parametrize(
    ("kind", "video_id"),
    [
        pytest.param("playback.progress", V, id="playing"),
        pytest.param("enrollment.changed", None, id="of no video"),
    ],
)
async def test_other_events_change_no_version(
    database: Database, kind: str, video_id: UUID | None
) -> None:
    await append(database, kind, video_id)

    assert await versions(database) == {}
    assert await outline(database) == 0


async def test_each_change_that_an_outline_shows_gives_it_a_greater_version(
    database: Database,
) -> None:
    seen = [await outline(database)]
    await courses.put_course(database, "c1", "One")
    seen.append(await outline(database))
    await courses.put_module(database, "c1", "m1", "Module", 0)
    seen.append(await outline(database))
    await courses.put_module(database, "c1", "m1", "Renamed", 0)
    seen.append(await outline(database))
    await append(database, "video.updated", V)
    seen.append(await outline(database))
    await courses.delete_modules(database, "c1", "m1")
    seen.append(await outline(database))
    await courses.delete_course(database, "c1")
    seen.append(await outline(database))

    assert seen == sorted(set(seen))
    assert await outline(database, "c2") == 0


async def test_an_enrolment_changes_no_outline(database: Database) -> None:
    await courses.put_course(database, "c1", "One")
    before = await outline(database)

    await enrollments.put(database, "c1", "ada", "student")

    assert await outline(database) == before


async def test_changes_of_modules_and_of_videos_do_not_wait_for_each_other(
    database: Database,
) -> None:
    """One has changed a module and will append; the other has appended meanwhile."""
    await courses.put_course(database, "c1", "One")
    event = NewEvent("video.deleted", V, "c1", "u1", datetime.now(UTC), {})
    async with database.transaction() as slow:
        await courses.put_module(slow, "c1", "m1", "Module", 0)
        meanwhile = await append(database, "video.updated", V)
        [last] = await event_log.append(slow, [event])

    assert last > meanwhile
    assert await versions(database) == {str(V): last}
