"""Intervals watched before the duration was known count, also those reported concurrently."""

import asyncio
from typing import Any
from uuid import UUID

from db.progress.recount import Completion, recount
from tests.harness.waiting import wait_until

REPORT = """
INSERT INTO progress (user_id, video_id, course_id, position_s, watched)
VALUES (%s, %s, 'c1', 5, %s::nummultirange)
"""
STATES = "SELECT user_id, watched::text, watched_ratio FROM progress ORDER BY user_id"
WAITING = "SELECT pid FROM pg_locks WHERE NOT granted LIMIT 1"


async def counted(library: Any, video_id: UUID, *, cuts_watched: bool = True) -> list[Completion]:
    async with library.database.transaction() as transaction:
        return await recount(transaction, video_id, 0.9, cuts_watched=cuts_watched)


async def test_it_is_cut_to_the_duration_and_measured_by_it(library: Any) -> None:
    video_id, other_id = await library.video(duration_s=10), await library.video()
    async with library.database.transaction() as transaction:
        for user, video, watched in (
            ("ada", video_id, "{[0,12)}"),
            ("bob", video_id, "{[2,4),[11,20)}"),
            ("cleo", video_id, "{}"),
            ("dan", other_id, "{[0,40)}"),
        ):
            await transaction.execute(REPORT, (user, str(video), watched))
    assert await counted(library, video_id) == [Completion("ada", 5.0, 1.0, None)]
    assert await counted(library, video_id) == []
    assert [tuple(row) for row in await library.database.fetch_all(STATES)] == [
        ("ada", "{[0,10.00)}", 1.0),
        ("bob", "{[2,4)}", 0.2),
        ("cleo", "{}", 0.0),
        ("dan", "{[0,40)}", 0.0),
    ]


async def test_what_lies_beyond_the_duration_of_another_film_stays_and_does_not_count(
    library: Any,
) -> None:
    video_id = await library.video(duration_s=10)
    async with library.database.transaction() as transaction:
        for user, watched in (("ada", "{[0,9),[15,20)}"), ("bob", "{[8,30)}")):
            await transaction.execute(REPORT, (user, str(video_id), watched))

    completed = await counted(library, video_id, cuts_watched=False)

    assert completed == [Completion("ada", 5.0, 0.9, None)]
    assert [tuple(row) for row in await library.database.fetch_all(STATES)] == [
        ("ada", "{[0,9),[15,20)}", 0.9),
        ("bob", "{[8,30)}", 0.2),
    ]


async def test_a_first_report_that_is_being_stored_is_waited_for(library: Any) -> None:
    video_id = await library.video(duration_s=10)
    async with asyncio.timeout(10):
        async with library.database.transaction() as transaction:
            await transaction.execute(REPORT, ("ada", str(video_id), "{[0,12)}"))
            counting = asyncio.create_task(counted(library, video_id))
            await wait_until(lambda: library.database.fetch_one(WAITING))
        assert await counting == [Completion("ada", 5.0, 1.0, None)]
