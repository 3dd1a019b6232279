"""Storage quota: each byte granted once, released, and never exceeded in sum."""

import asyncio
import random
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any
from uuid import UUID, uuid4

import psycopg2
import psycopg2.extras
import pytest

from db import space
from db.errors import DatabaseUnavailable, QuotaReached, TooManyUploads
from db.pool import Database, open_database
from db.space import LIFE_S, RENEW_AFTER_S, RETRY_AFTER_S, STEP_BYTES, Reservation
from db.uploads import uploads
from db.uploads.uploads import NewUpload

WRITERS = 8
ROUNDS = 25
MOST = 10 * STEP_BYTES


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    async with open_database(dsn, size=3) as database:
        async with database.transaction() as transaction:
            await transaction.execute("INSERT INTO courses (id, title) VALUES ('c1', 'One')")
            await transaction.execute(
                "INSERT INTO modules (id, course_id, title, position) VALUES ('m1', 'c1', 'M', 0)"
            )
        yield database


ADD_VIDEO = (
    "INSERT INTO videos (id, course_id, module_id, title, original_filename, duration_s, width,"
    " height, container, video_codec, mime_type, is_playable, original_size_bytes, uploaded_by)"
    " VALUES (%s, 'c1', 'm1', 't', 'f', 100, 4, 3, 'mp4', 'h264', 'video/mp4', true, %s, 'u')"
    " RETURNING id"
)


async def add_video(database: Database, size_bytes: int) -> UUID:
    row = await database.fetch_one(ADD_VIDEO, (uuid4(), size_bytes))
    return UUID(str(row.id))  # type: ignore[union-attr]


async def promised(database: Database) -> int:
    row = await database.fetch_one(
        "SELECT coalesce(sum(reserved_bytes), 0)::bigint AS bytes FROM space_reservations"
    )
    return int(row.bytes)  # type: ignore[union-attr]


async def ask(
    database: Database, needed: int, wished: int, quota: int | None, upload_id: UUID | None = None
) -> int | str:
    try:
        return await space.reserve(
            database,
            upload_id or uuid4(),
            needed_bytes=needed,
            desired_bytes=wished,
            quota_bytes=quota,
        )
    except QuotaReached:
        return "refused"


# 60 bytes are used by a video, 30 reserved by another upload.
@pytest.mark.parametrize(
    ("needed", "wished", "quota", "granted"),
    [
        pytest.param(9, 9, 100, 9, id="fits"),
        pytest.param(10, 10, 100, 10, id="fits exactly"),
        pytest.param(11, 11, 100, "refused", id="one byte too many"),
        pytest.param(1, 64, 100, 2, id="an eighth of what is free"),
        pytest.param(0, 500, 1690, 200, id="an eighth of more"),
        pytest.param(100, 500, 1690, 287, id="an eighth ahead of what has come"),
        pytest.param(0, 64, 90, 0, id="nothing left, nothing needed yet"),
        pytest.param(1, 64, 90, "refused", id="nothing left"),
        pytest.param(0, 0, 80, "refused", id="a quota that was lowered"),
        pytest.param(2**62, 2**62, None, 2**62, id="no quota"),
    ],
)
async def test_room_is_what_is_neither_used_nor_promised(
    database: Database, needed: int, wished: int, quota: int | None, granted: int | str
) -> None:
    await add_video(database, 60)
    await ask(database, 30, 30, None)

    assert await ask(database, needed, wished, quota) == granted


async def test_growing_does_not_count_what_it_has_already(database: Database) -> None:
    upload_id = uuid4()

    assert await ask(database, 60, 60, 100, upload_id) == 60
    assert await ask(database, 100, 100, 100, upload_id) == 100
    assert await ask(database, 101, 101, 100, upload_id) == "refused"
    assert await promised(database) == 100


async def test_what_a_killed_process_was_promised_expires(database: Database) -> None:
    await space.reserve(
        database, uuid4(), needed_bytes=90, desired_bytes=90, quota_bytes=None, life_s=-1
    )

    assert await ask(database, 100, 100, 100) == 100
    assert await promised(database) == 100


async def test_used_is_what_the_rows_of_published_files_say(database: Database) -> None:
    video_id = await add_video(database, 1000)
    assert await space.read_used_bytes(database) == 1000

    async with database.transaction() as transaction:
        await transaction.execute(
            "INSERT INTO representations (video_id, format, file_name, mime_type, size_bytes,"
            " sha256) VALUES (%s, 'mp4', 'f', 'm', 900, 'h')",
            (video_id,),
        )
        await transaction.execute(
            "INSERT INTO thumbnails (video_id, size_name, mime_type, file_name, width_px,"
            " height_px, size_bytes, sha256) VALUES (%s, 's', 'm', 'f', 1, 1, 7, 'h')",
            (video_id,),
        )
    assert await space.read_used_bytes(database) == 1907

    async with database.transaction() as transaction:
        await transaction.execute("UPDATE videos SET status = 'ready'")  # the original is removed
    assert await space.read_used_bytes(database) == 907

    async with database.transaction() as transaction:
        await transaction.execute("UPDATE videos SET deleted_at = now()")
    assert await space.read_used_bytes(database) == 907, "it can still be restored"

    async with database.transaction() as transaction:
        await transaction.execute("DELETE FROM videos")
    assert await space.read_used_bytes(database) == 0


