"""kill -9 of an import from S3 at every step: the next run completes, nothing happens twice."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg2

from db.pool import open_database
from events.uploads.sweep import sweep_uploads
from storage.paths import StoragePaths
from tests.faults.conftest import url_of
from tests.harness.running import ROOT
from tests.programs.object_store import BUCKET, object_store

PART_BYTES = 8 * 1024 * 1024
# In order. Each run is also the one after the death before: it goes on from there.
STEPS = [
    "server.takeover.announce:announce:before",
    "db.courses:put_course:after",
    "db.courses:put_module:after",
    "db.takeover.announcements:announce:after",
    "events.log.log:append:after",
    "server.takeover.announce:announce:after",  # both modules play from S3
    "db.takeover.imports:begin:before",
    "db.takeover.imports:begin:after",
    "storage.receiving.partials:_open_exclusive:after",
    "events.takeover.object_import:fetch_part:before",
    "events.takeover.object_import:fetch_part:after",
    "db.takeover.imports:add_fetched:before",
    "db.takeover.imports:add_fetched:after",
    "db.takeover.imports:add_fetched:before#2",  # the first part is never fetched again
    "events.takeover.object_import:fetch_part:after",
    "events.takeover.object_import:verify_object:before",
    "events.takeover.object_import:verify_object:after",
    "db.takeover.imports:set_verified:after",
    "events.takeover.object_import:media_facts:before",
    "db.takeover.imports:take_over:after",
    "events.takeover.object_import:publish_partial:before",
    "events.takeover.object_import:publish_partial:after",
    "events.takeover.object_import:remove_video:after",  # what the one before has left
    "db.space:reserve:after",
    "db.takeover.announcements:set_arrived:after",
    "db.jobs:defer:after",
    "events.log.log:append:after",
    "events.media.pipeline:begin_within:after",
    "events.takeover.object_import:publish_partial:before#2",  # the first module is taken over
    "events.takeover.object_import:publish_partial:after",
    "db.takeover.imports:finish:before",
    "db.takeover.imports:finish:after",
    "storage.receiving.partials:PartialFile.remove:before",
]
# Both modules of the object show the one place, or both the other.
TURNING_STEPS = [
    "db.takeover.references:switchable:after",
    "db.takeover.references:switch:after",
    "events.log.log:append:after",
    "events.takeover.switch_source:_append_updates:after",
]
# Each in the first batch of places that is not carried over yet.
CARRYING_STEPS = [
    "db.takeover.viewer_positions:list_changing:after",
    "db.progress.report_batch:lock_and_read:after",
    "db.progress.report_batch:write:after",
    "db.takeover.viewer_positions:mark_completed:after",
    "db.enrollments:list_not_enrolled:after",
    "events.takeover.viewer_positions:Backfill.carry:after",
    "events.takeover.viewer_positions:Backfill.carry:after#2",
]
SHOWN = "SELECT DISTINCT is_local FROM s3_modules"
VIEWERS, VIEWERS_AT_ONCE = 1200, 500
LEGACY = f"""
CREATE SCHEMA academy;
CREATE TABLE academy.modules AS SELECT 'm1' AS id, 'c1' AS course_id, 'T' AS title, 1 AS position,
    's3://{BUCKET}/a.mp4' AS video_url;
CREATE TABLE academy.user_progress AS SELECT 'u' || n AS user_id, 'm1' AS module_id,
    0.5 AS progress_seconds, n % 2 = 0 AS completed, now() AS updated_at
    FROM generate_series(1, {VIEWERS}) n;
