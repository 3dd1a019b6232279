"""The trash: deleted videos are removed after the retention, and not before."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from db.pool import Database
from db.videos import videos
from events.upkeep import trash
from events.upkeep.trash import interval_s, sweep, trash_sweep
from storage.errors import StorageGone
from storage.paths import StoragePaths
from tests.harness.waiting import wait_until

TABLES = ("videos", "representations", "thumbnails", "progress", "playback_sessions")


async def full_video(library: Any, storage: StoragePaths, age_s: float | None) -> UUID:
    """A video deleted that long ago, with a row in every table, and files."""
    video_id: UUID = await library.video()
    directory = storage.video_dir("c1", video_id)
    await asyncio.to_thread(directory.mkdir, parents=True)
    await asyncio.to_thread((directory / "source-0123456789abcdef.mp4").write_bytes, b"12345")
    async with library.database.transaction() as transaction:
        for statement in (
            "INSERT INTO representations (video_id, format, file_name, mime_type, size_bytes,"
            " sha256) VALUES (%(id)s, 'mp4', 'a', 'b', 1, 'c')",
            "INSERT INTO thumbnails (video_id, size_name, mime_type, file_name, width_px,"
            " height_px, size_bytes, sha256) VALUES (%(id)s, 'small', 'a', 'b', 1, 1, 1, 'c')",
            "INSERT INTO progress (user_id, video_id, course_id)"
            " SELECT 'u' || n, %(id)s, 'c1' FROM generate_series(1, 5) AS n",
            "INSERT INTO playback_sessions (user_id, video_id, session_id, last_sequence, state,"
            " position_s, started_at, last_report_at)"
            " VALUES ('u1', %(id)s, 's', 0, 'playing', 0, now(), now())",
            "UPDATE videos SET deleted_at = now() - make_interval(secs => %(age)s)"
            " WHERE id = %(id)s AND %(age)s::float IS NOT NULL",
        ):
            await transaction.execute(statement, {"id": str(video_id), "age": age_s})
    return video_id


async def counts(database: Database) -> dict[str, int]:
    return {
        table: (await database.fetch_all(f"SELECT count(*) AS n FROM {table}"))[0].n
        for table in TABLES
    }


@pytest.mark.parametrize(
    ("age_s", "is_gone"),
    [
        pytest.param(None, False, id="not deleted"),
        pytest.param(50.0, False, id="can be restored"),
        pytest.param(70.0, True, id="cannot"),
    ],
)
async def test_rows_and_files_go_after_the_retention(
    database: Database,
    library: Any,
    storage: StoragePaths,
    monkeypatch: pytest.MonkeyPatch,
    age_s: float | None,
    is_gone: bool,
) -> None:
    monkeypatch.setattr(trash, "ROWS_AT_ONCE", 2)
    video_id = await full_video(library, storage, age_s)
    before = await counts(database)

    gone = await sweep(database, storage, 60.0)

    assert gone == ([video_id] if is_gone else [])
    assert await counts(database) == (dict.fromkeys(TABLES, 0) if is_gone else before)
    assert storage.video_dir("c1", video_id).exists() is not is_gone
    assert await sweep(database, storage, 60.0) == []


async def test_sweeps_at_once_share_the_videos(
    database: Database, library: Any, storage: StoragePaths
) -> None:
    ids = {await full_video(library, storage, 70.0) for _ in range(6)}

    swept = await asyncio.gather(*(sweep(database, storage, 60.0) for _ in range(4)))

    gone = [video_id for one in swept for video_id in one]
    assert sorted(gone) == sorted(ids)


async def test_video_with_a_worker_at_it_waits(
    database: Database, library: Any, storage: StoragePaths
) -> None:
    video_id = await full_video(library, storage, 70.0)
    async with database.transaction() as transaction:
        await transaction.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, status)"
            " VALUES ('media', 'process_video', %s, 'doing')",
            (str(video_id),),
        )
    assert await sweep(database, storage, 60.0) == []

    async with database.transaction() as transaction:
        await transaction.execute("UPDATE procrastinate_jobs SET status = 'todo', attempts = 1")

    assert await sweep(database, storage, 60.0) == [video_id]
    assert await database.fetch_all("SELECT id FROM procrastinate_jobs") == []


async def test_nothing_goes_while_the_storage_is_away(
    database: Database, library: Any, storage: StoragePaths
) -> None:
    await full_video(library, storage, 70.0)
    before = await counts(database)
    await asyncio.to_thread(storage.marker.unlink)

    with pytest.raises(StorageGone):
        await sweep(database, storage, 60.0)

    assert await counts(database) == before


async def test_what_has_left_the_trash_is_still_known_as_deleted(
    database: Database, library: Any, storage: StoragePaths
) -> None:
    """A grant for it may be younger than the deletion, and outlive the row."""
    async with database.transaction() as transaction:
        await transaction.execute(
            "INSERT INTO event_log (type, video_id, course_id, user_id, occurred_at, payload)"
            " SELECT 'video.deleted', id, 'c1', 'tess', now(), '{}' FROM unnest(%s::uuid[]) AS id",
            ([str(gone := await full_video(library, storage, 70.0))],),
        )
    await sweep(database, storage, 60.0)

    assert await videos.list_deleted_since(database, 3600) == [gone]


async def test_video_with_many_viewers_goes_in_rounds(
    database: Database, library: Any, storage: StoragePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All rows of a large course in one statement would exceed its time-out, at each sweep."""
    monkeypatch.setattr(trash, "ROWS_AT_ONCE", 2)
    video_id = await full_video(library, storage, 70.0)
    await play_often(database, video_id)
    for table in PLAYED:
        await refuse_large_deletes(database, table, 2)

    assert await sweep(database, storage, 60.0) == [video_id]

    left = [await database.fetch_all(f"SELECT 1 FROM {table}") for table in PLAYED]
    assert left == [[]] * len(PLAYED)


