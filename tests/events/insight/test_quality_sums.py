"""Sums of a course's quality by day: the figures of its videos, whatever happens to them."""

import asyncio
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.insight import quality, quality_sums, rollups
from db.insight.changes import Conditions, QualityFigures
from db.insight.quality import NumberedQuality, QualityKey
from db.pool import Database
from db.videos import videos
from events.insight.quality import sum_up_quality
from events.insight.survey import survey_figures
from tests.events.insight.counting import EVER

BEGINNING = date(2026, 1, 1)
KEPT_NOTHING = date(2100, 1, 1)
ROWS = """
SELECT q.day, q.video_id::text AS video_id, device, browser, network, viewers::text AS viewers,
    sessions, stalls
FROM quality_days q JOIN videos v ON v.id = q.video_id
WHERE v.deleted_at IS NULL AND v.course_id = 'c1' AND q.course_id = 'c1'
"""


def today() -> date:
    return datetime.now(UTC).date()


def played(video_id: UUID, days_ago: int, device: str, viewer: int, stalls: int) -> NumberedQuality:
    key = QualityKey(
        video_id, today() - timedelta(days=days_ago), Conditions(device, "Safari", "4g")
    )
    return NumberedQuality("c1", key, 1 << viewer, QualityFigures(sessions=1, stalls=stalls))


async def add(database: Database, *days: NumberedQuality) -> None:
    async with database.transaction() as transaction:
        await rollups.lock(transaction)
        await quality.add(transaction, days)


async def replace(database: Database, video_id: UUID, *days: NumberedQuality) -> None:
    async with database.transaction() as transaction:
        await rollups.lock(transaction)
        await quality.replace_days(transaction, video_id, BEGINNING, days)


async def execute(database: Database, sql: str, *values: Any) -> None:
    async with database.transaction() as transaction:
        await transaction.execute(sql, values)


async def count_rows(database: Database, sql: str) -> int:
    return len(await database.fetch_all(sql))


async def read(database: Database) -> dict[Any, tuple[int, int, int]]:
    """Viewers, sessions and stalls by (grouping, value)."""
    found = await quality.read_groups(database, "c1", EVER, 1)
    return {
        (one.grouping, one.value): (one.viewers, one.figures.sessions, one.figures.stalls)
        for one in found
    }


async def counted(database: Database) -> dict[Any, tuple[int, int, int]]:
    """The same, counted from the rows of videos in plain Python."""
    groups: dict[Any, list[Any]] = defaultdict(list, {(None, None): []})
    for row in await database.fetch_all(ROWS):
        groups[None, None].append(row)
        for name in quality.GROUPINGS:
            groups[name, getattr(row, name)].append(row)
    return {key: _sum(rows) for key, rows in groups.items()}


def _sum(rows: list[Any]) -> tuple[int, int, int]:
    viewers = {number for row in rows for number, bit in enumerate(row.viewers) if bit == "1"}
    return len(viewers), sum(row.sessions for row in rows), sum(row.stalls for row in rows)


async def number_viewers(database: Database, count: int) -> None:
    async with database.transaction() as transaction:
        await rollups.lock(transaction)
        await rollups.number_viewers(transaction, [("c1", f"u{number}") for number in range(count)])


async def delete(database: Database, video_id: UUID) -> None:
    await execute(database, videos.DELETE, [str(video_id)])


async def restore(database: Database, video_id: UUID) -> None:
    await execute(database, "UPDATE videos SET deleted_at = NULL WHERE id = %s", str(video_id))


async def move(database: Database, video_id: UUID) -> None:
    """To the other of two courses."""
    moved = "CASE course_id WHEN 'c1' THEN 'c2' ELSE 'c1' END"
    await execute(
        database,
        f"UPDATE videos SET course_id = {moved}, module_id = 'm-' || {moved} WHERE id = %s",
        str(video_id),
    )


async def purge(database: Database, video_id: UUID) -> None:
    await execute(database, "DELETE FROM videos WHERE id = %s", str(video_id))


async def sum_up(database: Database, video_id: UUID) -> None:
    while await sum_up_quality(database):
        pass


