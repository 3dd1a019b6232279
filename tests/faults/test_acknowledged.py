"""Fifty users, two web processes, kill -9 of everything at random moments: what was acknowledged is
there afterwards, be it a report, an upload or a change of an enrolment."""

import asyncio
import contextlib
import hashlib
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import psycopg2
import pytest

from storage.samples import write_clock_mp4
from tests.harness.serving import Serve, call, kill_all, ready_video, served_from, until_gone
from tests.harness.waiting import wait_until
from tests.service.reporting import Player

IS_FULL = bool(os.environ.get("FULL"))
ROUNDS = 20 if IS_FULL else 3
USERS = 50
ENROLLED = 8
DURATION_S = 36_000.0
PAUSE_S = 0.02
GONE = (aiohttp.ClientError, TimeoutError, OSError)
COURSE = "/api/v1/courses/c1"


@dataclass
class Uploader:
    session: aiohttp.ClientSession
    content: bytes
    acknowledged: list[str] = field(default_factory=list)

    async def step(self) -> None:
        form = aiohttp.FormData()
        form.add_field("file", self.content, filename="lecture.mp4")
        async with self.session.post("/api/v1/modules/m1/videos", data=form) as response:
            assert response.status in (201, 503), await response.text()
            if response.status == 201:
                self.acknowledged.append((await response.json())["id"])

    async def next_acknowledged(self) -> None:
        count = len(self.acknowledged)
        await wait_until(lambda: len(self.acknowledged) != count, within_s=30)

    async def lost(self) -> int:
        gone = 0
        for video_id in self.acknowledged:
            status, _ = await told(self.session, f"/api/v1/videos/{video_id}")
            gone += status != 200
        return gone

    async def until_judged(self) -> None:
        """Each acknowledged upload becomes its video, byte by byte; but for a video at
        which the media worker was killed three times, which is taken for the reason."""
        digest = hashlib.sha256(self.content).hexdigest()
        async with asyncio.timeout(180):
            for video_id in self.acknowledged:
                _, video = await wait_until(
                    partial(told, self.session, f"/api/v1/videos/{video_id}"),
                    lambda seen: seen[1]["status"] != "processing",
                    within_s=180,
                )
                assert video["original_sha256"] == digest
                assert video["status"] == "ready" or video["failure"]["code"] == "internal"


@dataclass
class Registrar:
    """Enrols and withdraws, each as often as it takes; `known` is what was acknowledged."""

    session: aiohttp.ClientSession
    known: dict[str, str | None] = field(default_factory=dict)
    in_doubt: tuple[str, str | None] | None = None
    count: int = 0

    async def step(self) -> None:
        user_id, role = self.in_doubt = self.in_doubt or self._next()
        path = f"{COURSE}/enrollments/{user_id}"
        method, body = ("PUT", {"role": role}) if role else ("DELETE", None)
        async with self.session.request(method, path, json=body) as response:
            assert response.status in (200, 201, 204, 404, 503), await response.text()
            if response.status == 503:
                return
        self.known[user_id], self.in_doubt = role, None
        self.count += 1

    def _next(self) -> tuple[str, str | None]:
        user_id = f"e{random.randrange(ENROLLED)}"
        return user_id, None if self.known.get(user_id) else random.choice(
            ["student", "instructor"]
        )

    async def lost(self) -> int:
        """Afterwards nothing is in doubt."""
        status, listing = await told(self.session, f"{COURSE}/enrollments?limit=200")
        assert status == 200
        roles = {one["user_id"]: one["role"] for one in listing["items"]}
        if self.in_doubt:
            user_id, role = self.in_doubt
            assert roles.get(user_id) in (role, self.known.get(user_id))
            self.known[user_id], self.in_doubt = roles.get(user_id), None
        return sum(roles.get(user_id) != role for user_id, role in self.known.items())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, made_cluster: Path) -> Iterator[Serve]:
    with served_from(tmp_path_factory.mktemp("acknowledged"), made_cluster, WORKERS="2") as served:
        served.start()
        yield served


