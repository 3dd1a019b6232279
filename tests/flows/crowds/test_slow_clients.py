"""Many players that take their time: each gets every byte, costs little, and keeps nobody.

FULL=1 is what is promised: a thousand players, pauses of minutes.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from tests.films.lectures import SMALL_BUFFER_BYTES, Watcher
from tests.flows.conftest import IS_FULL, STALL_TIMEOUT_S, WAYS, Classroom
from tests.service.process_costs import held, private_bytes, until_held

PLAYERS = 1000 if IS_FULL else 150
PLAY_S = 60.0 if IS_FULL else 3.0
PAUSE_S = 180.0 if IS_FULL else 1.0
PATIENCE_S = 240 if IS_FULL else STALL_TIMEOUT_S
# For a piece: 320 KB a second; a thousand at that pace are more than this side could compare.
PACE_S = 1.0 if IS_FULL else 0.2
PIECE_BYTES = 64 * 1024
WATCHED_BYTES = 1 + 2**20
PLAYER_COST_BYTES = 64 * 1024  # a window of 2 MiB in memory, or a copy of what waits, would show
SOON_S, SLOWEST_S = 1.5, 10.0  # for what takes milliseconds, on a machine that is busy


@pytest.fixture(scope="module", params=WAYS if IS_FULL else WAYS[:1])
def classroom(request: pytest.FixtureRequest, classrooms: Callable[..., Classroom]) -> Classroom:
    return classrooms(STREAM_STALL_TIMEOUT=f"{PATIENCE_S}s", **request.param)


async def begin_all(classroom: Classroom, open_: AsyncExitStack) -> list[Watcher]:
    """Players that have the first byte of their whole lecture."""
    players = [
        await open_.enter_async_context(classroom.watching(number, SMALL_BUFFER_BYTES))
        for number in range(PLAYERS)
    ]
    await for_all(players, begin)
    return players


async def for_all(players: list[Watcher], do: Callable[[Watcher], Awaitable[None]]) -> None:
    await asyncio.gather(*map(do, players))


async def begin(player: Watcher) -> None:
    await player.ask()
    assert (await player.wire.head()).status == 200
    await player.take(0, 1, chunk_bytes=1)


async def test_paced_players_get_every_byte_and_keep_nobody(classroom: Classroom) -> None:
    before = await held(classroom.serve)
    async with AsyncExitStack() as open_:
        players = await begin_all(classroom, open_)
        playing = asyncio.create_task(for_all(players, play))
        times_s = await healthy_until(classroom, playing)
        await playing
    assert statistics.median(times_s) < SOON_S
    assert max(times_s) < SLOWEST_S
    await until_held(classroom.serve, before)


async def play(player: Watcher) -> None:
    """At its pace, whatever the time that reading takes."""
    began_s = time.monotonic()
    for piece in range(round(PLAY_S / PACE_S)):
        start = 1 + piece * PIECE_BYTES
        await player.take(start, start + PIECE_BYTES)
        await asyncio.sleep(max(0.0, began_s + (piece + 1) * PACE_S - time.monotonic()))


async def healthy_until(classroom: Classroom, others: "asyncio.Future[object]") -> list[float]:
    """Seconds that each seek took: a connection of its own and 64 KiB."""
    times_s = []
    while not others.done():
        began_s = time.monotonic()
        async with classroom.watching(PLAYERS) as healthy:
            await healthy.range(PIECE_BYTES, 2 * PIECE_BYTES)
        times_s.append(time.monotonic() - began_s)
        await asyncio.sleep(0.1)
    return times_s


async def test_paused_players_cost_little_and_go_on_until_they_stay_away(
    classroom: Classroom,
) -> None:
    before, pid = await held(classroom.serve), classroom.serve.process.pid
    before_bytes = private_bytes(pid)
    async with AsyncExitStack() as open_:
        players = await begin_all(classroom, open_)
        times_s = await healthy_until(classroom, asyncio.create_task(asyncio.sleep(PAUSE_S)))
        assert (private_bytes(pid) - before_bytes) / PLAYERS < PLAYER_COST_BYTES
        assert (await held(classroom.serve)).transfers == before.transfers + PLAYERS
        assert max(times_s) < SLOWEST_S

        await for_all(players, go_on)
        await until_held(classroom.serve, before, within_s=3 * PATIENCE_S)
        await for_all(players, is_ended)


async def go_on(player: Watcher) -> None:
    await player.take(1, WATCHED_BYTES)


async def is_ended(player: Watcher) -> None:
    assert WATCHED_BYTES <= await player.take_until_cut(WATCHED_BYTES) < player.lecture.size