def upload_again_and_again(dsn: str, seed: int, quota: int) -> tuple[int, int]:
    """(taken, refused); reserves, then becomes a video or gives up, in transactions of its own."""
    chance, outcomes = random.Random(seed), [0, 0]
    with closing(psycopg2.connect(dsn)) as connection:
        psycopg2.extras.register_uuid()
        cursor = connection.cursor()
        for _ in range(ROUNDS):
            upload_id, size_bytes = uuid4(), chance.randrange(1, 400)
            cursor.execute(space.RESERVE, (upload_id, size_bytes, size_bytes, quota, LIFE_S))
            granted = cursor.fetchone()[0]
            cursor.execute("SELECT pg_sleep(0.002)")  # others reserve before this is committed
            connection.commit()
            outcomes[granted is None] += 1
            if granted is not None:
                if chance.random() < 0.5:
                    cursor.execute(ADD_VIDEO, (uuid4(), size_bytes))
                cursor.execute(space.RELEASE, (upload_id,))
                connection.commit()
    return outcomes[0], outcomes[1]


def watch_the_sum(dsn: str, is_over: Any) -> int:
    """The greatest sum of used and reserved bytes seen while the others ran."""
    statement = (
        "SELECT used_bytes + (SELECT coalesce(sum(reserved_bytes), 0) FROM space_reservations)"
        " FROM storage_used"
    )
    most = 0
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        while not is_over():
            cursor.execute(statement)
            most = max(most, int(cursor.fetchone()[0]))
    return most


async def test_no_race_leads_past_the_quota(database: Database, dsn: str) -> None:
    quota = 5000

    def race() -> tuple[int, list[tuple[int, int]]]:
        with ThreadPoolExecutor(WRITERS + 1) as threads:
            running = [
                threads.submit(upload_again_and_again, dsn, seed, quota) for seed in range(WRITERS)
            ]
            watched = threads.submit(watch_the_sum, dsn, lambda: all(r.done() for r in running))
            return watched.result(), [one.result() for one in running]

    most, outcomes = await asyncio.to_thread(race)

    taken, refused = (sum(column) for column in zip(*outcomes, strict=True))
    assert taken + refused == WRITERS * ROUNDS
    assert refused, "nobody ever came to the limit"
    assert quota * 0.8 < await space.read_used_bytes(database) <= quota
    assert most <= quota
    assert await promised(database) == 0


