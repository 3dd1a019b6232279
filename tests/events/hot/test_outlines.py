"""Outlines of courses over a real database and a real Redis that is wiped, lies, hangs, is away."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from db import course_outlines, courses
from db.course_outlines import Outline
from db.pool import Database
from events.hot import outlines
from events.hot.entries import OUTLINES
from events.hot.outlines import OutlineReader
from events.hot.redis_shelf import RedisShelf
from events.log.types import VideoUpdated
from tests.events.hot.test_entries import VIDEO
from tests.harness.waiting import wait_until
from tests.programs.redis_server import RedisServer

SLOW_S = 0.05


@pytest.fixture
async def shelf(redis_server: RedisServer) -> AsyncIterator[RedisShelf]:
    shelf = RedisShelf(redis_server.url, timeout_s=5.0, kind=OUTLINES)
    await shelf._redis.flushall()
    yield shelf
    await shelf.close()


@pytest.fixture
async def process(
    redis_server: RedisServer, database: Database, shelf: RedisShelf
) -> AsyncIterator[Callable[..., OutlineReader]]:
    """Makes the outlines of a web process that has nothing in its memory."""
    async with AsyncExitStack() as stack:

        def make(url: str = redis_server.url, timeout_s: float = 5.0) -> OutlineReader:
            kept = RedisShelf(url, timeout_s=timeout_s, kind=OUTLINES)
            reader = OutlineReader(database, kept)
            stack.push_async_callback(reader.stop)
            return reader

        yield make


async def version(database: Database) -> int:
    found = await course_outlines.get_course(database, "c1")
    assert found is not None
    return found[1]


async def titles(reader: OutlineReader, database: Database) -> list[str]:
    """As a request does it: the version first."""
    outline = await reader.get("c1", await version(database))
    modules = [module.title for module in outline.modules if module.id == "m1"]
    return modules + [video.title for video in outline.videos]


async def shelved(process: Any, database: Database, shelf: RedisShelf) -> Outline:
    outline = await process().get("c1", await version(database))
    await wait_until(lambda: shelf.get("c1"), bool)
    return outline


async def rename_module(database: Database, title: str) -> None:
    await courses.put_module(database, "c1", "m1", title, 0)


async def rename_video(library: Any, happened: Any, video_id: UUID, title: str) -> None:
    await library._run("UPDATE videos SET title = %s WHERE id = %s", title, str(video_id))
    await library.append(happened(VideoUpdated, video_id=video_id))


async def test_one_process_reads_and_the_others_find(
    library: Any, process: Any, database: Database, shelf: RedisShelf
) -> None:
    await library.video()
    outline = await shelved(process, database, shelf)
    other = process()

    assert await other.get("c1", outline.version) == outline
    assert await other.get("c1", outline.version) == outline
    assert (other.read_counts, other.hit_count) == ({"shelf": 1, "database": 0}, 1)


async def test_a_class_that_opens_its_course_reads_once(
    library: Any, process: Any, database: Database
) -> None:
    await library.video()
    reader, now = process(), await version(database)

    await asyncio.gather(*(reader.get("c1", now) for _ in range(5000)))

    assert reader.read_counts == {"shelf": 0, "database": 1}


async def test_each_change_is_seen_by_the_next_request_of_every_process(
    library: Any, happened: Any, process: Any, database: Database
) -> None:
    """Not within a second: at once, whatever memory and shelf hold."""
    video_id, here, there = await library.video(), process(), process()
    await rename_video(library, happened, video_id, "Film 1")
    await rename_module(database, "Module 1")
    for number in range(2, 5):
        for reader in (here, there):
            await titles(reader, database)
        await rename_module(database, f"Module {number}")
        for reader in (here, there):
            assert await titles(reader, database) == [f"Module {number}", f"Film {number - 1}"]
        await rename_video(library, happened, video_id, f"Film {number}")
        for reader in (here, there):
            assert await titles(reader, database) == [f"Module {number}", f"Film {number}"]
    await courses.delete_modules(database, "c1", "m1")
    assert await titles(here, database) == await titles(there, database) == ["Film 4"]


async def test_a_change_during_the_reading_is_not_hidden_by_it(
    library: Any,
    process: Any,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A copy read before the change is kept with the version from before."""
    await library.video()
    await rename_module(database, "before")
    reader, has_read, go_on = process(), asyncio.Event(), asyncio.Event()
    list_modules = courses.list_modules

    async def slowly(*arguments: Any) -> Any:
        found = await list_modules(*arguments)
        has_read.set()
        await go_on.wait()
        return found

    monkeypatch.setattr(courses, "list_modules", slowly)
    early = asyncio.create_task(titles(reader, database))
    await has_read.wait()
    await rename_module(database, "after")
    late = asyncio.create_task(titles(reader, database))
    go_on.set()

    assert (await early)[0] == "before"
    assert (await late)[0] == "after"
    assert (await titles(reader, database))[0] == "after"
    assert (await titles(process(), database))[0] == "after"