@pytest.fixture(scope="module")
def small_mp4(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("media") / "clock.mp4"
    write_clock_mp4(path, 1)
    return path


async def test_what_was_acknowledged_is_there_after_everything_was_killed(
    served: Serve, small_mp4: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    killed: Counter[str] = Counter()
    async with cast_of(served, small_mp4) as (players, uploader, registrar):
        for number in range(ROUNDS):
            chance = random.Random(number)
            async with at_work([*players, uploader, registrar]):
                await uploader.next_acknowledged()
                await asyncio.sleep(chance.uniform(0.0, 0.8))
                name, victims = await victims_of(served, chance)
                kill_all(victims)
                killed[name] += 1
                await asyncio.sleep(chance.uniform(0.0, 1.0))
                await kill_everything(served, chance)
            await asyncio.to_thread(served.start)
            lost = Counter(
                reports=sum(await asyncio.gather(*map(lost_reports, players))),
                uploads=await uploader.lost(),
                enrolments=await registrar.lost(),
            )
            assert +lost == Counter(), f"round {number}, after {name}"
        if IS_FULL:  # a killed worker's job is taken up again within a minute
            await uploader.until_judged()
        acknowledged = sum(player.acknowledged + 1 for player in players)
    with capsys.disabled():
        print(
            f"\n{ROUNDS} rounds, each with everything killed, before it {dict(killed)}:"
            f" {acknowledged} reports, {len(uploader.acknowledged)} uploads,"
            f" {registrar.count} changes of enrolments acknowledged, lost = 0"
        )
    assert acknowledged > ROUNDS * USERS
    assert len(uploader.acknowledged) >= ROUNDS
    assert registrar.count > ROUNDS


@asynccontextmanager
async def cast_of(
    served: Serve, file: Path
) -> AsyncIterator[tuple[list[Player], Uploader, Registrar]]:
    video = await ready_video(served, file)
    await asyncio.to_thread(lengthen, served)
    async with contextlib.AsyncExitStack() as stack:
        admin = await stack.enter_async_context(served.client("root", "admin"))
        # Tells every process that the video has changed.
        await call(admin, "PATCH", f"/api/v1/videos/{video['id']}", json={"title": "Long"})
        students = [
            await stack.enter_async_context(served.client(f"student-{number}"))
            for number in range(USERS)
        ]
        players = await asyncio.gather(
            *(player_of(admin, one, number, video) for number, one in enumerate(students))
        )
        yield players, Uploader(admin, file.read_bytes()), Registrar(admin)


async def player_of(
    admin: aiohttp.ClientSession, student: aiohttp.ClientSession, number: int, video: Any
) -> Player:
    path = f"{COURSE}/enrollments/student-{number}"
    await call(admin, "PUT", path, json={"role": "student"})
    path = f"/api/v1/videos/{video['id']}"
    playback = await call(student, "POST", f"{path}/playback", json={})
    assert playback["duration"] == DURATION_S
    return Player(student, f"/play/{playback['grant']}/{video['id']}/progress")


async def lost_reports(player: Player) -> int:
    video_id = player.url.split("/")[3]
    status, kept = await told(player.session, f"/api/v1/videos/{video_id}/progress")
    assert status == 200
    return player.lost(kept)


async def told(session: aiohttp.ClientSession, path: str) -> tuple[int, Any]:
    """Asks again while a server that has just started is short of connections."""

    async def ask() -> tuple[int, Any]:
        async with session.get(path) as response:
            return response.status, await response.json()

    return await wait_until(ask, lambda seen: seen[0] != 503, within_s=30)


def lengthen(served: Serve) -> None:
    """A lecture of hours, without its bytes: room for reports that are all different."""
    cluster = served.cluster
    with (
        closing(
            psycopg2.connect(
                host=str(cluster.socket_directory),
                user="coursestream",
                dbname="coursestream",
                passfile=str(cluster.password_file),
            )
        ) as connection,
        connection,
    ):
        connection.cursor().execute("UPDATE videos SET duration_s = %s", (DURATION_S,))


@asynccontextmanager
async def at_work(actors: list[Any]) -> AsyncIterator[None]:
    """They go on meanwhile, whatever becomes of the server."""
    stopping = asyncio.Event()

    async def work(step: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while not stopping.is_set():
            with suppress(*GONE):
                await step()
            await asyncio.sleep(PAUSE_S)

    tasks = [asyncio.create_task(work(actor.step)) for actor in actors]
    try:
        yield
    finally:
        stopping.set()
        async with asyncio.timeout(10):
            await asyncio.gather(*tasks)


async def victims_of(served: Serve, chance: random.Random) -> tuple[str, set[int]]:
    """Chooses the processes that are killed first, while the rest goes on."""
    web, database = await served.web_processes(), await served.database()
    postmaster = await asyncio.to_thread(served.cluster.server_pid)
    assert postmaster is not None
    kinds = {
        "a web process": {chance.choice(sorted(web))},
        "all web processes": web,
        "the web arbiter": {await served.web_arbiter()},
        "the media worker": await served.workers(),
        "PostgreSQL": {postmaster},
        "PostgreSQL's backends": database - {postmaster},
        "nothing": set(),
    }
    name = chance.choice(sorted(kinds))
    return name, kinds[name]


async def kill_everything(served: Serve, chance: random.Random) -> None:
    found = {served.process.pid, *await served.web_processes(), *await served.workers()}
    pids = sorted(found | await served.database())
    chance.shuffle(pids)
    kill_all(pids)
    await asyncio.to_thread(served.process.wait, 10)
    await until_gone(set(pids))
