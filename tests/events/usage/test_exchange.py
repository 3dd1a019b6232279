"""Limits of one user over several processes, by shared memory and by a real Redis, which is
killed and wiped, too.

The clock is the test's: a minute of requests takes a second.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import count

import msgspec
import pytest

from events.errors import BoardUnavailable
from events.usage import memory_board as memory_board_module
from events.usage import redis_board as redis_board_module
from events.usage.board import LEASE_S, Board
from events.usage.exchange import (
    CHARGES_A_TURN,
    INTERVAL_S,
    ConcurrencyLimit,
    Exchange,
    SharedLimits,
)
from events.usage.memory_board import MemoryBoard, share_memory
from events.usage.postings import Others, Posting
from events.usage.redis_board import RedisBoard
from handlers.access.rate_limits import BURST, UserBuckets
from tests.harness.waiting import wait_until
from tests.programs.redis_server import RedisServer, running_redis, slowed

RATE, STREAMS = 50, 8
MINUTE_S = 60.0
TRIES_A_STEP = 10


@dataclass
class Clock:
    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Process:
    """The part of a web process that matters: buckets, streams, and an exchange."""

    board: Board
    clock: Clock
    buckets: UserBuckets = field(init=False)
    streams: dict[str, int] = field(default_factory=dict)
    others: Others = field(default_factory=Others)
    exchange: Exchange = field(init=False)
    given: int = 0

    def __post_init__(self) -> None:
        self.buckets = UserBuckets(RATE, BURST * RATE)
        running = ConcurrencyLimit(lambda: self.streams, STREAMS, self.keep)
        limits = SharedLimits({"requests": self.buckets}, {"streams": running})
        self.exchange = Exchange(self.board, limits, self.others, self.clock)

    def keep(self, user_id: str, kept: int) -> None:
        self.streams[user_id] = kept

    def try_requests(self, count: int, user_id: str = "ada") -> int:
        now_s = self.clock()
        taken = [self.buckets.of(user_id, now_s).take(1.0, now_s) for _ in range(count)]
        self.given += (given := taken.count(0.0))
        return given


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("valkey"), "valkey") as server:
        yield server


@pytest.fixture
def redis_board(redis_server: RedisServer) -> Callable[[], Board]:
    return lambda: RedisBoard(redis_server.url)


@pytest.fixture
def valkey_board(valkey_server: RedisServer) -> Callable[[], Board]:
    return lambda: RedisBoard(valkey_server.url)


@pytest.fixture
def memory_board() -> Callable[[], Board]:
    memory, slots = share_memory(8), count()
    return lambda: MemoryBoard(memory, next(slots))


@pytest.fixture(params=["memory", "redis", "valkey"])
def new_board(request: pytest.FixtureRequest) -> Callable[[], Board]:
    board: Callable[[], Board] = request.getfixturevalue(f"{request.param}_board")
    return board


@pytest.fixture
async def process(
    new_board: Callable[[], Board], clock: Clock
) -> AsyncIterator[Callable[[], Process]]:
    async with AsyncExitStack() as stack:

        def make() -> Process:
            made = Process(new_board(), clock)
            stack.push_async_callback(made.exchange.stop)
            return made

        yield make


async def steps(processes: list[Process], duration_s: float, tries: int = TRIES_A_STEP) -> None:
    """Processes exchange one after the other, and try before each exchange."""
    clock = processes[0].clock
    end_s = clock.now_s + duration_s
    while clock.now_s < end_s:
        for one in processes:
            clock.now_s += INTERVAL_S / len(processes)
            for each in processes:
                each.try_requests(tries)
            await one.exchange.step()


@pytest.mark.parametrize("number", [2, 4])
async def test_the_rate_of_a_user_holds_over_processes(
    number: int, process: Callable[[], Process]
) -> None:
    processes = [process() for _ in range(number)]
    await steps(processes, 2.0, tries=0)

    await steps(processes, MINUTE_S, tries=20)

    allowed = BURST * RATE + RATE * MINUTE_S
    assert sum(one.given for one in processes) == pytest.approx(allowed, rel=0.1)


async def test_the_bandwidth_of_a_user_holds_over_processes(
    process: Callable[[], Process], clock: Clock
) -> None:
    """Each sends a twentieth of a second's worth whenever its bucket is not in debt."""
    processes, window, sent = [process(), process()], RATE / 20, 0.0
    for slot in range(int(MINUTE_S * 20)):
        clock.now_s += 0.05
        for number, one in enumerate(processes):
            bucket = one.buckets.of("ada", clock.now_s)
            if bucket.level(clock.now_s) > 0:
                bucket.owe(window, clock.now_s)
                sent += window
            if slot % 10 == 5 * number:
                await one.exchange.step()

    assert sent == pytest.approx(BURST * RATE + RATE * MINUTE_S, rel=0.1)


