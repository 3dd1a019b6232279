"""Differences between files and rows, and their repair."""

import asyncio
import hashlib
import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from db import space
from db.advisory_locks import AdvisoryLock
from db.pool import Database
from db.upkeep.sole_owner import try_sole_ownership
from db.videos import processing
from events.errors import ForeignStorage
from events.upkeep.reconcile import Reconcile, mend, reconcile
from events.upkeep.survey import Usage, survey
from storage.errors import StorageGone
from storage.file_locks import hold_lock
from storage.paths import StoragePaths
from tests.harness.waiting import wait_until

NOW_S = time.time()
OLD_S, YOUNG_S = 3700.0, 3500.0
CONTENT = b"a served file"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
SERVED, PICTURE = f"source-{SHA256[:16]}.mp4", f"small-{SHA256[:16]}.jpg"
CUES = f"storyboard-{SHA256[:16]}.vtt"


@dataclass
class Shelf:
    """Videos with their rows and files."""

    library: Any
    storage: StoragePaths

    @property
    def database(self) -> Database:
        database: Database = self.library.database
        return database

    async def ready(self) -> UUID:
        video_id: UUID = await self.library.video()
        await self.sql(
            "UPDATE videos SET status = 'ready', original_sha256 = %(sha)s WHERE id = %(id)s",
            "INSERT INTO representations VALUES (%(id)s, 'mp4', %(file)s, 'video/mp4', %(size)s,"
            " %(sha)s, true)",
            "INSERT INTO thumbnails VALUES (%(id)s, 'small', 'image/jpeg', %(picture)s, 1, 1,"
            " %(size)s, %(sha)s)",
            "INSERT INTO storyboard_files VALUES (%(id)s, 0, %(cues)s, %(size)s, %(sha)s)",
            id=str(video_id),
            file=SERVED,
            picture=PICTURE,
            cues=CUES,
            sha=SHA256,
            size=len(CONTENT),
        )
        for name in (SERVED, PICTURE, CUES):
            await self.put(f"c1/{video_id}/{name}", 9 * OLD_S, CONTENT)
        return video_id

    async def processing(self, *, has_job: bool = True) -> UUID:
        video_id: UUID = await self.library.video()
        await self.put(f"c1/{video_id}/original.mp4", 9 * OLD_S, b"1")
        if has_job:
            await self.job(video_id)
        return video_id

    async def job(self, video_id: UUID, status: str = "todo") -> None:
        await self.sql(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, status)"
            " VALUES ('media', 'process_video', %(id)s, %(status)s)",
            id=str(video_id),
            status=status,
        )

    async def sql(self, *statements: str, **parameters: Any) -> None:
        async with self.database.transaction() as transaction:
            for statement in statements:
                await transaction.execute(statement, parameters)

    async def put(self, relative: str, age_s: float, content: bytes = b"stray") -> Path:
        return await asyncio.to_thread(self._put, self.storage.courses / relative, age_s, content)

    @staticmethod
    def _put(path: Path, age_s: float, content: bytes) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (NOW_S - age_s, NOW_S - age_s))
        os.utime(path.parent, (NOW_S - age_s, NOW_S - age_s))
        return path

    async def found(self, *, is_deep: bool = False) -> list[tuple[str, str | None]]:
        findings = (await survey(self.database, self.storage, is_deep=is_deep)).findings
        return [(one.kind, (one.path or "").rpartition("/")[2]) for one in findings]

    async def files(self) -> list[str]:
        return await asyncio.to_thread(
            lambda: sorted(one.name for one in self.storage.courses.rglob("*") if one.is_file())
        )


@pytest.fixture
def shelf(library: Any, storage: StoragePaths) -> Shelf:
    return Shelf(library, storage)


async def test_what_belongs_together_is_left_alone(shelf: Shelf) -> None:
    await shelf.ready()
    await shelf.processing()
    deleted = await shelf.ready()
    await shelf.library.delete_video(deleted)
    before = await shelf.files()

    assert await reconcile(shelf.database, shelf.storage, NOW_S) == []

    assert await shelf.files() == before
    assert await shelf.found(is_deep=True) == []


