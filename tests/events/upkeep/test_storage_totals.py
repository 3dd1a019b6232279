"""Totals of storage by course: equal to the sums over all files, whatever happens, and mended."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import Any
from uuid import UUID, uuid4

import psycopg2
import psycopg2.extras
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db import space
from db.insight import storage_shares, storage_totals
from db.insight.storage_totals import FOLD, LOCK
from db.media import assets, ladders, rungs
from db.media.assets import RepresentationRow, StoryboardRow, ThumbnailRow
from db.media.ladders import PieceRow
from db.media.rungs import LadderFile
from db.pool import Database, Transaction
from db.upkeep import file_rows, replaced_files, trash
from db.videos import processing, replacements, videos
from db.videos.replacements import NewReplacement
from db.videos.video import MediaFacts, NewVideo, ReceivedFile
from events.insight.survey import FiguresFinding
from events.upkeep.storage_totals import fold_all, storage_folding, survey_storage
from tests.harness.waiting import wait_until

COURSES = ("c1", "c2")
FACTS = MediaFacts(3000, 4, 3, 25, 0, "mp4", "h264", "aac", "video/mp4", is_playable=True)
SUMS = """
SELECT v.course_id, sum(f.size_bytes)::bigint AS bytes
FROM stored_files f JOIN videos v ON v.id = f.video_id
GROUP BY v.course_id HAVING sum(size_bytes) > 0
"""


async def counted(database: Database) -> dict[str, int]:
    """Bytes by course, summed over the rows of all files."""
    return {row.course_id: row.bytes for row in await database.fetch_all(SUMS)}


async def recorded(database: Database) -> dict[str, int]:
    return {one.course_id: one.bytes for one in await storage_shares.list_shares(database, 10)}


def _served(size_bytes: int) -> RepresentationRow:
    return RepresentationRow("mp4", "a.mp4", "video/mp4", size_bytes, "hash", is_primary=True)


async def _add(transaction: Transaction, video_id: UUID, course_id: str, size_bytes: int) -> None:
    file = ReceivedFile("a.mp4", "mp4", FACTS, size_bytes, "tess")
    await videos.insert(
        transaction, NewVideo(video_id, course_id, f"m-{course_id}", "Lecture", file)
    )


async def _become_ready(transaction: Transaction, video_id: UUID, _: str, size_bytes: int) -> None:
    await assets.add_representation(transaction, video_id, _served(size_bytes))
    await processing.set_ready(transaction, video_id, FACTS)


async def _add_pictures(transaction: Transaction, video_id: UUID, _: str, size_bytes: int) -> None:
    row = ThumbnailRow("small", "image/png", "a.png", 1, 1, size_bytes, "hash")
    await assets.add_thumbnails(transaction, video_id, [row])
    await assets.add_storyboard(transaction, video_id, StoryboardRow("a.vtt", 1, "hash"), [])


async def _make_ladder(transaction: Transaction, video_id: UUID, _: str, size_bytes: int) -> None:
    await ladders.begin(transaction, video_id, "auto", "hash")
    await ladders.set_planned(transaction, video_id, "{}", [("coded", 0), ("coded", 1)])
    piece = PieceRow("coded", 0, 1, False, 0, None)
    await ladders.set_piece_ready(transaction, video_id, piece, size_bytes, "{}")


async def _publish(transaction: Transaction, video_id: UUID, _: str, size_bytes: int) -> None:
    file = LadderFile(f"{size_bytes % 3}.mp4", "rung", size_bytes, "hash")
    await rungs.publish(transaction, video_id, [], [file])
    await ladders.drop_pieces(transaction, video_id, "coded")


async def _sweep_ladders(transaction: Transaction, *_: Any) -> None:
    await rungs.take_superseded(transaction, -1.0, 100)


async def _lose_made(transaction: Transaction, video_id: UUID, *_: Any) -> None:
    await file_rows.clear_ladder(transaction, video_id)
    await file_rows.clear_storyboard(transaction, video_id)
    await file_rows.reset_to_original(transaction, video_id)


async def _replace(transaction: Transaction, video_id: UUID, course: str, size_bytes: int) -> None:
    file = ReceivedFile("b.mp4", "mp4", FACTS, size_bytes, "tess")
    await replacements.put(transaction, NewReplacement(uuid4(), video_id, course, file))


async def _serve_replacement(
    transaction: Transaction, video_id: UUID, _: str, size_bytes: int
) -> None:
    if film := await replacements.get(transaction, video_id):
        await replacements.set_served(transaction, film.id, _served(size_bytes), "hash")


async def _switch(transaction: Transaction, video_id: UUID, *_: Any) -> None:
    film = await replacements.get(transaction, video_id)
    if film is not None and film.served is not None:
        await replacements.switch(transaction, film, FACTS)


async def _fail_replacement(transaction: Transaction, video_id: UUID, *_: Any) -> None:
    if film := await replacements.get(transaction, video_id):
        await replacements.set_failed(transaction, film, "undecodable", "Detail")


async def _sweep_replaced(transaction: Transaction, video_id: UUID, *_: Any) -> None:
    await replaced_files.delete(transaction, video_id, -1.0)


async def _delete(transaction: Transaction, video_id: UUID, *_: Any) -> None:
    await videos.delete(transaction, [video_id])


async def _purge(transaction: Transaction, video_id: UUID, *_: Any) -> None:
    await trash.delete_video(transaction, video_id)


async def _fold(transaction: Transaction, *_: Any) -> None:
    await storage_totals.fold(transaction, 3)


Step = Callable[[Transaction, UUID, str, int], Awaitable[None]]
# Of a video that is not there, only the addition.
STEPS: Sequence[Step] = (
    _become_ready,
    _add_pictures,
    _make_ladder,
    _publish,
    _sweep_ladders,
    _lose_made,
    _replace,
    _serve_replacement,
    _switch,
    _fail_replacement,
    _sweep_replaced,
    _delete,
    _purge,
    _fold,
)
steps = st.lists(
    st.tuples(st.sampled_from(STEPS), st.integers(0, 2), st.integers(0, 1000), st.booleans()),
    max_size=25,
)


class Undone(Exception):
    pass


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=steps)
async def test_whatever_happens_the_totals_equal_the_sums_over_all_files(
    steps: Any, database: Database, library: Any
) -> None:
    """Of three videos in two courses; some transactions are rolled back."""
    ids: list[UUID | None] = [None, None, None]
    for step, place, size_bytes, is_kept in steps:
        course_id, video_id = COURSES[place % 2], ids[place]
        with suppress(Undone):
            async with database.transaction() as transaction:
                if video_id is None:
                    video_id = uuid4()
                    await _add(transaction, video_id, course_id, size_bytes)
                else:
                    await step(transaction, video_id, course_id, size_bytes)
                if not is_kept:
                    raise Undone
                ids[place] = None if step is _purge and ids[place] else video_id

    assert await recorded(database) == await counted(database)
    assert await space.read_used_bytes(database) == sum((await counted(database)).values())
    assert await storage_totals.list_differences(database) == []


WRITERS = 4
ROUNDS = 60
RACED = (UUID(int=1), UUID(int=2))
RACES: Sequence[tuple[str, ...]] = (
    (
        "INSERT INTO videos (id, course_id, module_id, title, original_filename, duration_s, width,"
        " height, container, video_codec, mime_type, is_playable, original_size_bytes, uploaded_by)"
        " VALUES (%(id)s, 'c1', 'm-c1', 't', 'f', 100, 4, 3, 'mp4', 'h264', 'video/mp4', true,"
        " %(size)s, 'u') ON CONFLICT DO NOTHING",
    ),
    (
        "INSERT INTO ladder_files SELECT id, 'f', 'rung', %(size)s, 'h' FROM videos"
        " WHERE id = %(id)s ON CONFLICT (video_id, file_name) DO UPDATE"
        " SET size_bytes = excluded.size_bytes",
    ),
    ("UPDATE ladder_files SET size_bytes = %(size)s WHERE video_id = %(id)s",),
    ("UPDATE videos SET status = 'processing' WHERE id = %(id)s",),
    ("UPDATE videos SET status = 'ready' WHERE id = %(id)s",),
    ("DELETE FROM ladder_files WHERE video_id = %(id)s",),
    ("DELETE FROM videos WHERE id = %(id)s",),
    (LOCK, FOLD.replace("%s", "2")),
)


def race(dsn: str, seed: int) -> None:
    """Changes and deletes the same videos as others do; each transaction is open for a while."""
    chance = random.Random(seed)
    with closing(psycopg2.connect(dsn)) as connection:
        psycopg2.extras.register_uuid()
        cursor = connection.cursor()
        for _ in range(ROUNDS):
            values = {"id": chance.choice(RACED), "size": chance.randrange(1000)}
            # Deletions delete rows of files whose writers wait for the video, as they always did.
            with suppress(psycopg2.errors.ForeignKeyViolation, psycopg2.errors.DeadlockDetected):
                for statement in chance.choice(RACES):
                    cursor.execute(statement, values)
                cursor.execute("SELECT pg_sleep(0.001)")
                if chance.random() < 0.9:
                    connection.commit()
            connection.rollback()


def watch_for_differences(dsn: str, is_over: Callable[[], bool]) -> list[Any]:
    found: list[Any] = []
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        while not is_over() and not found:
            cursor.execute(storage_totals.DIFFERENCES)
            found = cursor.fetchall()
    return found


async def test_totals_are_exact_at_every_moment_whoever_writes(
    database: Database, dsn: str
) -> None:
    def run() -> list[Any]:
        with ThreadPoolExecutor(WRITERS + 1) as threads:
            racing = [threads.submit(race, dsn, seed) for seed in range(WRITERS)]
            watching = threads.submit(
                watch_for_differences, dsn, lambda: all(one.done() for one in racing)
            )
            for one in racing:
                one.result()
            return watching.result()

    assert await asyncio.to_thread(run) == []
    assert await storage_totals.list_differences(database) == []


async def test_folding_leaves_every_total_as_it_was(database: Database, library: Any) -> None:
    for course_id in ("c1", "c1", "c2"):
        await library.video(course_id)

    assert await fold_all(database, at_once=2) == 3
    assert await fold_all(database, at_once=2) == 0
    assert await recorded(database) == {"c1": 2, "c2": 1}
    totals = "SELECT course_id, bytes FROM storage_of_courses"
    assert dict(await database.fetch_all(totals)) == {"c1": 2, "c2": 1}


async def test_a_process_killed_while_it_folds_loses_nothing(
    database: Database, dsn: str, library: Any
) -> None:
    await library.video()

    def fold_halfway() -> None:
        with closing(psycopg2.connect(dsn)) as connection:
            connection.cursor().execute(FOLD, (10,))

    await asyncio.to_thread(fold_halfway)

    assert await recorded(database) == {"c1": 1}
    assert await fold_all(database) == 1


async def test_nobody_waits_for_the_course_of_another_upload(
    database: Database, library: Any
) -> None:
    """As they would for a row of its total that the other has changed."""
    async with database.transaction() as first:
        await _add(first, uuid4(), "c1", 10)
        async with database.transaction() as second:
            await second.execute("SET LOCAL lock_timeout = '100ms'")
            await _add(second, uuid4(), "c1", 10)

    assert await recorded(database) == {"c1": 20}


async def test_a_survey_finds_and_mends_what_was_written_past_the_triggers(
    database: Database, library: Any
) -> None:
    video_id = await library.video()
    async with database.transaction() as transaction:
        await transaction.execute("INSERT INTO storage_changes VALUES ('gone', 7), ('c1', 5)")

    found = await survey_storage(database, is_repairing=False)

    expected = [FiguresFinding(name, None, ("storage",), False) for name in ("c1", "gone")]
    assert sorted(found, key=lambda one: one.course_id) == expected
    assert await recorded(database) == {"c1": 6}
    assert len(await survey_storage(database, is_repairing=True)) == 2
    assert await survey_storage(database, is_repairing=False) == []
    assert await recorded(database) == {"c1": 1}
    assert video_id


async def test_changes_are_folded_now_and_then(database: Database, library: Any) -> None:
    await library.video()

    async def is_folded() -> bool:
        return not await database.fetch_all("SELECT 1 FROM storage_changes")

    folding = storage_folding(database, interval_s=0.01)
    folding.start()
    try:
        await wait_until(is_folded)
    finally:
        await folding.stop()
    assert await recorded(database) == {"c1": 1}