async def test_nobody_below_the_limit_is_refused(process: Callable[[], Process]) -> None:
    processes = [process() for _ in range(3)]
    clock, refused = processes[0].clock, 0
    for _ in range(120):
        clock.now_s += INTERVAL_S
        for one in processes:
            refused += 8 - one.try_requests(8)  # 48 a second of 50
            await one.exchange.step()

    assert refused == 0


async def test_what_a_killed_process_had_comes_back(
    process: Callable[[], Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (memory_board_module, redis_board_module):
        monkeypatch.setattr(module, "LEASE_S", 0.3)
    killed, left = process(), process()
    killed.streams["ada"] = STREAMS
    await killed.exchange.step()
    await left.exchange.step()
    assert left.others.running("streams", "ada") == STREAMS

    async def seen() -> int:
        await left.exchange.step()
        return left.others.running("streams", "ada")

    await wait_until(seen, lambda count: count == 0)
    left.given = 0
    await steps([left], MINUTE_S, tries=100)
    assert left.given == pytest.approx(BURST * RATE + RATE * MINUTE_S, rel=0.02), "all of it"


async def test_a_process_that_stops_gives_back_at_once(process: Callable[[], Process]) -> None:
    stopping, left = process(), process()
    stopping.streams["ada"] = 3
    await stopping.exchange.step()
    await stopping.exchange.stop()

    await left.exchange.step()

    assert left.others.running("streams", "ada") == 0


async def test_surplus_streams_of_two_processes_end(process: Callable[[], Process]) -> None:
    first, second = sorted((process(), process()), key=lambda one: one.exchange.process_id)
    first.streams["ada"], second.streams["ada"], second.streams["eve"] = 6, 7, STREAMS
    for one in (first, second, first):
        await one.exchange.step()

    assert first.streams == {"ada": 6}
    assert second.streams == {"ada": STREAMS - 6, "eve": STREAMS}


@pytest.mark.parametrize("new_board", ["redis"], indirect=True)
async def test_without_redis_each_process_counts_for_itself(
    redis_server: RedisServer,
    process: Callable[[], Process],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "events.usage")
    here, there = process(), process()
    there.streams["ada"] = 5
    await steps([here, there], 3.0)
    await asyncio.to_thread(redis_server.kill)

    await steps([here, there], 2 * LEASE_S, tries=0)
    assert here.others.running("streams", "ada") == 0
    assert not here.exchange.is_up
    before = here.given
    await steps([here], MINUTE_S, tries=200)
    assert here.given - before == pytest.approx(BURST * RATE + RATE * MINUTE_S, rel=0.02)

    await asyncio.to_thread(redis_server.start)  # and it has forgotten everything
    before = here.given
    await steps([here, there], 2.0, tries=0)
    assert here.others.running("streams", "ada") == 5
    assert here.exchange.is_up
    here.clock.now_s += 2 * BURST
    assert here.try_requests(BURST * RATE) == BURST * RATE, "nothing of the time alone is charged"
    lines = [record.message for record in caplog.records]
    assert len([line for line in lines if "not shared" in line]) == 2, "one of each process"
    assert lines[-1] == "limits are shared again"


@pytest.mark.parametrize("new_board", ["redis"], indirect=True)
async def test_a_wiped_redis_is_filled_again(
    redis_server: RedisServer, process: Callable[[], Process]
) -> None:
    here, there = process(), process()
    there.streams["ada"] = 4
    await steps([here, there], 1.0)
    board = RedisBoard(redis_server.url)
    await board._redis.flushall()
    await board.close()

    await steps([here, there], 1.0)

    assert here.others.running("streams", "ada") == 4


@pytest.mark.parametrize("new_board", ["redis"], indirect=True)
@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"no posting", id="foreign bytes"),
        pytest.param(msgspec.msgpack.encode({"taken": [1]}), id="another version's"),
    ],
)
async def test_what_is_no_posting_is_passed_over(
    redis_server: RedisServer, process: Callable[[], Process], text: bytes
) -> None:
    here, strange = process(), RedisBoard(redis_server.url)
    await strange.exchange("strange", text)

    await here.exchange.step()

    assert here.exchange.is_up
    assert len(here.others) == 0
    await strange.remove("strange")
    await strange.close()