async def test_a_late_writer_does_not_bring_an_old_outline_back(
    process: Any, library: Any, database: Database, shelf: RedisShelf
) -> None:
    await library.video()
    old = await shelved(process, database, shelf)
    await rename_module(database, "renamed")
    new = await process().get("c1", await version(database))
    await wait_until(lambda: shelf.get("c1"), lambda entry: entry == OUTLINES.encode(new))

    assert not await shelf.put("c1", OUTLINES.encode(old) or b"")
    assert await shelf.get("c1") == OUTLINES.encode(new)


async def test_a_snapshot_of_before_is_not_believed_by_a_process_that_starts(
    process: Any, library: Any, database: Database, shelf: RedisShelf
) -> None:
    await library.video()
    old = await shelved(process, database, shelf)
    snapshot = await shelf._redis.dump(OUTLINES.key_of("c1"))
    await rename_module(database, "renamed")
    await shelf._redis.restore(OUTLINES.key_of("c1"), 0, snapshot, replace=True)
    reader = process()

    assert (await titles(reader, database))[0] == "renamed"
    assert reader.outdated_count == 1
    await wait_until(lambda: shelf.get("c1"), lambda entry: entry != OUTLINES.encode(old))


@pytest.mark.parametrize("entry", [None, b"foreign bytes"], ids=["wiped", "foreign bytes"])
async def test_a_wiped_or_foreign_shelf_is_filled_again(
    process: Any, library: Any, database: Database, shelf: RedisShelf, entry: bytes | None
) -> None:
    await library.video()
    outline = await shelved(process, database, shelf)
    await shelf._redis.flushall()
    if entry is not None:
        await shelf._redis.set(OUTLINES.key_of("c1"), entry)

    assert await process().get("c1", outline.version) == outline
    await wait_until(lambda: shelf.get("c1"), lambda seen: seen == OUTLINES.encode(outline))


async def test_a_redis_that_is_away_costs_nothing_but_a_reading(
    process: Any, library: Any, database: Database, redis_server: RedisServer, shelf: RedisShelf
) -> None:
    await library.video()
    outline = await shelved(process, database, shelf)
    await asyncio.to_thread(redis_server.kill)
    reader = process()
    try:
        for _ in range(5):
            assert await reader.get("c1", outline.version) == outline
    finally:
        await asyncio.to_thread(redis_server.start)

    assert (reader.read_counts, reader.hit_count) == ({"shelf": 0, "database": 1}, 4)


async def test_a_redis_that_hangs_holds_nobody_up_for_long(
    process: Any, library: Any, database: Database
) -> None:
    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    await library.video()
    now = await version(database)
    async with await asyncio.start_server(silence, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        began_s, readers = time.monotonic(), []
        for _ in range(3):
            readers.append(process(f"redis://127.0.0.1:{port}/0", timeout_s=SLOW_S))
            assert len((await readers[-1].get("c1", now)).videos) == 1

        assert [one.failure_count for one in readers] == [1, 1, 1]
        assert time.monotonic() - began_s < 5.0
        for reader in readers:
            await reader.stop()


async def test_what_is_remembered_is_bounded(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 1

    async def read(_: Any, course_id: str, asked: int) -> Outline:
        return Outline(course_id, (), (replace(VIDEO, course_id=course_id),) * count, asked)

    monkeypatch.setattr(course_outlines, "read", read)
    reader = OutlineReader(database)
    for number in range(outlines.REMEMBERED + 10):
        await reader.get(f"c{number}", 1)
    assert len(reader._remembered) == outlines.REMEMBERED

    count = outlines.MOST_VIDEOS + 1
    await reader.get("large", 1)
    assert "large" not in reader._remembered
    await reader.stop()
