"""Each event reaches each permitted subscriber once, in order, whatever breaks meanwhile.

Processes of their own append to the log; subscribers leave at random moments and come back with
their last event's id. What they heard is held against the log itself.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from db.errors import DatabaseError
from db.log import event_log
from db.pool import Database, Row, open_database
from events.log import log
from events.log.retention import Retention
from events.stream.visibility import STUDENT_TYPES
from server.postgres.embedded import PostgresNotRunning
from tests.faults.appending import COURSE, STUDENTS, dsn_of, event_of
from tests.harness import logged
from tests.harness.running import ROOT, STOP_TIMEOUT_S
from tests.harness.serving import Serve, call, served_from

IS_FULL = bool(os.environ.get("FULL"))
EVENTS = 100_000 if IS_FULL else 20_000
RATE = 1000 if IS_FULL else 2000  # a second, in all
PORTION = 250
FURTHEST = 8000  # behind, on a machine that is busy; by contract 10,000 are a reset
APPENDERS = 3
AWAY_AFTER_S = 2.0  # at most, at a random moment
PATIENCE_S = 400.0 if IS_FULL else 180.0  # some ten seconds on an idle machine
RETRY_S = 0.05
AWAY = {503, 429}  # who comes back ever again while the database is away, soon waits often enough
DAY = timedelta(days=1)


@dataclass
class Subscriber:
    """Reads, leaves, and comes back from where it was, until it has heard of `newest_id`."""

    session: aiohttp.ClientSession
    sees: Any  # Row -> bool
    query: str = ""
    heard: list[int] = field(default_factory=list)
    resets: list[int] = field(default_factory=list)
    last_id: str = ""
    came_back: int = 0
    newest_id: int | None = None

    async def run(self, chance: random.Random) -> None:
        while self.newest_id is None or int(self.last_id or 0) < self.newest_id:
            with suppress(aiohttp.ClientError, ConnectionError, TimeoutError):
                async with asyncio.timeout(chance.uniform(0, AWAY_AFTER_S)):
                    await self.read()

    async def read(self) -> None:
        """Returns when the server ended the stream."""
        headers = {"Last-Event-ID": self.last_id} if self.last_id else {}
        path = f"/api/v1/events{self.query}"
        async with self.session.get(path, headers=headers) as response:
            if response.status != 200:
                assert response.status in AWAY, await response.text()
                await asyncio.sleep(RETRY_S)
                return
            self.came_back += 1
            unread = b""
            while received := await response.content.readany():
                *blocks, unread = (unread + received).split(b"\n\n")
                for block in blocks:
                    self._take(block)

    def _take(self, block: bytes) -> None:
        fields = dict(line.split(b": ", 1) for line in block.split(b"\n") if b": " in line)
        if b"id" in fields:
            self.last_id = fields[b"id"].decode()
        if b"data" in fields:
            into = self.resets if fields[b"event"] == b"reset" else self.heard
            into.append(int(self.last_id))


@dataclass(frozen=True)
class Appenders:
    """Processes that append what is handed out to them."""

    processes: "list[subprocess.Popen[str]]"

    async def hand_out(self, count: int, subscribers: list[Subscriber]) -> list[int]:
        """Has that many events appended; the ids of those that are known to be in the log."""
        start_id = min(int(one.last_id) for one in subscribers)
        for given in range(0, count, PORTION):
            while start_id + given - min(int(one.last_id) for one in subscribers) > FURTHEST:
                await asyncio.sleep(RETRY_S)
            process = self.processes[given // PORTION % len(self.processes)]
            print(PORTION, file=process.stdin, flush=True)
            await asyncio.sleep(PORTION / RATE)
        told = await asyncio.gather(
            *(asyncio.to_thread(process.communicate) for process in self.processes)
        )
        assert [process.returncode for process in self.processes] == [0] * len(told)
        return [int(line) for output, _ in told for line in output.split()]


@contextmanager
def appending(served: Serve) -> Iterator[Appenders]:
    command = [sys.executable, "-m", "tests.faults.appending", str(served.data_dir)]
    pipe = subprocess.PIPE
    with ExitStack() as opened:
        processes = [
            opened.enter_context(
                subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)
            )
            for _ in range(APPENDERS)
        ]
        try:
            yield Appenders(processes)
        finally:
            for process in processes:
                process.kill()


@asynccontextmanager
async def subscribed(served: Serve) -> AsyncIterator[list[Subscriber]]:
    """Two of an admin, an instructor, two students, and one who asked for less."""
    async with (
        served.client("root", "admin") as root,
        served.client("tess") as tess,
        served.client(STUDENTS[0]) as ada,
        served.client(STUDENTS[1]) as bob,
    ):
        await call(root, "PUT", f"/api/v1/courses/{COURSE}", json={"title": "Course"})
        for user_id, role in (("tess", "instructor"), *((one, "student") for one in STUDENTS)):
            path = f"/api/v1/courses/{COURSE}/enrollments/{user_id}"
            await call(root, "PUT", path, json={"role": role})
        yield [
            Subscriber(root, lambda row: True),
            Subscriber(root, lambda row: True),
            Subscriber(tess, lambda row: True),
            Subscriber(ada, sight_of_student("ada")),
            Subscriber(bob, sight_of_student("bob")),
            Subscriber(tess, lambda row: row.type == "video.ready", "?types=video.ready"),
        ]


def sight_of_student(user_id: str) -> Any:
    def sees(row: Row) -> bool:
        is_playback = row.type.startswith("playback.")
        return row.type in STUDENT_TYPES or (is_playback and row.user_id == user_id)

    return sees


async def whole_log(database: Database, after_id: int) -> list[Row]:
    rows: list[Row] = []
    while page := await logged.read_after(database, after_id, 10_000):
        rows += page
        after_id = page[-1].id
    return rows


async def newest_id(database: Database) -> int:
    return (await event_log.read_bounds(database)).newest_id


@asynccontextmanager
async def database_of(served: Serve) -> AsyncIterator[Database]:
    dsn = await asyncio.to_thread(dsn_of, served.data_dir)
    async with open_database(dsn, size=1) as database:
        yield database


async def until_reached(served: Serve, event_id: int) -> None:
    """Until that many events stand in the log, which may be away meanwhile."""
    reached = 0
    while reached < event_id:
        with suppress(DatabaseError, PostgresNotRunning):
            async with database_of(served) as database:
                while reached < event_id:
                    reached = await newest_id(database)
                    await asyncio.sleep(RETRY_S)
        await asyncio.sleep(RETRY_S)


async def tell(database: Database) -> list[int]:
    """An event that all see."""
    async with database.transaction() as transaction:
        return await log.append(transaction, [event_of(0)])


async def kill_postgres(served: Serve) -> None:
    pid = await asyncio.to_thread(served.cluster.server_pid)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


async def restart(served: Serve) -> None:
    served.process.terminate()
    assert await asyncio.to_thread(served.process.wait, STOP_TIMEOUT_S) == 0
    await asyncio.to_thread(served.start)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, made_cluster: Path) -> Iterator[Serve]:
    directory = tmp_path_factory.mktemp("served")
    with served_from(directory, made_cluster, WORKERS="2", LOG_LEVEL="info") as served:
        served.start()
        yield served


async def test_each_event_is_heard_once_in_order_across_reconnects_and_restarts(
    served: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    seed, started_s = random.randrange(2**32), time.monotonic()
    async with (
        asyncio.timeout(PATIENCE_S),
        subscribed(served) as subscribers,
        asyncio.TaskGroup() as running,
    ):
        async with database_of(served) as database:
            start_id = await newest_id(database)
        for number, subscriber in enumerate(subscribers):
            subscriber.last_id = str(start_id)
            running.create_task(subscriber.run(random.Random(seed + number)))
        with appending(served) as appenders:
            appended = running.create_task(appenders.hand_out(EVENTS, subscribers))
            await until_reached(served, start_id + EVENTS // 4)
            await kill_postgres(served)
            await until_reached(served, start_id + EVENTS // 2)
            await restart(served)
            acknowledged = await appended
        async with database_of(served) as database:
            [last_id] = await tell(database)
            rows = await whole_log(database, start_id)
        for subscriber in subscribers:
            subscriber.newest_id = last_id

    assert set(acknowledged) <= {row.id for row in rows}
    assert len(rows) > EVENTS * 0.9  # commits in doubt are few
    for subscriber in subscribers:
        assert subscriber.resets == []
        assert subscriber.heard == [row.id for row in rows if subscriber.sees(row)], seed
    with capsys.disabled():
        took_s = time.monotonic() - started_s
        heard = sum(len(one.heard) for one in subscribers)
        came_back = sum(one.came_back for one in subscribers)
        print(
            f"\n{len(rows)} events of {APPENDERS} processes in {took_s:.0f} s,"
            f" heard {heard} times by {len(subscribers)} subscribers that came {came_back} times,"
            " PostgreSQL killed and serve restarted meanwhile: 0 missed, 0 doubled"
        )


async def test_what_retention_dropped_is_published_as_a_reset_and_nothing_else_is_missed(
    served: Serve,
) -> None:
    """Goes on with the log of the test before."""
    async with (
        database_of(served) as database,
        served.client("root", "admin") as root,
        asyncio.timeout(PATIENCE_S),
    ):
        up_to_date, behind = (Subscriber(root, lambda row: True) for _ in range(2))
        begin_id = await newest_id(database)
        up_to_date.last_id, behind.last_id = str(begin_id), str(begin_id - 1)
        reading = asyncio.create_task(up_to_date.run(random.Random(1)))
        retention = Retention(database, DAY.total_seconds(), 86400.0, DAY.total_seconds())
        assert await retention.drop_days(datetime.now(UTC) + 2 * DAY)
        await retention.add_partitions(datetime.now(UTC))
        ids = [event_id for _ in range(20) for event_id in await tell(database)]
        up_to_date.newest_id = behind.newest_id = ids[-1]
        await reading
        await behind.run(random.Random(2))

    assert (up_to_date.heard, up_to_date.resets) == (ids, [])
    assert len(behind.resets) == 1
    assert behind.heard == [event_id for event_id in ids if event_id > behind.resets[0]]