@pytest.mark.parametrize("new_board", ["redis"], indirect=True)
async def test_an_enormous_charge_is_a_minute_long(
    redis_server: RedisServer, process: Callable[[], Process], clock: Clock
) -> None:
    here, lying = process(), RedisBoard(redis_server.url)
    for taken in (0.0, 1e12):
        posting = Posting(taken={"requests": {"ada": taken}})
        await lying.exchange("lying", msgspec.msgpack.encode(posting))
        await here.exchange.step()
    assert here.try_requests(1) == 0
    await lying.remove("lying")
    await lying.close()

    clock.now_s += MINUTE_S + 1

    assert here.try_requests(1) == 1


async def test_a_redis_that_hangs_holds_nobody_up(clock: Clock) -> None:
    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silence, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        one = Process(RedisBoard(f"redis://127.0.0.1:{port}/0", timeout_s=0.05), clock)
        await one.exchange.step()

        assert one.exchange.failure_count == 1
        await one.exchange.stop()


async def test_all_round_trips_of_an_exchange_have_one_time_out(redis_server: RedisServer) -> None:
    async with slowed(redis_server, 0.2) as url:
        board = RedisBoard(url, timeout_s=0.3)
        with pytest.raises(BoardUnavailable, match=r"no answer in 0\.3 s"):
            await board.exchange("slow", b"")
        with pytest.raises(BoardUnavailable):
            await board.remove("slow")
        await board.close()


class FullBoard:
    """Of each of the others, a posting in which every user has taken once more."""

    def __init__(self, processes: int, users: int) -> None:
        self._processes, self._users, self._number = processes, users, 0

    async def exchange(self, process_id: str, posting: bytes) -> dict[str, bytes]:
        self._number += 1
        taken = {f"user-{user}": float(self._number) for user in range(self._users)}
        posted = msgspec.msgpack.encode(Posting({"requests": taken}, {}, self._number))
        return {f"process-{number}": posted for number in range(self._processes)}

    async def remove(self, process_id: str) -> None: ...

    async def close(self) -> None: ...


async def test_requests_have_their_turn_while_many_users_are_charged(clock: Clock) -> None:
    processes, users = 3, 2 * CHARGES_A_TURN
    process = Process(FullBoard(processes, users), clock)
    await process.exchange.step()
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    others = asyncio.create_task(take_turns())
    await process.exchange.step()
    others.cancel()

    assert turns >= processes + processes * users // CHARGES_A_TURN
    assert process.try_requests(BURST * RATE, "user-0") == BURST * RATE - processes
