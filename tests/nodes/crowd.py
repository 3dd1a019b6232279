"""A lecture hall in front of the balancer: players, reports, event streams, uploads, changes.

At work in a thread of its own, in its machine, as long as the block lasts.
"""

import asyncio
import hashlib
import random
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from server.commands.tokens import mint_token
from tests.harness.running import PAUSE_S, SECRET, wait_for
from tests.harness.serving import call
from tests.harness.waiting import wait_until
from tests.nodes.network import Machine
from tests.nodes.uploaders import Uploader
from tests.nodes.viewers import (
    AGAIN_S,
    EVENT_AGAIN_S,
    FAILURES,
    Listener,
    Record,
    Teacher,
    Viewer,
    tick,
)
from tests.service.reporting import NOT_NOW, Player, lost_reports

REQUEST_TIMEOUT_S = 20.0
SETTLED_WITHIN_S = 120.0  # whoever waits longer is lost, however busy the machine is

T = TypeVar("T")


@dataclass(frozen=True)
class Size:
    """Pauses are between the requests of one."""

    viewers: int
    listeners: int
    uploaders: int
    upload_bytes: int
    range_pause_s: float = 0.4
    report_pause_s: float = 1.0
    upload_pause_s: float = 0.5
    change_pause_s: float = 0.2


@dataclass(frozen=True)
class Film:
    """`file` is what is served of it, `upload` begins what is uploaded."""

    video_id: str
    file: bytes
    upload: bytes


@dataclass
class Crowd:
    """Made and used in its loop, but for what is said to wait."""

    url: str
    film: Film
    size: Size
    record: Record = field(default_factory=Record)
    viewers: list[Viewer] = field(default_factory=list)
    players: list[Player] = field(default_factory=list)
    listeners: list[Listener] = field(default_factory=list)
    uploaders: list[Uploader] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Waits for the work, in another thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(SETTLED_WITHIN_S)

    def wait_until_all_got_on(self) -> None:
        """Until each of them was served since: ranges, reports, bytes, a change."""
        before = self._done()

        def is_done() -> bool:
            assert not self.faults, self.faults[0]
            return all(now > then for now, then in zip(self._done(), before, strict=True))

        wait_for(is_done, "an answer for everybody", SETTLED_WITHIN_S)

    def _done(self) -> list[int]:
        return [
            *(viewer.ranges for viewer in self.viewers),
            *(player.acknowledged for player in self.players),
            *(uploader.pieces for uploader in self.uploaders),
            len(self.teacher.acknowledged),
        ]

    def wait_until_all_finished_one(self) -> None:
        def is_done() -> bool:
            assert not self.faults, self.faults[0]
            return all(one.finished for one in self.uploaders)

        wait_for(is_done, "a finished upload of everybody", SETTLED_WITHIN_S)

    def wait_until_heard(self, told: list[int]) -> None:
        behind = self.listeners
        deadline_s = time.monotonic() + SETTLED_WITHIN_S
        while behind := [one for one in behind if one.ids[-1] < told[-1]]:
            assert not self.record.ended_for_good, self.record.ended_for_good
            assert time.monotonic() < deadline_s, [str(one) for one in behind]
            time.sleep(PAUSE_S)

    def wait_until_each_listens(self) -> None:
        def is_done() -> bool:
            assert not self.record.ended_for_good, self.record.ended_for_good
            return all(one.ids for one in self.listeners)

        wait_for(is_done, "events in each stream", SETTLED_WITHIN_S)

    def lost_reports(self) -> int:
        return self.run(self._lost_reports())

    async def _lost_reports(self) -> int:
        return sum(await asyncio.gather(*map(self._lost_of, self.players)))

    async def _lost_of(self, player: Player) -> int:
        path = f"/api/v1/videos/{self.film.video_id}/progress"
        while True:
            acknowledged = player.acknowledged
            async with player.session.get(path) as response:
                if response.status == 200:
                    return lost_reports(await response.json(), acknowledged)
            await asyncio.sleep(AGAIN_S)

    async def digests(self, video_ids: Iterable[str], storage: Path) -> dict[str, str]:
        """SHA-256 of the files that were uploaded."""
        return {video_id: await self._digest(video_id, storage) for video_id in video_ids}

    async def _digest(self, video_id: str, storage: Path) -> str:
        """As the service tells it, or of the file that waits for the media worker to look at it."""
        path = f"/api/v1/videos/{video_id}"
        while True:
            async with self.teacher.session.get(path) as response:
                told = await response.json() if response.status == 200 else {}
                assert response.status in (200, *NOT_NOW), told
            found = told.get("original_sha256") or await asyncio.to_thread(_kept, storage, video_id)
            if found:
                return str(found)
            await asyncio.sleep(AGAIN_S)

    async def gather(self, stack: AsyncExitStack) -> None:
        """Enrols the viewers and gives each what it plays."""
        video = f"/api/v1/videos/{self.film.video_id}"
        admin = await self._session(stack, "root", "admin")
        self.teacher = Teacher(admin, video)
        await self.teacher.rename()  # tells every process that the film has changed
        for number in range(self.size.viewers):
            user = f"student-{number}"
            path = f"/api/v1/courses/c1/enrollments/{user}"
            await call(admin, "PUT", path, json={"role": "student"})
            session = await self._session(stack, user)
            told = await playback_at(session, f"{video}/playback")
            chance = random.Random(number)
            self.viewers.append(Viewer(session, told["stream_url"], self.film.file, chance))
            report = f"/play/{told['grant']}/{self.film.video_id}/progress"
            self.players.append(Player(session, report))
            self.listeners += (
                Listener(session, told["events_url"])
                for _ in range(number, self.size.listeners, self.size.viewers)
            )
        for number in range(self.size.uploaders):
            session = await self._session(stack, f"teacher-{number}", "admin")
            upload = self.film.upload
            self.uploaders.append(Uploader(session, upload, self.size.upload_bytes))

    async def _session(
        self, stack: AsyncExitStack, user: str, *roles: str
    ) -> aiohttp.ClientSession:
        return await stack.enter_async_context(
            aiohttp.ClientSession(
                self.url,
                headers={"Authorization": f"Bearer {mint_token(SECRET, user, roles=roles)}"},
                timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S),
                connector=aiohttp.TCPConnector(limit=0),
            )
        )

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        size, found = self.size, lambda: self.record
        works: list[tuple[Callable[[], Awaitable[None]], float]] = [
            *((lambda one=one: one.watch(found), size.range_pause_s) for one in self.viewers),
            *((lambda one=one: one.listen(found), EVENT_AGAIN_S) for one in self.listeners),
            *((one.step, size.report_pause_s) for one in self.players),
            *((one.step, size.upload_pause_s) for one in self.uploaders),
            (self.teacher.rename, size.change_pause_s),
            (lambda: tick(found), 0.0),
        ]
        tasks = [asyncio.create_task(self._repeat(*work)) for work in works]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _repeat(self, work: Callable[[], Awaitable[None]], pause_s: float) -> None:
        await asyncio.sleep(random.uniform(0, pause_s))
        while True:
            try:
                with suppress(*FAILURES):
                    await work()
            except Exception as exc:
                self.faults.append(repr(exc))
            await asyncio.sleep(random.uniform(0.5, 1.5) * pause_s)