PLAYED = ("progress", "session_moments", "cmcd_sessions", "playback_session_names", "quality_days")


async def play_often(database: Database, video_id: UUID) -> None:
    """Rows of five sessions in each of `PLAYED` but for progress, which has them."""
    async with database.transaction() as transaction:
        for statement in (
            "INSERT INTO session_moments (user_id, video_id, session_id, at, kind, details)"
            " SELECT 'u' || n, %s, 's', now(), 'stalled', '{}' FROM generate_series(1, 5) AS n",
            "INSERT INTO cmcd_sessions (user_id, video_id, session_id)"
            " SELECT 'u' || n, %s, 's' FROM generate_series(1, 5) AS n",
            "INSERT INTO playback_session_names (user_id, video_id, session_id)"
            " SELECT 'u' || n, %s, 's' FROM generate_series(1, 5) AS n",
            "INSERT INTO quality_days SELECT %s, now()::date - n, 'phone', 'Safari', '4g', 'c1',"
            " '1', 1, 1, 0, 0, 1, 900, 89888, 0, 1, 1, 1, 1, 1, 2, 1000, 9000, 0, 0, 0, 0, 0"
            " FROM generate_series(1, 5) AS n",
        ):
            await transaction.execute(statement, (str(video_id),))


async def refuse_large_deletes(database: Database, table: str, most_rows: int) -> None:
    async with database.transaction() as transaction:
        await transaction.execute(
            f"""
            CREATE FUNCTION refuse_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF (SELECT count(*) FROM gone) > {most_rows} THEN
                    RAISE 'too many rows of {table} at once';
                END IF;
                RETURN NULL;
            END $$;
            CREATE TRIGGER refuse AFTER DELETE ON {table} REFERENCING OLD TABLE AS gone
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_{table}();
            """
        )


@pytest.mark.parametrize(
    ("retention_s", "expected_s"), [(0, 0.5), (1, 0.5), (60, 15), (24 * 3600, 3600)]
)
def test_looks_more_often_where_the_retention_is_short(
    retention_s: float, expected_s: float
) -> None:
    assert interval_s(retention_s) == expected_s


async def test_sweeps_at_start(database: Database, library: Any, storage: StoragePaths) -> None:
    video_id = await full_video(library, storage, 70.0)
    sweeping = trash_sweep(database, storage, 60.0)

    sweeping.start()
    await wait_until(lambda: not storage.video_dir("c1", video_id).exists(), within_s=5)
    await sweeping.stop()
