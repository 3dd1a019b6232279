"""Terms of playing over a real database: what they tell, and in how many statements."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from db.errors import DatabaseError, DatabaseTimeout
from db.playing_terms import PlayingTerms
from db.pool import Database
from events.hot import playing
from events.hot.playing import AT_ONCE, MOST_IN_ONE, PlayingTermsReader
from events.log.types import VideoUpdated

Terms = asyncio.Task[PlayingTerms]
LOCKED = "LOCK TABLE enrollments IN ACCESS EXCLUSIVE MODE"


async def in_turns(reader: PlayingTermsReader, *asked: tuple[str, UUID]) -> list[Terms]:
    """Asks each in a turn of the loop of its own, which is a statement of its own."""
    tasks = []
    for who, video_id in asked:
        before = reader.statement_count
        tasks.append(asyncio.create_task(reader.read(who, video_id)))
        while reader.statement_count == before:
            await asyncio.sleep(0)
    return tasks


@pytest.fixture
async def reader(database: Database) -> AsyncIterator[PlayingTermsReader]:
    reader = PlayingTermsReader(database)
    yield reader
    await reader.stop()


async def test_terms_of_a_student(library: Any, reader: PlayingTermsReader, happened: Any) -> None:
    video_id = await library.video()
    version = await library.enroll("ada", "student")
    [event_id] = await library.append(happened(VideoUpdated, video_id=video_id))

    terms = await reader.read("ada", video_id)

    assert (terms.course_id, terms.video_version) == ("c1", event_id)
    assert (terms.role, terms.enrollment_version) == ("student", version)
    assert (terms.position_s, terms.is_completed) == (None, False)


async def test_terms_of_who_was_withdrawn_and_who_never_was(
    library: Any, reader: PlayingTermsReader
) -> None:
    video_id = await library.video()
    await library.enroll("ada", "student")
    await library.enroll("ada", None)

    withdrawn, stranger = [await reader.read(who, video_id) for who in ("ada", "eve")]

    assert withdrawn.role is stranger.role is None
    assert withdrawn.enrollment_version is stranger.enrollment_version is None


async def test_terms_of_a_video_that_is_deleted_or_never_was(
    library: Any, reader: PlayingTermsReader
) -> None:
    video_id = await library.video()
    await library.delete_video(video_id)

    assert (await reader.read("ada", video_id)).course_id is None
    assert (await reader.read("ada", uuid4())).course_id is None


async def test_who_ask_in_one_turn_share_a_statement(
    library: Any, reader: PlayingTermsReader
) -> None:
    video_id = await library.video()
    await library.enroll("ada", "student")

    asked = [reader.read(who, video_id) for who in ("ada", "eve", "ada")]
    terms = await asyncio.gather(*asked)

    assert [one.role for one in terms] == ["student", None, "student"]
    assert reader.statement_count == 1


async def test_who_leaves_takes_nothing_from_the_others(
    library: Any, reader: PlayingTermsReader
) -> None:
    video_id = await library.video()
    await library.enroll("ada", "student")
    gone, stays = [asyncio.create_task(reader.read("ada", video_id)) for _ in range(2)]
    while reader.asked_count < 2:
        await asyncio.sleep(0)
    gone.cancel()

    assert (await stays).role == "student"
    assert gone.cancelled()


async def test_many_who_come_while_the_database_is_slow_share_statements(
    library: Any, database: Database, reader: PlayingTermsReader
) -> None:
    video_id = await library.video()
    for number in range(0, 2 * MOST_IN_ONE, 7):
        await library.enroll(f"u{number}", "student")
    async with database.transaction() as transaction:
        await transaction.execute(LOCKED)
        await in_turns(reader, *[("eve", video_id)] * AT_ONCE)
        asked = [
            asyncio.create_task(reader.read(f"u{number}", video_id))
            for number in range(2 * MOST_IN_ONE)
        ]
        while reader.asked_count < AT_ONCE + len(asked):
            await asyncio.sleep(0)
    terms = await asyncio.gather(*asked)

    assert [one.role for one in terms] == [
        "student" if number % 7 == 0 else None for number in range(2 * MOST_IN_ONE)
    ]
    assert reader.statement_count == AT_ONCE + 2


async def test_who_asks_after_a_withdrawal_learns_of_it(
    library: Any, database: Database, reader: PlayingTermsReader
) -> None:
    """A statement is under way from before: whoever asks now waits for the next one."""
    video_id = await library.video()
    await library.enroll("ada", "student")
    async with database.transaction() as transaction:
        await transaction.execute(LOCKED)
        before = await in_turns(reader, ("ada", video_id), ("eve", video_id))
        await transaction.execute("UPDATE enrollments SET role = NULL, version = 2")
        after = asyncio.create_task(reader.read("ada", video_id))
        await asyncio.sleep(0)
        assert not any(one.done() for one in (*before, after))

    assert (await after).role is None
    await asyncio.gather(*before)


async def test_a_failure_is_told_to_each_and_ends_with_its_statement(
    library: Any, database: Database, reader: PlayingTermsReader
) -> None:
    video_id = await library.video()
    await library._run("ALTER TABLE enrollments RENAME TO hidden")

    failed = await asyncio.gather(
        *(reader.read(f"u{number}", video_id) for number in range(5)), return_exceptions=True
    )
    await library._run("ALTER TABLE hidden RENAME TO enrollments")

    assert [type(one) for one in failed] == [DatabaseError] * 5
    assert (await reader.read("ada", video_id)).course_id == "c1"


async def test_what_waits_is_bounded_in_number_and_in_time(
    library: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(playing, "MOST_WAITING", 1)
    monkeypatch.setattr(playing, "PATIENCE_S", 0.05)
    reader = PlayingTermsReader(database)
    video_id = await library.video()
    async with database.transaction() as transaction:
        await transaction.execute(LOCKED)
        waiting = await in_turns(reader, ("u0", video_id), ("u1", video_id))
        waiting.append(asyncio.create_task(reader.read("u2", video_id)))
        while reader.asked_count <= AT_ONCE:
            await asyncio.sleep(0)
        with pytest.raises(DatabaseTimeout):
            await reader.read("one too many", video_id)
        assert reader.statement_count == AT_ONCE
        for one in waiting:
            with pytest.raises(DatabaseTimeout):
                await one
    await reader.stop()