def _kept(storage: Path, video_id: str) -> str | None:
    """None when the worker has put another file in the place of the original meanwhile."""
    with suppress(FileNotFoundError):
        for path in storage.glob(f"courses/*/{video_id}/original.*"):
            return hashlib.sha256(path.read_bytes()).hexdigest()
    return None


async def playback_at(session: aiohttp.ClientSession, path: str) -> Any:
    """Asks again while a node has not heard of all yet."""

    async def ask() -> tuple[int, Any]:
        async with session.post(path, json={}) as response:
            return response.status, await response.json()

    _, told = await wait_until(ask, lambda seen: seen[0] == 201, within_s=SETTLED_WITHIN_S)
    return told


@contextmanager
def at_work(machine: Machine, url: str, film: Film, size: Size) -> Iterator[Crowd]:
    crowd, is_there, stopping = Crowd(url, film, size), threading.Event(), asyncio.Event()

    async def attend() -> None:
        async with AsyncExitStack() as stack:
            await crowd.gather(stack)
            async with crowd.at_work():
                is_there.set()
                await stopping.wait()

    def work() -> None:
        machine.enter()
        with asyncio.Runner(loop_factory=lambda: crowd.loop) as runner:
            runner.run(attend())

    thread = threading.Thread(target=work, name="crowd")
    thread.start()
    try:
        wait_for(lambda: is_there.is_set() or not thread.is_alive(), "the crowd", SETTLED_WITHIN_S)
        assert is_there.is_set(), "the crowd could not be gathered"
        crowd.wait_until_all_got_on()
        crowd.wait_until_each_listens()
        yield crowd
    finally:
        if thread.is_alive():
            crowd.loop.call_soon_threadsafe(stopping.set)
        thread.join(SETTLED_WITHIN_S)