"""
CARRIED = """
SELECT count(*), count(completed_at) FROM progress WHERE position_s = 0.5 AND watched_s = 0.5
"""


def padded(film: bytes, size_bytes: int) -> bytes:
    filler = size_bytes - len(film)
    return film + filler.to_bytes(4, "big") + b"free" + os.urandom(filler - 8)


def test_killed_at_any_step_the_next_run_completes(dsn: str, tmp_path: Path, film: bytes) -> None:
    storage = StoragePaths(tmp_path / "data" / "storage")
    storage.prepare()
    content = padded(film, 2 * PART_BYTES - 5)
    with object_store() as store:
        store.reset()
        store.put("a.mp4", content)
        program = started(dsn, tmp_path)
        try:
            arguments = ["--manifest", str(tmp_path / "m.csv"), "--parallel", "1"]
            arguments += ["--endpoint-url", store.endpoint_url]
            for step in STEPS:
                status = run(program, step, arguments)
                assert os.WIFSIGNALED(status), f"it did not die at {step}"
                assert os.WTERMSIG(status) == signal.SIGKILL
                check_truth(dsn, storage, content)
            assert rows(dsn, "SELECT count(*) FROM s3_modules WHERE is_local") == [(2,)]
            assert run(program, "-", arguments) == 0
            for back, was_local in ((["--rollback"], True), (arguments, False)):
                for step in TURNING_STEPS:
                    assert os.WIFSIGNALED(run(program, step, back)), step
                    assert rows(dsn, SHOWN) == [(was_local,)], step
                assert run(program, "-", back) == 0
                assert rows(dsn, SHOWN) == [(not was_local,)]
        finally:
            program.communicate(timeout=30)
    check_truth(dsn, storage, content)
    assert rows(dsn, "SELECT module_id FROM videos ORDER BY 1") == [("m1",), ("m2",)]
    assert rows(dsn, "SELECT is_finished FROM s3_objects") == [(True,)]
    assert len(asyncio.run(swept(dsn, storage))) == 1
    assert list(storage.unfinished.iterdir()) == []


def test_killed_while_places_are_carried_over_the_next_run_completes(
    dsn: str, tmp_path: Path, film: bytes
) -> None:
    StoragePaths(tmp_path / "data" / "storage").prepare()
    with closing(psycopg2.connect(dsn)) as connection, connection:
        connection.cursor().execute(LEGACY)
    with object_store() as store:
        store.reset()
        store.put("a.mp4", film)
        program = started(dsn, tmp_path)
        try:
            arguments = ["--from-database", url_of(dsn), "--modules-table", "academy.modules"]
            arguments += ["--progress-table", "academy.user_progress"]
            arguments += ["--endpoint-url", store.endpoint_url]
            for step in CARRYING_STEPS:
                status = run(program, step, arguments)
                assert os.WIFSIGNALED(status), f"it did not die at {step}"
                ((carried, completed),) = rows(dsn, CARRIED)
                assert (carried % VIEWERS_AT_ONCE, completed) == (0, carried / 2), step
            assert carried == 2 * VIEWERS_AT_ONCE
            assert run(program, "-", arguments) == 0
        finally:
            program.communicate(timeout=30)
    assert rows(dsn, CARRIED) == [(VIEWERS, VIEWERS / 2)]


async def swept(dsn: str, storage: StoragePaths) -> list[UUID]:
    async with open_database(dsn, size=1) as database:
        return await sweep_uploads(database, storage)


def started(dsn: str, directory: Path) -> "subprocess.Popen[str]":
    (directory / "m.csv").write_text(
        "id,course_id,title,position,video_url\n"
        + "".join(f"{name},c1,T,1,s3://{BUCKET}/a.mp4\n" for name in ("m1", "m2"))
    )
    environ = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("killed_import.py"))],
        cwd=ROOT,
        env=environ
        | {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "COURSESTREAM_DATABASE_URL": url_of(dsn),
            "COURSESTREAM_DATA_DIR": str(directory / "data"),
            "COURSESTREAM_STORAGE_QUOTA": "1GiB",
            "COURSESTREAM_STORAGE_RESERVE": "0",
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def run(program: Any, step: str, arguments: list[str]) -> int:
    program.stdin.write(json.dumps([step, arguments]) + "\n")
    program.stdin.flush()
    return int(program.stdout.readline())


def check_truth(dsn: str, storage: StoragePaths, content: bytes) -> None:
    """No video that is not in S3 without its whole file, one job and one event; none twice."""
    announced, here = set(), set()
    for video_id, status in rows(dsn, "SELECT id::text, status FROM videos"):
        (announced if status == "announced" else here).add(video_id)
    stored = {path.parent.name: path for path in storage.courses.glob("*/*/original.mp4")}
    assert here <= stored.keys() <= here | announced
    assert all(path.read_bytes() == content for path in stored.values())
    modules = rows(dsn, "SELECT video_id::text, is_local, taken_at IS NOT NULL FROM s3_modules")
    assert sorted(modules) == sorted((one, one in here, one in here) for one in here | announced)
    for told, ids in (
        ("args->>'video_id' FROM procrastinate_jobs", here),
        ("video_id::text FROM event_log WHERE type = 'video.uploaded'", here),
        ("video_id::text FROM event_log WHERE type = 'video.ready'", here | announced),
    ):
        assert sorted(row[0] for row in rows(dsn, f"SELECT {told}")) == sorted(ids)


def rows(dsn: str, sql: str) -> list[Any]:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())