@pytest.mark.parametrize(
    "relative",
    [
        pytest.param(f"c1/{{ready}}/source-{'0' * 16}.mp4", id="superseded asset"),
        pytest.param("c1/{ready}/original.mp4", id="original that was remuxed"),
        pytest.param("c1/{ready}/deeper/" + SERVED, id="a known name in another place"),
        pytest.param("c2/{ready}/" + SERVED, id="a known video in another course"),
        pytest.param("c1/{unknown}/original.mp4", id="upload cut before its row"),
        pytest.param("c1/{unknown}/" + SERVED, id="sweep cut after the rows"),
        pytest.param("c1/notes.txt", id="in a course"),
        pytest.param("notes.txt", id="beside the courses"),
        pytest.param("c1/not-a-video/a.mp4", id="in a directory of nobody"),
    ],
)
@pytest.mark.parametrize(("age_s", "is_gone"), [(OLD_S, True), (YOUNG_S, False)])
async def test_file_without_row_goes_after_an_hour(
    shelf: Shelf, relative: str, age_s: float, is_gone: bool
) -> None:
    names = {"ready": await shelf.ready(), "unknown": uuid4()}
    kept = await shelf.files()
    assert await reconcile(shelf.database, shelf.storage, NOW_S) == []
    stray = await shelf.put(relative.format(**names), age_s)

    assert await reconcile(shelf.database, shelf.storage, NOW_S) == []

    assert await asyncio.to_thread(stray.exists) is not is_gone
    assert not is_gone or await shelf.files() == kept
    unknown = shelf.storage.video_dir("c1", names["unknown"])
    assert not (is_gone and await asyncio.to_thread(unknown.exists))


@pytest.mark.parametrize("status", ["processing", "doing"])
async def test_video_that_a_worker_may_be_at_is_left_alone(shelf: Shelf, status: str) -> None:
    """A hard link to last week's original gets its row in a moment."""
    if status == "processing":
        video_id = await shelf.processing()
    else:
        await shelf.job(video_id := await shelf.ready(), "doing")
    stray = await shelf.put(f"c1/{video_id}/source-{'0' * 16}.mp4", OLD_S)

    await reconcile(shelf.database, shelf.storage, NOW_S)

    assert await asyncio.to_thread(stray.exists)


async def test_stuck_video_gets_one_job(shelf: Shelf) -> None:
    video_id = await shelf.processing(has_job=False)
    await shelf.job(video_id, "failed")
    await shelf.processing()
    assert await shelf.found() == [("stuck", "")]

    for _ in range(2):
        assert await reconcile(shelf.database, shelf.storage, NOW_S) == []

    jobs = await shelf.database.fetch_all(
        "SELECT task_name FROM procrastinate_jobs WHERE lock = %s AND status = 'todo'",
        (str(video_id),),
    )
    assert jobs == [("process_video",)]


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        pytest.param(SERVED, None, "missing", id="no file"),
        pytest.param(PICTURE, None, "missing", id="no picture"),
        pytest.param(CUES, None, "missing", id="no storyboard"),
        pytest.param(SERVED, CONTENT[:-1], "size-differs", id="cut"),
        pytest.param(SERVED, CONTENT[::-1], "hash-differs", id="other bytes"),
    ],
)
async def test_what_is_wrong_is_reported_and_not_touched(
    shelf: Shelf, caplog: pytest.LogCaptureFixture, name: str, content: bytes | None, kind: str
) -> None:
    video_id = await shelf.ready()
    path = shelf.storage.asset("c1", video_id, name)
    if content is None:
        await asyncio.to_thread(path.unlink)
    else:
        await asyncio.to_thread(path.write_bytes, content)
    before = await shelf.files()

    rest = await reconcile(shelf.database, shelf.storage, NOW_S)

    assert await shelf.found(is_deep=True) == [(kind, name)]
    if kind != "hash-differs":
        assert [one.kind for one in rest] == [kind]
        assert f"{kind}: courses/c1/{video_id}/{name}" in caplog.text
    assert await shelf.files() == before


async def test_repair_marks_the_lost_as_failed_and_tells_so(shelf: Shelf) -> None:
    for make in (shelf.ready, shelf.processing):
        directory = shelf.storage.video_dir("c1", await make())
        await asyncio.to_thread(lambda: [one.unlink() for one in directory.iterdir()])  # noqa: B023
    findings = (await survey(shelf.database, shelf.storage)).findings

    mended = await mend(shelf.database, shelf.storage, findings, NOW_S)

    assert sorted(one.path.rpartition("/")[2] for one in mended if one.path) == [
        "original.mp4",
        SERVED,
    ]
    rows = await shelf.database.fetch_all("SELECT status, failure_code FROM videos")
    assert rows == [("failed", "internal")] * 2
    events = await shelf.database.fetch_all("SELECT type FROM event_log")
    assert events == [("video.failed",)] * 2
    # From then on it is known, and not logged.
    assert (await survey(shelf.database, shelf.storage)).findings == ()


async def mended(shelf: Shelf) -> list[str]:
    """Returns the findings that a repair mends, by kind."""
    findings = (await survey(shelf.database, shelf.storage)).findings
    return [one.kind for one in await mend(shelf.database, shelf.storage, findings, NOW_S)]


