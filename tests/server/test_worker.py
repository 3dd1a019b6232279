"""The media worker as `serve` and `worker` run it."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from db.pool import open_database
from server import worker
from server.config.settings import Config, load_config
from server.worker import Liveness, MediaWork, take_jobs
from storage.concurrency.tasks import end

VIDEO = UUID(int=1)

# Ready since before there were pictures but JPEG.
OF_AN_OLDER_VERSION = (
    "INSERT INTO courses (id, title) VALUES ('c1', 'C')",
    "INSERT INTO modules (id, course_id, title, position) VALUES ('m1', 'c1', 'M', 0)",
    "INSERT INTO videos (id, course_id, module_id, title, original_filename, duration_s, width,"
    " height, container, video_codec, mime_type, is_playable, original_size_bytes, uploaded_by,"
    f" status) VALUES ('{VIDEO}', 'c1', 'm1', 't', 'f', 1, 4, 3, 'mp4', 'h264', 'video/mp4', true,"
    " 1, 'tess', 'ready')",
    "INSERT INTO representations (video_id, format, file_name, mime_type, size_bytes, sha256,"
    f" is_primary) VALUES ('{VIDEO}', 'mp4', 'source-1.mp4', 'video/mp4', 1, '', true)",
    "INSERT INTO thumbnails (video_id, size_name, mime_type, file_name, width_px, height_px,"
    f" size_bytes, sha256) VALUES ('{VIDEO}', 'small', 'image/jpeg', 'small-1.jpg', 1, 1, 1, '')",
)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load_config({"COURSESTREAM_DATA_DIR": str(tmp_path)}, tmp_path / "no.env")


async def test_asks_for_pictures_and_a_ladder_that_an_older_version_did_not_make(
    dsn: str, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Any] = []

    async def look(*_: Any) -> None:
        found.extend(await database.fetch_all("SELECT lock, status::text FROM procrastinate_jobs"))

    monkeypatch.setattr(worker, "take_jobs", look)
    async with open_database(dsn, size=1) as database:
        async with database.transaction() as transaction:
            for statement in OF_AN_OLDER_VERSION:
                await transaction.execute(statement)

        await worker.run(config, dsn)

    assert found == [(str(VIDEO), "todo"), (f"{VIDEO}/ladder", "todo")]


async def test_looks_for_what_is_unfinished_without_a_job(dsn: str) -> None:
    films, ladders = asyncio.Event(), asyncio.Event()

    async def look_for_films() -> None:
        films.set()

    async def look_for_ladders() -> None:
        ladders.set()

    of_films: Any = SimpleNamespace(enqueue_stuck=look_for_films)
    of_ladders: Any = SimpleNamespace(go_on_with_stuck=look_for_ladders)
    work = MediaWork(of_films, of_ladders)
    working = asyncio.create_task(take_jobs(dsn, work, Liveness(looks="* * * * * *")))
    try:
        async with asyncio.timeout(10):
            await asyncio.gather(films.wait(), ladders.wait())
    finally:
        await end(working)