class FakeDatabase:
    """Grants every wish, counts queries, and is unavailable on request."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []
        self.is_away = False

    async def fetch_one(self, sql: str, parameters: Any = ()) -> Any:
        _, needed, wished, _, _ = parameters
        self.asked.append((needed, wished))
        if self.is_away:
            raise DatabaseUnavailable

        class Row:
            granted_bytes = wished

        return Row()


class FakeClock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def reservation() -> tuple[Reservation, FakeDatabase, FakeClock]:
    database, clock = FakeDatabase(), FakeClock()
    pool: Any = database
    return Reservation(pool, uuid4(), None, MOST, clock), database, clock


async def test_steps_are_asked_for_one_by_one() -> None:
    room, database, _ = reservation()

    for size_bytes in (0, 1, STEP_BYTES, STEP_BYTES + 1, 2 * STEP_BYTES + 1):
        await room.cover_step(size_bytes)

    assert database.asked == [(0, STEP_BYTES), (STEP_BYTES + 1, 2 * STEP_BYTES + 1)]


async def test_a_step_never_wishes_for_more_than_an_upload_may_have() -> None:
    room, database, _ = reservation()

    await room.cover_step(MOST - 1)

    assert database.asked == [(MOST - 1, MOST)]


async def test_announced_room_is_asked_for_once() -> None:
    room, database, _ = reservation()

    await room.cover(900, 1000)
    for size_bytes in range(0, 1001, 100):
        await room.cover_step(size_bytes)

    assert database.asked == [(900, 1000)]


async def test_long_upload_is_renewed_through_a_short_outage() -> None:
    room, database, clock = reservation()
    await room.cover(100, 100)

    clock.now_s, database.is_away = RENEW_AFTER_S, True
    await room.cover_step(50)
    await room.cover_step(50)
    assert len(database.asked) == 2, "it waits before it asks again"

    clock.now_s, database.is_away = RENEW_AFTER_S + RETRY_AFTER_S, False
    await room.cover_step(50)
    await room.cover_step(50)
    assert database.asked == [(100, 100)] * 3


async def test_upload_whose_room_has_expired_does_not_go_on() -> None:
    room, database, clock = reservation()
    await room.cover(100, 100)

    clock.now_s, database.is_away = LIFE_S, True
    with pytest.raises(DatabaseUnavailable):
        await room.cover_step(50)


async def test_more_room_is_never_assumed_while_the_database_is_away() -> None:
    room, database, _ = reservation()
    await room.cover(100, 100)

    database.is_away = True
    with pytest.raises(DatabaseUnavailable):
        await room.cover_step(101)


@pytest.mark.parametrize("error", [ZeroDivisionError, asyncio.CancelledError])
async def test_room_is_given_back_however_the_upload_ends(
    database: Database, error: type[BaseException]
) -> None:
    async def upload_that_fails() -> None:
        async with space.open_reservation(
            database, uuid4(), quota_bytes=100, most_bytes=100
        ) as room:
            await room.cover(90, 100)
            assert await promised(database) >= 90
            raise error

    with pytest.raises(error):
        await upload_that_fails()

    assert await promised(database) == 0


async def test_room_that_cannot_be_given_back_does_not_hide_why(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    class Away(FakeDatabase):
        async def fetch_all(self, sql: str, parameters: Any = ()) -> Any:
            raise DatabaseUnavailable

    away: Any = Away()
    with pytest.raises(ZeroDivisionError):
        async with space.open_reservation(away, uuid4(), quota_bytes=None, most_bytes=100):
            raise ZeroDivisionError
    assert "until it expires" in caplog.text


async def open_uploads(database: Database, count: int, user_id: str, quota: int) -> list[UUID]:
    """Open as many uploads as possible, without bytes, each of which desires all the free space."""
    ids = [uuid4() for _ in range(count)]
    for upload_id in ids:
        await space.open_upload(
            database, upload_id, user_id, length_bytes=quota, most_count=None, quota_bytes=quota
        )
        await ask(database, 0, quota, quota, upload_id)
    return ids


async def test_what_no_byte_has_come_for_is_a_quarter_at_most(database: Database) -> None:
    quota = 8000

    await open_uploads(database, 20, "eve", quota)
    assert await promised(database) == 1000

    for user_id in "abcdef":
        await open_uploads(database, 20, user_id, quota)
    assert await promised(database) == 2000
    assert await ask(database, 6000, 8000, quota) == 6000
    assert await ask(database, 1, 1, quota) == "refused"


async def test_upload_that_fits_ends_while_others_only_wait(database: Database) -> None:
    quota = 10_000
    (upload_id,) = await open_uploads(database, 1, "tess", quota)
    arrived, steps = 0, 0
    while arrived < quota:
        granted = await ask(database, min(arrived + 100, quota), quota, quota, upload_id)
        assert isinstance(granted, int)
        arrived, steps = granted, steps + 1

    assert steps < 40
    assert await promised(database) == quota


async def test_upload_that_was_ended_gets_no_room(database: Database) -> None:
    (upload_id,) = await open_uploads(database, 1, "tess", 100)
    new = NewUpload(upload_id, "tess", "c1", "m1", "Title", "a.mp4", "", 100)
    await uploads.create(database, new, 3600)
    await uploads.end(database, upload_id)

    assert await ask(database, 1, 1, 100, upload_id) == "refused"
    assert await promised(database) == 0


def open_again_and_again(dsn: str, user_id: str) -> int:
    """Number of uploads opened by one process that tries 30 times."""
    parameters = (user_id, 0, 20, None, LIFE_S)
    opened = 0
    with closing(psycopg2.connect(dsn)) as connection:
        psycopg2.extras.register_uuid()
        cursor = connection.cursor()
        for _ in range(30):
            cursor.execute(space.OPEN, (uuid4(), *parameters))
            opened += cursor.fetchone()[0] == "open"
            connection.commit()
    return opened


async def test_no_race_leads_past_the_uploads_of_a_user(database: Database, dsn: str) -> None:
    def race() -> list[int]:
        with ThreadPoolExecutor(4) as threads:
            running = [threads.submit(open_again_and_again, dsn, "eve") for _ in range(4)]
            return [one.result() for one in running]

    assert sum(await asyncio.to_thread(race)) == 20
    with pytest.raises(TooManyUploads):
        await space.open_upload(
            database, uuid4(), "eve", length_bytes=1, most_count=20, quota_bytes=None
        )
    await space.open_upload(
        database, uuid4(), "tom", length_bytes=1, most_count=20, quota_bytes=None
    )