async def test_repair_begins_a_lost_video_again_from_its_original(shelf: Shelf) -> None:
    """As with a backup of the files that is older than the database's."""
    video_id = await shelf.ready()
    await asyncio.to_thread(shelf.storage.asset("c1", video_id, SERVED).unlink)
    original = await shelf.put(f"c1/{video_id}/original.mp4", 9 * OLD_S, b"1")
    await reconcile(shelf.database, shelf.storage, NOW_S)
    assert await asyncio.to_thread(original.exists), "it is no stray while it is the only copy"

    assert [await mended(shelf), await mended(shelf)] == [["missing"], []]

    rows = await shelf.database.fetch_all(
        "SELECT v.status, j.status::text AS job, r.format, e.type FROM videos v"
        " LEFT JOIN procrastinate_jobs j ON j.lock = v.id::text"
        " LEFT JOIN representations r ON r.video_id = v.id"
        " LEFT JOIN event_log e ON e.video_id = v.id"
    )
    assert rows == [("processing", "todo", None, "video.updated")]


async def failed(shelf: Shelf, code: str, *, is_final: bool) -> UUID:
    video_id = await shelf.processing(has_job=False)
    async with shelf.database.transaction() as transaction:
        assert await processing.set_failed(
            transaction, video_id, code, "It failed.", is_final=is_final
        )
    return video_id


async def test_repair_tries_again_what_failed_for_a_reason_of_the_machine(shelf: Shelf) -> None:
    killed = await failed(shelf, "internal", is_final=False)
    await failed(shelf, "internal", is_final=True)
    gone = await failed(shelf, "timed-out", is_final=False)
    await asyncio.to_thread(shelf.storage.asset("c1", gone, "original.mp4").unlink)
    assert await shelf.found() == [("retryable", "original.mp4")]

    assert [await mended(shelf), await mended(shelf)] == [["retryable"], []]

    rows = await shelf.database.fetch_all(
        "SELECT v.id, v.failure_code, v.failure_detail, j.status::text AS job FROM videos v"
        " JOIN procrastinate_jobs j ON j.lock = v.id::text WHERE v.status = 'processing'"
    )
    assert [(UUID(str(row.id)), *row[1:]) for row in rows] == [(killed, None, None, "todo")]


async def test_hourly_look_only_tells_what_can_be_tried_again(shelf: Shelf) -> None:
    """A job that was killed for its memory would be killed again every hour."""
    video_id = await failed(shelf, "internal", is_final=False)

    rest = await reconcile(shelf.database, shelf.storage, NOW_S)

    assert [(one.kind, one.video_id) for one in rest] == [("retryable", video_id)]
    rows = await shelf.database.fetch_all("SELECT status FROM videos")
    assert rows == [("failed",)]


async def test_original_of_another_size_saves_nothing(shelf: Shelf) -> None:
    video_id = await shelf.ready()
    await asyncio.to_thread(shelf.storage.asset("c1", video_id, SERVED).unlink)
    await shelf.put(f"c1/{video_id}/original.mp4", YOUNG_S, b"12")

    assert await mended(shelf) == ["missing"]

    rows = await shelf.database.fetch_all("SELECT status FROM videos")
    assert rows == [("failed",)]


async def test_repair_has_lost_pictures_made_again_by_one_job(shelf: Shelf) -> None:
    video_id = await shelf.ready()
    other = f"large-{'0' * 16}.webp"
    await shelf.sql(
        "INSERT INTO thumbnails VALUES (%(id)s, 'large', 'image/webp', %(name)s, 1, 1, 1, 'x')",
        id=str(video_id),
        name=other,
    )
    await asyncio.to_thread(shelf.storage.asset("c1", video_id, PICTURE).unlink)

    for _ in range(2):
        assert await mended(shelf) == ["missing", "missing"]

    jobs = await shelf.database.fetch_all("SELECT lock FROM procrastinate_jobs")
    rows = await shelf.database.fetch_all("SELECT status FROM videos")
    assert (jobs, rows) == ([(str(video_id),)], [("ready",)])


async def test_repair_forgets_a_lost_alternate_format_alone(shelf: Shelf) -> None:
    video_id = await shelf.ready()
    await shelf.sql(
        "INSERT INTO representations VALUES (%(id)s, 'webm', %(name)s, 'video/webm', 1, 'x')",
        id=str(video_id),
        name=f"alt-{'0' * 16}.webm",
    )

    assert [await mended(shelf), await mended(shelf)] == [["missing"], []]

    rows = await shelf.database.fetch_all(
        "SELECT v.status, r.format, j.lock, e.type FROM videos v, representations r,"
        " procrastinate_jobs j, event_log e"
    )
    assert rows == [("ready", "mp4", str(video_id), "video.updated")]


