from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from db.pool import Database, open_database
from db.progress import progress, report_batch
from db.progress.report_batch import ProgressChange, SessionChange, SessionKey, Standing

NOW = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    async with open_database(dsn, size=3) as database:
        yield database


@pytest.fixture
async def videos(database: Database) -> list[UUID]:
    """Three videos of 100 s in one course, in the order of their ids."""
    made = sorted((uuid4() for _ in range(3)), key=str)
    async with database.transaction() as transaction:
        await transaction.execute("INSERT INTO courses (id, title) VALUES ('c1', 'One')")
        await transaction.execute(
            "INSERT INTO modules (id, course_id, title, position) VALUES ('m1', 'c1', 'M', 0)"
        )
        await transaction.execute(
            "INSERT INTO videos (id, course_id, module_id, title, original_filename, duration_s,"
            " width, height, container, video_codec, mime_type, is_playable, original_size_bytes,"
            " uploaded_by) SELECT id, 'c1', 'm1', 't', 'f', 100, 4, 3, 'mp4', 'h264', 'video/mp4',"
            " true, 1, 'u' FROM unnest(%s::uuid[]) AS id",
            ([str(video) for video in made],),
        )
    return made


async def watch(
    database: Database, user_id: str, video_id: UUID, watched: str, position_s: float | None = None
) -> progress.ProgressState:
    key = SessionKey(user_id, video_id, "s")
    change = ProgressChange(user_id, video_id, position_s, NOW, "s", watched, NOW)
    async with database.transaction() as transaction:
        await report_batch.lock_and_read(transaction, [key])
        states = await report_batch.write(transaction, [change], [], 0.9)
    return states[key.video]


@pytest.mark.parametrize(
    ("seen", "added", "united"),
    [
        ("{}", "{}", "{}"),
        ("{}", "{[0,1)}", "{[0.00,1.00)}"),
        ("{}", "{[0.004,1.006)}", "{[0.00,1.01)}"),
        ("{}", "{[1.001,1.004)}", "{}"),
        ("{[0,1)}", "{[1,2)}", "{[0.00,2.00)}"),
        ("{[0,1)}", "{[1.25,2)}", "{[0.00,2.00)}"),
        ("{[0,1)}", "{[1.26,2)}", "{[0.00,1.00),[1.26,2.00)}"),
        ("{[0,1),[5,6)}", "{[0.5,5.5)}", "{[0.00,6.00)}"),
        ("{[5,6)}", "{[0,1)}", "{[0.00,1.00),[5.00,6.00)}"),
    ],
    ids=[
        "nothing",
        "first",
        "rounded-to-10-ms",
        "shorter-than-10-ms",
        "touching",
        "gap-of-0.25-closed",
        "gap-of-0.26-kept",
        "bridged",
        "before",
    ],
)
async def test_watched_seconds_are_united(
    database: Database, seen: str, added: str, united: str
) -> None:
    row = await database.fetch_one(
        "SELECT watched_union(%(seen)s, %(added)s)::text AS united,"
        " watched_union(%(added)s, %(seen)s) = watched_union(%(seen)s, %(added)s) AS commutes",
        {"seen": seen, "added": added},
    )

    assert row is not None
    assert (row.united, row.commutes) == (united, True)


async def test_of_more_than_two_thousand_pieces_the_longest_stay(database: Database) -> None:
    row = await database.fetch_one(
        "WITH pieces AS (SELECT range_agg(numrange(n * 2, n * 2 + CASE WHEN n < 10 THEN 0.1"
        " ELSE 1 END)) AS all_of_them FROM generate_series(0, 2009) AS n)"
        " SELECT (SELECT count(*) FROM unnest(u)) AS pieces, lower(u) AS first"
        " FROM pieces, watched_union('{}', all_of_them) AS u"
    )

    assert row is not None
    assert (row.pieces, float(row.first)) == (2000, 20.0)