PLACES = {"delete": delete, "restore": restore, "move": move, "purge": purge, "sum up": sum_up}
rows = st.tuples(
    st.integers(0, 4), st.sampled_from(["phone", "tv"]), st.integers(0, 3), st.integers(0, 9)
)
steps = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(list(PLACES)) | rows | st.lists(rows, max_size=2)),
    max_size=12,
)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=steps)
async def test_whatever_happens_to_videos_the_figures_of_their_course_are_theirs(
    steps: Any, database: Database, library: Any
) -> None:
    """A step adds a row to a video, puts some in the place of its rows, or moves the video."""
    await execute(database, "DELETE FROM videos")
    await sum_up(database, uuid4())
    await number_viewers(database, 4)
    made = [await library.video() for _ in range(3)]
    purged = set()
    for place, step in steps:
        video_id = made[place]
        if isinstance(step, str):
            await PLACES[step](database, video_id)
            purged |= {video_id} if step == "purge" else set()
        elif video_id in purged:
            continue
        elif isinstance(step, tuple):
            await add(database, played(video_id, *step))
        else:
            unique = {row[:2]: row for row in step}
            await replace(database, video_id, *(played(video_id, *row) for row in unique.values()))
        assert await read(database) == await counted(database)

    await sum_up(database, uuid4())
    assert await read(database) == await counted(database)
    assert await survey_figures(database, KEPT_NOTHING, is_repairing=False) == []


async def test_days_before_yesterday_are_read_from_their_sums(
    database: Database, library: Any
) -> None:
    await number_viewers(database, 1)
    video = await library.video()
    await add(database, *(played(video, ago, "phone", 0, 1) for ago in range(5)))

    assert not await sum_up_quality(database)

    assert await count_rows(database, "SELECT DISTINCT day FROM quality_sums") == 3
    assert await count_rows(database, "SELECT 1 FROM quality_unsummed") == 2
    await execute(database, "UPDATE quality_sums SET stalls = 10")
    assert (await read(database))[None, None] == (1, 5, 32)


async def test_summing_up_goes_on_until_no_day_is_left(database: Database, library: Any) -> None:
    await number_viewers(database, 1)
    video = await library.video()
    await add(database, *(played(video, ago, "phone", 0, 1) for ago in range(2, 27)))

    assert [await sum_up_quality(database), await sum_up_quality(database)] == [True, False]

    assert await count_rows(database, "SELECT 1 FROM quality_unsummed") == 0
    assert (await read(database))[None, None] == (1, 25, 25)


async def test_summing_up_waits_for_a_video_that_is_being_deleted(
    database: Database, library: Any
) -> None:
    """A day that is added meanwhile is one that the deletion has not marked."""
    await number_viewers(database, 1)
    video = await library.video()
    async with database.transaction() as transaction:
        await transaction.execute(videos.DELETE, ([str(video)],))
        await add(database, played(video, 3, "phone", 0, 1))
        summing = asyncio.create_task(sum_up_quality(database))
        await asyncio.sleep(0.2)
        assert not summing.done()

    await asyncio.wait_for(summing, 10)

    assert (await read(database))[None, None] == (0, 0, 0)
    assert await count_rows(database, "SELECT 1 FROM quality_sums") == 0


async def test_deep_check_reports_sums_that_differ_and_sums_them_up_anew(
    database: Database, library: Any
) -> None:
    await number_viewers(database, 1)
    video = await library.video()
    await add(database, *(played(video, ago, "phone", 0, 1) for ago in (2, 3, 4)))
    await sum_up_quality(database)
    before = await read(database)
    await execute(database, "UPDATE quality_sums SET stalls = 7 WHERE day = %s", _ago(2))
    await execute(database, "DELETE FROM quality_sums WHERE day = %s", _ago(3))
    await execute(
        database,
        "INSERT INTO quality_sums SELECT * FROM quality_sums WHERE day = %s",
        _ago(4),
    )
    await execute(
        database,
        "UPDATE quality_sums SET day = '2020-01-01' WHERE day = %s AND video_id IS NULL",
        _ago(4),
    )

    (seen,) = await survey_figures(database, KEPT_NOTHING, is_repairing=False)
    wrong = await read(database)
    (mended,) = await survey_figures(database, KEPT_NOTHING, is_repairing=True)

    assert (seen.course_id, seen.video_id, seen.names) == ("c1", None, ("quality",))
    assert (seen.is_mended, mended.is_mended) == (False, True)
    assert wrong != before
    assert await read(database) == before
    assert await survey_figures(database, KEPT_NOTHING, is_repairing=False) == []
    assert await quality_sums.next_day(database, quality_sums.BEFORE_ALL) == (
        quality_sums.CourseDay("c1", _ago(4))
    )


def _ago(days: int) -> date:
    return today() - timedelta(days=days)
