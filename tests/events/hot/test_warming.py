"""Ranking and warming, over a real Redis, a real database and files of a real disk."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from db.media import assets
from db.media.assets import RepresentationRow
from db.pool import Database
from events.hot import redis_ranking, warming
from events.hot.hottest import MOST_COUNTED, Plays
from events.hot.redis_ranking import HALVED, HOT, HOTTEST, MOST_RANKED, RedisRanking
from events.hot.redis_shelf import RedisShelf
from events.hot.video_facts import VideoReader
from events.hot.warming import Warming, room_bytes
from storage.disk import SHARED_DISK
from storage.paths import StoragePaths
from tests.films.page_cache import evict, resident_pages
from tests.programs.redis_server import RedisServer

FILM, SIZE_BYTES = "source-0123456789abcdef.mp4", 3 * 2**20


@pytest.fixture
def ranking(shelf: RedisShelf) -> RedisRanking:
    return RedisRanking(shelf)


async def end_half_life(shelf: RedisShelf) -> None:
    await shelf._redis.delete(HALVED)


async def test_plays_of_all_processes_make_the_order(
    redis_server: RedisServer, ranking: RedisRanking, shelf: RedisShelf
) -> None:
    first, second, cold = uuid4(), uuid4(), uuid4()
    await ranking.exchange({})  # the first to come begins the half-life
    await ranking.exchange({first: 4, second: 5, cold: 2})
    other = RedisShelf(redis_server.url, timeout_s=5.0)

    assert await RedisRanking(other).exchange({first: 3}) == [first, second]
    assert await ranking.exchange({}) == [first, second]
    await other.close()


async def test_what_is_played_no_more_cools_down_and_is_forgotten(
    ranking: RedisRanking, shelf: RedisShelf
) -> None:
    video_id, seen = uuid4(), []
    await ranking.exchange({})
    await ranking.exchange({video_id: 12})
    for _ in range(6):
        await end_half_life(shelf)
        seen.append(await ranking.exchange({}))

    assert seen == [[video_id], [video_id], [], [], [], []], "12, 6, 3, and so on"
    assert await shelf._redis.exists(HOT) == 0


async def test_the_ranking_is_bounded(ranking: RedisRanking, shelf: RedisShelf) -> None:
    await ranking.exchange({})
    for _ in range(2):
        hottest = await ranking.exchange({uuid4(): 10 + n for n in range(MOST_RANKED - 1)})

    assert len(hottest) == HOTTEST
    assert await shelf._redis.zcard(HOT) == MOST_RANKED


async def test_foreign_members_are_passed_over(ranking: RedisRanking, shelf: RedisShelf) -> None:
    await ranking.exchange({})
    await shelf._redis.zadd(HOT, {"no id": 99, b"\xff": 98})

    assert await ranking.exchange({}) == []


async def test_without_redis_there_is_no_ranking(
    redis_server: RedisServer, ranking: RedisRanking
) -> None:
    await asyncio.to_thread(redis_server.kill)
    try:
        assert await ranking.exchange({uuid4(): 9}) is None
    finally:
        await asyncio.to_thread(redis_server.start)


def test_plays_are_counted_until_they_are_taken() -> None:
    plays, often, ids = Plays(), uuid4(), [UUID(int=n) for n in range(MOST_COUNTED)]
    for one in (often, often, *ids, often):
        plays.note(one)

    taken = plays.take()

    assert taken[often] == 3
    assert len(taken) == MOST_COUNTED, "the last one had no room"
    assert plays.take() == {}


@pytest.fixture
async def films(database: Database, library: Any, storage: StoragePaths) -> list[UUID]:
    """Two videos whose films are out of the page cache."""
    made = [await library.video() for _ in range(2)]
    row = RepresentationRow("mp4", FILM, "video/mp4", SIZE_BYTES, "0" * 64, is_primary=True)
    for video_id in made:
        await assets.add_representation(database, video_id, row)
        await asyncio.to_thread(_write, storage.asset("c1", video_id, FILM))
    return made


def _write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * SIZE_BYTES)
    evict(path)


async def resident_bytes(path: Path) -> int:
    def look() -> int:
        with path.open("r+b") as file:
            return resident_pages(file.fileno()) * 4096

    return await asyncio.to_thread(look)


@pytest.fixture
async def warm(
    database: Database, storage: StoragePaths, ranking: RedisRanking
) -> AsyncIterator[Warming]:
    reader = VideoReader(database)
    yield Warming(ranking, Plays(), reader, storage, SHARED_DISK)
    await reader.stop()


async def test_what_became_hot_elsewhere_is_warm_here(
    films: list[UUID], warm: Warming, ranking: RedisRanking, storage: StoragePaths
) -> None:
    hot, cold = (storage.asset("c1", one, FILM) for one in films)
    await ranking.exchange({})
    await ranking.exchange({films[0]: 5, films[1]: 1})

    await warm.step()

    assert await resident_bytes(hot) >= SIZE_BYTES
    assert await resident_bytes(cold) == 0
    assert warm.hot_count == 1
    assert 0 < warm.warmed_bytes <= SIZE_BYTES, "the kernel reads ahead, too"


async def test_plays_here_make_a_video_hot(
    films: list[UUID], warm: Warming, storage: StoragePaths
) -> None:
    await warm.step()
    for _ in range(redis_ranking.LEAST_SCORE):
        warm._plays.note(films[1])

    await warm.step()
    path = storage.asset("c1", films[1], FILM)
    assert await resident_bytes(path) >= SIZE_BYTES
    await asyncio.to_thread(evict, path)
    await warm.step()

    assert await resident_bytes(path) == 0, "it is looked at again after ten minutes"
    warm._warm_until_s.clear()
    await warm.step()
    assert await resident_bytes(path) >= SIZE_BYTES


async def test_no_more_is_brought_in_than_there_is_room_for(
    films: list[UUID],
    warm: Warming,
    ranking: RedisRanking,
    storage: StoragePaths,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(warming, "MOST_BYTES", SIZE_BYTES)
    await ranking.exchange({})
    await ranking.exchange({one: 5 for one in films})

    await warm.step()

    resident = [await resident_bytes(storage.asset("c1", one, FILM)) for one in films]
    assert sorted(resident) == [0, SIZE_BYTES]


async def test_a_film_that_is_gone_and_a_video_that_never_was_are_passed_over(
    films: list[UUID], warm: Warming, ranking: RedisRanking, storage: StoragePaths
) -> None:
    await asyncio.to_thread(storage.asset("c1", films[0], FILM).unlink)
    await ranking.exchange({})
    await ranking.exchange({uuid4(): 9, films[0]: 8, films[1]: 7})

    await warm.step()

    assert await resident_bytes(storage.asset("c1", films[1], FILM)) >= SIZE_BYTES


async def test_room_is_a_quarter_of_the_free_memory_at_most(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    for available_kib, room in ((400, 100 * 1024), (2**34, warming.MOST_BYTES)):
        text = f"MemTotal: 1 kB\nMemAvailable:   {available_kib} kB\n"
        await asyncio.to_thread(meminfo.write_text, text)
        assert await asyncio.to_thread(room_bytes, meminfo) == room