async def test_what_a_deleted_video_lacks_waits_for_its_restoring(shelf: Shelf) -> None:
    for name in (SERVED, PICTURE):
        video_id = await shelf.ready()
        await shelf.library.delete_video(video_id)
        await asyncio.to_thread(shelf.storage.asset("c1", video_id, name).unlink)
    await shelf.put(f"c1/{video_id}/original.mp4", YOUNG_S, b"1")

    assert await mended(shelf) == []


async def test_use_of_each_course_is_reported_by_rows_and_by_files(shelf: Shelf) -> None:
    await shelf.ready()
    await shelf.processing()
    await shelf.put("c1/stray", YOUNG_S, b"12345")
    elsewhere = await shelf.library.video("c2")
    await shelf.put(f"c2/{elsewhere}/original.mp4", YOUNG_S, b"1234")

    usage = (await survey(shelf.database, shelf.storage)).usage

    both = 3 * len(CONTENT) + 1
    assert usage == {"c1": Usage(2, 5, both, both + 5), "c2": Usage(1, 1, 1, 4)}

    recorded = sum(course.recorded_bytes for course in usage.values())
    assert recorded == await space.read_used_bytes(shelf.database)


async def test_many_findings_are_reported_in_a_few_lines(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(25):
        await shelf.library.video()
    caplog.set_level(logging.ERROR)

    await reconcile(shelf.database, shelf.storage, NOW_S)

    assert len(caplog.records) == 21
    assert "5 more" in caplog.text


async def test_nothing_is_done_without_the_marker(shelf: Shelf) -> None:
    await reconcile(shelf.database, shelf.storage, NOW_S)
    stray = await shelf.put("c1/stray", OLD_S)
    await shelf.processing(has_job=False)
    await asyncio.to_thread(shelf.storage.marker.unlink)

    with pytest.raises(StorageGone):
        await reconcile(shelf.database, shelf.storage, NOW_S)

    assert await asyncio.to_thread(stray.exists)
    assert await shelf.database.fetch_all("SELECT id FROM procrastinate_jobs") == []


async def test_nothing_is_done_in_the_storage_of_another_database(shelf: Shelf) -> None:
    """An operator who forgot to restore the dump must not lose the videos."""
    theirs = await shelf.put(f"c1/{uuid4()}/{SERVED}", OLD_S)
    await shelf.sql("DELETE FROM storage_identity")

    for _ in range(2):
        with pytest.raises(ForeignStorage):
            await reconcile(shelf.database, shelf.storage, NOW_S)

    assert await asyncio.to_thread(theirs.exists)


async def test_storage_that_was_exchanged_is_foreign(shelf: Shelf, tmp_path: Path) -> None:
    await reconcile(shelf.database, shelf.storage, NOW_S)
    other = await asyncio.to_thread(StoragePaths, tmp_path / "other")
    await asyncio.to_thread(other.prepare)

    with pytest.raises(ForeignStorage):
        await reconcile(shelf.database, other, NOW_S)


async def test_of_several_processes_one_looks_at_a_time(shelf: Shelf, dsn: str) -> None:
    await shelf.ready()
    stray = await shelf.put("c1/stray", OLD_S)
    task = Reconcile(shelf.database, dsn, shelf.storage, unfinished_after_s=60)

    work = AdvisoryLock.RECONCILE
    async with (
        try_sole_ownership(dsn, work) as is_owner,
        try_sole_ownership(dsn, work) as is_another,
    ):
        assert (is_owner, is_another) == (True, False)
        await task._look()
        assert await asyncio.to_thread(stray.exists)

    async with asyncio.timeout(10):  # PostgreSQL may notice the end of a connection a little later
        while await asyncio.to_thread(stray.exists):
            await task._look()


async def test_task_looks_at_start_and_outlives_a_storage_that_is_away(
    shelf: Shelf, dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    await shelf.ready()  # otherwise the stray would be another database's
    stray = await shelf.put("c1/stray", OLD_S)
    expired = await shelf.put("../tmp/expired", 100)
    busy = await shelf.put("../tmp/busy", 100)
    task = Reconcile(shelf.database, dsn, shelf.storage, unfinished_after_s=60)

    with hold_lock(busy):
        task.start()
        await wait_until(lambda: not stray.exists() and not expired.exists())
        await task.stop()
    assert await asyncio.to_thread(busy.exists)

    await asyncio.to_thread(shelf.storage.marker.unlink)
    task = Reconcile(shelf.database, dsn, shelf.storage, unfinished_after_s=60)
    task.start()
    said = ("nothing was touched", "unfinished files:")
    await wait_until(lambda: all(one in caplog.text for one in said), within_s=5)
    await task.stop()