@pytest.mark.parametrize(
    ("watched", "watched_s", "completed"),
    [
        ("{[0,89.99)}", 89.99, False),
        ("{[0,90)}", 90.0, True),
        ("{[10,101)}", 90.0, True),
        ("{[100,101)}", 0.0, False),
    ],
    ids=["just-below", "just-enough", "clipped-to-the-duration", "only-beyond-the-duration"],
)
async def test_completion_is_by_seconds_within_the_duration(
    database: Database, videos: list[UUID], watched: str, watched_s: float, completed: bool
) -> None:
    state = await watch(database, "u", videos[0], watched)

    assert (state.watched_s, round(state.watched_ratio, 9)) == (
        watched_s,
        round(watched_s / 100, 9),
    )
    assert state.completed is completed


async def test_once_completed_stays_completed_at_that_time(
    database: Database, videos: list[UUID]
) -> None:
    await watch(database, "u", videos[0], "{[0,95)}")
    async with database.transaction() as transaction:
        await transaction.execute("UPDATE videos SET duration_s = 200")

    state = await watch(database, "u", videos[0], "{[0,1)}")

    assert state.watched_ratio == 0.475
    assert state.completed_at == NOW


async def test_a_position_is_kept_as_it_was_given(database: Database, videos: list[UUID]) -> None:
    await watch(database, "u", videos[0], "{}", 12.345678901234567)

    state = await progress.get(database, "u", videos[0])

    assert state is not None
    assert state.position_s == 12.345678901234567


async def test_no_report_no_state(database: Database, videos: list[UUID]) -> None:
    assert await progress.get(database, "u", videos[0]) is None
    assert await progress.list_states(database, "u", []) == {}


async def test_standings_tell_what_is_known_and_leave_out_missing_videos(
    database: Database, videos: list[UUID]
) -> None:
    known, missing = SessionKey("u", videos[0], "s"), SessionKey("u", uuid4(), "s")
    session = SessionChange("u", videos[0], "s", 7, "playing", 1.0, None, {}, NOW, NOW)
    change = ProgressChange("u", videos[0], 1.0, NOW, "s", "{}", NOW)
    async with database.transaction() as transaction:
        await report_batch.lock_and_read(transaction, [known])
        await report_batch.write(transaction, [change], [session], 0.9)

    async with database.transaction() as transaction:
        standings = await report_batch.lock_and_read(transaction, [known, missing])

    read_at = standings[known].read_at
    expected = Standing("c1", NOW, "s", None, 7, read_at, 100.0, (), NOW, started_at=NOW)
    assert standings == {known: expected}


async def test_a_course_is_listed_in_a_stable_order_page_by_page(
    database: Database, videos: list[UUID]
) -> None:
    async with database.transaction() as transaction:
        keys = [SessionKey(user, video, "s") for user in ("a", "b") for video in videos]
        await report_batch.lock_and_read(transaction, keys)  # all of them with one created_at
    listed: list[tuple[str, UUID]] = []
    after: progress.ListPosition | None = None
    while page := await progress.list_for_course(database, "c1", None, after, 2):
        listed += [(one.user_id, one.video_id) for one in page]
        after = (page[-1].created_at, page[-1].video_id, page[-1].user_id)

    assert listed == [(user, video) for video in videos for user in ("a", "b")]


async def test_a_course_is_listed_for_one_user_and_without_deleted_videos(
    database: Database, videos: list[UUID]
) -> None:
    for user, video in (("a", videos[0]), ("b", videos[0]), ("a", videos[1])):
        await watch(database, user, video, "{[0,1)}")
    async with database.transaction() as transaction:
        await transaction.execute(
            "UPDATE videos SET deleted_at = now() WHERE id = %s", (str(videos[1]),)
        )

    [only] = await progress.list_for_course(database, "c1", "a", None, 10)

    assert (only.video_id, only.user_id, only.state.watched_s) == (videos[0], "a", 1.0)
    assert await progress.list_for_course(database, "c2", None, None, 10) == []


async def test_states_of_several_videos(database: Database, videos: list[UUID]) -> None:
    await watch(database, "a", videos[0], "{[0,1)}")
    await watch(database, "b", videos[1], "{[0,1)}")

    states = await progress.list_states(database, "a", videos)

    assert list(states) == [videos[0]]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("{}", ()),
        ("{[0.00,2.50)}", ((0.0, 2.5),)),
        ("{[0,1),[7.125,9.0)}", ((0.0, 1.0), (7.125, 9.0))),
    ],
)
def test_pieces_of_a_multirange(text: str, pieces: Any) -> None:
    assert progress.parse_pieces(text) == pieces
