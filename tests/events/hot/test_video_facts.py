"""Facts of videos over a real database and a real Redis that is wiped, lies, hangs and is away."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.pool import Database
from db.videos import videos
from db.videos.video import Video
from events.hot import redis_shelf
from events.hot.entries import VIDEOS, Kind
from events.hot.redis_shelf import RedisShelf
from events.hot.video_facts import VideoReader
from events.log.types import VideoDeleted, VideoUpdated
from tests.events.hot.test_entries import VIDEO
from tests.harness.waiting import wait_until
from tests.programs.redis_server import RedisServer, slowed

SLOW_S = 0.05


@pytest.fixture
async def process(
    redis_server: RedisServer, database: Database, shelf: RedisShelf
) -> AsyncIterator[Callable[..., VideoReader]]:
    """Makes the facts of a web process that has nothing in its memory."""
    async with AsyncExitStack() as stack:

        def make(url: str = redis_server.url, timeout_s: float = 5.0) -> VideoReader:
            facts = VideoReader(database, RedisShelf(url, timeout_s=timeout_s))
            stack.push_async_callback(facts.stop)
            return facts

        yield make


async def rename(library: Any, happened: Any, video_id: UUID, title: str) -> int:
    """Returns the version of the video that has the new title."""
    await library._run("UPDATE videos SET title = %s WHERE id = %s", title, str(video_id))
    [event_id] = await library.append(happened(VideoUpdated, video_id=video_id))
    return int(event_id)


async def shelved(library: Any, happened: Any, process: Any, shelf: RedisShelf) -> Video:
    """A video whose facts were put on the shelf by one process."""
    video_id = await library.video()
    version = await rename(library, happened, video_id, "first")
    video = await process().read_version(video_id, version)
    await wait_until(lambda: shelf.get(video_id), bool)
    return video


async def test_one_process_reads_and_the_others_find(
    library: Any, happened: Any, process: Any, shelf: RedisShelf
) -> None:
    video = await shelved(library, happened, process, shelf)
    other = process()

    assert await other.read_version(video.id, video.version) == video
    assert other.read_counts == {"shelf": 1, "database": 0}


async def test_a_class_that_presses_play_reads_once(
    library: Any, happened: Any, process: Any
) -> None:
    video_id = await library.video()
    version = await rename(library, happened, video_id, "first")
    facts = process()

    found = await asyncio.gather(*(facts.read_version(video_id, version) for _ in range(5000)))

    assert {one.title for one in found} == {"first"}
    assert facts.read_counts == {"shelf": 0, "database": 1}


async def test_who_knows_of_a_change_gets_no_copy_from_before(
    library: Any, happened: Any, process: Any, shelf: RedisShelf
) -> None:
    video = await shelved(library, happened, process, shelf)
    version = await rename(library, happened, video.id, "second")
    facts = process()

    assert (await facts.read_version(video.id, version)).title == "second"
    assert (facts.outdated_count, facts.read_counts["database"]) == (1, 1)


async def test_a_reading_from_before_a_change_does_not_serve_those_after_it(
    library: Any, happened: Any, process: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    video_id = await library.video()
    first = await rename(library, happened, video_id, "first")
    facts, has_read, go_on = process(), asyncio.Event(), asyncio.Event()
    read_row = videos.get

    async def slowly(*arguments: Any) -> Video | None:
        video = await read_row(*arguments)
        has_read.set()
        await go_on.wait()
        return video

    monkeypatch.setattr(videos, "get", slowly)
    before = asyncio.create_task(facts.read_version(video_id, first))
    await has_read.wait()
    second = await rename(library, happened, video_id, "second")
    after = asyncio.create_task(facts.read_version(video_id, second))
    await asyncio.sleep(0)
    go_on.set()

    assert (await before).title == "first"
    assert (await after).title == "second"


async def test_a_deleted_video_is_found_nowhere(
    library: Any, happened: Any, process: Any, shelf: RedisShelf
) -> None:
    video = await shelved(library, happened, process, shelf)
    await library.delete_video(video.id)
    [version] = await library.append(happened(VideoDeleted, video_id=video.id))

    assert await process().read_version(video.id, version) is None


async def test_a_wiped_shelf_is_filled_again(
    library: Any, happened: Any, process: Any, shelf: RedisShelf
) -> None:
    video = await shelved(library, happened, process, shelf)
    await shelf._redis.flushall()

    facts = process()
    assert await facts.read_version(video.id, video.version) == video

    assert facts.read_counts["database"] == 1
    await wait_until(lambda: shelf.get(video.id), bool)


async def test_a_snapshot_of_before_is_not_believed_by_a_process_that_starts(
    library: Any, happened: Any, process: Any, shelf: RedisShelf
) -> None:
    """The process has seen no event; the database alone tells it that this was long ago."""
    video = await shelved(library, happened, process, shelf)
    snapshot = await shelf._redis.dump(VIDEOS.key_of(video.id))
    version = await rename(library, happened, video.id, "second")
    await process().read_version(video.id, version)
    await wait_until(lambda: shelf.get(video.id), lambda entry: b"second" in entry)
    await shelf._redis.restore(VIDEOS.key_of(video.id), 0, snapshot, replace=True)

    facts = process()
    assert (await facts.read_version(video.id, version)).title == "second"
    assert facts.outdated_count == 1
    await wait_until(lambda: shelf.get(video.id), lambda entry: b"second" in entry)


async def test_foreign_bytes_are_passed_over_and_replaced(
    library: Any, happened: Any, process: Any, shelf: RedisShelf
) -> None:
    video = await shelved(library, happened, process, shelf)
    await shelf._redis.set(VIDEOS.key_of(video.id), b"zzzzzzzzzzzzzzzzzzzzzzzzzzz")

    assert await process().read_version(video.id, video.version) == video
    await wait_until(lambda: shelf.get(video.id), lambda entry: entry == VIDEOS.encode(video))


async def test_a_redis_that_is_away_costs_one_attempt_a_second(
    library: Any, happened: Any, process: Any, redis_server: RedisServer, shelf: RedisShelf
) -> None:
    video = await shelved(library, happened, process, shelf)
    await asyncio.to_thread(redis_server.kill)
    facts = process()
    try:
        for _ in range(20):
            assert await facts.read_version(video.id, video.version) == video
    finally:
        await asyncio.to_thread(redis_server.start)

    assert facts.failure_count == 1
    assert facts.read_counts == {"shelf": 0, "database": 20}
    facts._shelf._away_until_s = 0.0
    await facts.read_version(video.id, video.version)
    await wait_until(lambda: process()._shelf.get(video.id), bool)


async def test_a_redis_that_hangs_holds_nobody_up_for_long(
    library: Any, happened: Any, process: Any
) -> None:
    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    video_id = await library.video()
    version = await rename(library, happened, video_id, "first")
    async with await asyncio.start_server(silence, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        facts = process(f"redis://127.0.0.1:{port}/0", timeout_s=SLOW_S)
        began_s = time.monotonic()
        for _ in range(20):
            assert (await facts.read_version(video_id, version)).title == "first"

        assert facts.failure_count <= 2, "a look, and the putting of what was read"
        assert time.monotonic() - began_s < 20 * SLOW_S
        await facts.stop()


async def test_all_round_trips_for_a_fact_have_one_time_out(
    redis_server: RedisServer, shelf: RedisShelf
) -> None:
    await shelf.put(VIDEO.id, VIDEOS.encode(VIDEO))
    async with slowed(redis_server, 0.2) as url:
        slow = RedisShelf(url, timeout_s=0.3)

        assert await slow.get(VIDEO.id) is None
        assert slow.failure_count == 1
        await slow.close()


async def test_without_redis_facts_are_the_databases(library: Any, database: Database) -> None:
    video_id = await library.video()
    facts = VideoReader(database)

    assert (await facts.read_version(video_id, 0)).id == video_id
    assert (facts.read_counts["database"], facts.failure_count) == (1, 0)
    await facts.stop()


async def test_who_waits_for_a_connection_is_no_failure(shelf: RedisShelf) -> None:
    """More at once than there are connections, and than can have been answered in a moment."""
    video_id = uuid4()
    await shelf.put(video_id, entry := VIDEOS.encode(replace(VIDEO, id=video_id)))

    found = await asyncio.gather(
        *(shelf.get(video_id) for _ in range(redis_shelf.MOST_WAITING + 1))
    )

    assert found.count(entry) == redis_shelf.MOST_WAITING
    assert shelf.failure_count == 0


async def test_the_shelf_keeps_those_that_were_used_last(redis_server: RedisServer) -> None:
    three = Kind("facts", Video, 3, VIDEOS.max_bytes)
    shelf, ids = RedisShelf(redis_server.url, timeout_s=5.0, kind=three), []
    await shelf._redis.flushall()
    for _ in range(3):
        ids.append(uuid4())
        assert await shelf.put(ids[-1], VIDEOS.encode(replace(VIDEO, id=ids[-1])))
        await asyncio.sleep(0.002)  # two uses in the same millisecond count as one
    await shelf.get(ids[0])
    await asyncio.sleep(0.002)

    assert await shelf.put(fourth := uuid4(), VIDEOS.encode(replace(VIDEO, id=fourth)))

    assert [await shelf.get(one) is not None for one in (*ids, fourth)] == [True, False, True, True]
    assert await shelf._redis.zcard(VIDEOS.kept_key) == 3
    assert await shelf._redis.dbsize() == 4, "nothing without a bound, nothing that never ends"
    assert 0 < await shelf._redis.ttl(VIDEOS.key_of(fourth)) <= redis_shelf.KEPT_S
    await shelf.close()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(writings=st.lists(st.integers(0, 2**63 - 1) | st.integers(8, 12), min_size=1, max_size=12))
async def test_no_late_writer_brings_an_old_version_back(
    writings: list[int], shelf: RedisShelf
) -> None:
    """Processes write what they read, in any order: the newest stays."""
    video_id = uuid4()
    newest = -1
    for version in writings:
        entry = VIDEOS.encode(replace(VIDEO, id=video_id, version=version))
        assert await shelf.put(video_id, entry) == (version >= newest)
        newest = max(newest, version)

        assert await shelf.get(video_id) == VIDEOS.encode(
            replace(VIDEO, id=video_id, version=newest)
        )
