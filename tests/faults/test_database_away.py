"""PostgreSQL hangs, dies or is stopped under load: playing goes on, reports are told to come again,
nothing piles up, and all is well within two seconds of its return."""

import asyncio
import os
import re
import signal
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from operator import gt, sub
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from db.postgres.migrations import MIGRATIONS, migrate
from server.postgres.cluster import Cluster
from server.postgres.embedded import DATABASE, USER, EmbeddedPostgres
from tests.conftest import HASTY_SETTINGS
from tests.harness.running import free_port
from tests.harness.serving import FILLER_BYTES, Serve, call, ready_video, served_from, slow_transfer
from tests.harness.waiting import wait_until
from tests.service.listening import Stream, listening

IS_FULL = bool(os.environ.get("FULL"))
BACK_WITHIN_S = 2.0
# A loaded machine schedules us late, too; the figure is printed.
PATIENCE_S = BACK_WITHIN_S if IS_FULL else 6.0
REPORTERS, STREAMS = 20, 3
HEARTBEAT_S = 1.0
RANGE_WITHIN_S = 2.0
PAUSE_S = 0.02
STEP_S = 0.1


@dataclass(frozen=True)
class Elsewhere:
    """A PostgreSQL that `serve` does not start again: somebody else's."""

    postgres: EmbeddedPostgres
    cluster: Cluster

    @property
    def url(self) -> str:
        query = f"host={quote(str(self.cluster.socket_directory))}&passfile="
        return f"postgresql://{USER}@/{DATABASE}?{query}{quote(str(self.cluster.password_file))}"

    def signal(self, number: signal.Signals) -> None:
        for pid in self.cluster.process_ids():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def hang(self) -> None:
        self.signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)

    def stop(self) -> None:
        self.postgres.stop()

    def start(self) -> None:
        self.postgres.start()

    def restart(self) -> None:
        self.postgres.restart()


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Elsewhere]:
    with tempfile.TemporaryDirectory(prefix="cs-away-") as directory:
        os.chmod(directory, 0o711)
        with EmbeddedPostgres(Path(directory), HASTY_SETTINGS) as postgres:
            migrate(postgres.dsn, MIGRATIONS)
            yield Elsewhere(postgres, Cluster(Path(directory) / "postgres"))


@pytest.fixture(scope="module")
def served(elsewhere: Elsewhere, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    settings = {
        "DATABASE_URL": elsewhere.url,
        "SSE_HEARTBEAT": f"{HEARTBEAT_S:.0f}s",
        "METRICS_PORT": str(free_port()),
    }
    with served_from(tmp_path_factory.mktemp("away"), **settings) as served:
        served.start()
        yield served


@pytest.fixture(scope="module")
def video(served: Serve, large_mp4: Path) -> Any:
    return asyncio.run(ready_video(served, large_mp4))


@dataclass
class Audience:
    """Clients that use the service all the time, and the answers that they got."""

    session: aiohttp.ClientSession
    playback: Any
    report_url: str
    reports: Counter[tuple[int, bool]] = field(default_factory=Counter)
    ranges: Counter[int] = field(default_factory=Counter)
    slowest_range_s: float = 0.0
    sequence: int = 0

    async def report(self) -> int:
        self.sequence += 1
        body = {
            "session_id": self.playback["session_id"],
            "sequence": self.sequence,
            "position": 1.0,
            "watched": [[0, 1]],
            "event": "progress",
        }
        async with self.session.post(self.report_url, json=body) as response:
            self.reports[response.status, "Retry-After" in response.headers] += 1
            return response.status

    async def play(self) -> None:
        started_s = time.monotonic()
        headers = {"Range": "bytes=100000-165535"}
        async with self.session.get(self.playback["stream_url"], headers=headers) as response:
            self.ranges[response.status] += len(await response.read()) == 65536
        self.slowest_range_s = max(self.slowest_range_s, time.monotonic() - started_s)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        async def again(step: Callable[[], Awaitable[object]]) -> None:
            while True:
                await step()
                await asyncio.sleep(PAUSE_S)

        steps = [self.report] * REPORTERS + [self.play]
        tasks = [asyncio.create_task(again(step)) for step in steps]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(one) for one in ended} == {asyncio.CancelledError}


@asynccontextmanager
async def audience_of(served: Serve, video: Any) -> AsyncIterator[Audience]:
    path = f"/api/v1/videos/{video['id']}/playback"
    async with served.client("ada") as session:
        playback = await call(session, "POST", path, json={})
        report_url = f"/play/{playback['grant']}/{video['id']}/progress"
        yield Audience(session, playback, report_url, sequence=playback["next_sequence"])


@dataclass(frozen=True)
class Held:
    """Descriptors and memory of a process."""

    threads: int
    descriptors: int
    resident_bytes: int
    reports_waiting: int
    requests_running: int


async def held(served: Serve) -> Held:
    process = Path(f"/proc/{served.process.pid}")
    pages = int((process / "statm").read_text().split()[1])
    metrics = await metrics_of(served)
    return Held(
        len(os.listdir(process / "task")),
        len(os.listdir(process / "fd")),
        pages * os.sysconf("SC_PAGE_SIZE"),
        int(sum_of(metrics, "progress_reports_waiting")),
        int(sum_of(metrics, "http_requests_running")),
    )


async def metrics_of(served: Serve) -> str:
    url = f"http://127.0.0.1:{served.settings['METRICS_PORT']}/metrics"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await response.text()


def sum_of(metrics: str, name: str) -> float:
    lines = re.findall(rf"^coursestream_{name}(?:\{{.*\}})? (\S+)$", metrics, re.MULTILINE)
    return sum(map(float, lines))


async def readyz(served: Serve) -> tuple[int, Any]:
    async with aiohttp.ClientSession(served.url) as session, session.get("/readyz") as response:
        return response.status, (await response.json())["checks"]


async def read(stream: Stream) -> None:
    """Takes what comes, for ever."""
    while True:
        count = stream.comments + len(stream.told)
        await stream.until(lambda one: one.comments + len(one.told) > count)  # noqa: B023


@asynccontextmanager
async def streams_of(audience: Audience) -> AsyncIterator[list[Stream]]:
    async with AsyncExitStack() as stack:
        streams = [
            await stack.enter_async_context(listening(audience.session)) for _ in range(STREAMS)
        ]
        tasks = [asyncio.create_task(read(stream)) for stream in streams]
        try:
            yield streams
            assert not any(task.done() for task in tasks), "a stream ended"
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def seconds_until(condition: Callable[[], Awaitable[bool]]) -> float:
    started_s = time.monotonic()
    await wait_until(condition, within_s=30)
    return time.monotonic() - started_s


@pytest.mark.alone
@pytest.mark.parametrize(
    ("leave", "come_back", "away_s"),
    [
        pytest.param("hang", "go_on", 6, id="hangs"),  # longer than a report may take
        pytest.param("kill", "restart", 1.5, id="killed"),
        pytest.param("stop", "start", 1.5, id="stopped"),
    ],
)
async def test_playing_goes_on_and_all_comes_back(
    served: Serve,
    elsewhere: Elsewhere,
    video: Any,
    capsys: pytest.CaptureFixture[str],
    leave: str,
    come_back: str,
    away_s: float,
) -> None:
    away_s = 30.0 if IS_FULL else away_s
    # More than the kernel held already when PostgreSQL left.
    step_bytes = int(FILLER_BYTES * 0.8 * STEP_S / away_s)
    async with (
        audience_of(served, video) as audience,
        slow_transfer(served, audience.playback["stream_url"]) as transfer,
        streams_of(audience) as streams,
        audience.at_work(),
    ):
        await seconds_until(lambda: is_true(audience.reports[200, False] > 2 * REPORTERS))
        before = await held(served)
        audience.reports.clear()

        await asyncio.to_thread(getattr(elsewhere, leave))
        left_s = time.monotonic()
        comments = [stream.comments for stream in streams]
        try:
            status, checks = await readyz(served)
            assert (status, checks["database"]) == (503, "unavailable")
            assert checks["storage"] == "ok"
            while time.monotonic() < left_s + away_s:
                assert await transfer.readexactly(step_bytes)
                await asyncio.sleep(STEP_S)
            heard = [stream.comments for stream in streams]
            assert min(map(sub, heard, comments)) >= away_s / HEARTBEAT_S - 2
            during = await held(served)
        finally:
            told = [len(stream.told) for stream in streams]
            await asyncio.to_thread(getattr(elsewhere, come_back))
        refused = dict(audience.reports)

        acknowledged = audience.reports[200, False]
        back_s = await asyncio.gather(
            seconds_until(lambda: is_true(audience.reports[200, False] > acknowledged)),
            seconds_until(lambda: is_ready(served)),
            seconds_until(
                lambda: is_true(all(map(gt, (len(stream.told) for stream in streams), told)))
            ),
        )
        with capsys.disabled():
            print(
                f"\n{leave} for {away_s:.0f} s: {refused}, ranges {dict(audience.ranges)} at most"
                f" {audience.slowest_range_s:.2f} s, back after (report, readyz, event)"
                f" {[round(one, 2) for one in back_s]} s; {before} {during}"
            )
        assert max(back_s) < PATIENCE_S
        assert refused.get((503, True), 0) >= REPORTERS
        assert {key for key in refused if key[0] != 200} == {(503, True)}
        assert set(audience.ranges) == {206}
        assert audience.slowest_range_s < RANGE_WITHIN_S
        await check_nothing_piled_up(before, during)


async def is_true(value: bool) -> bool:
    return value


async def is_ready(served: Serve) -> bool:
    return (await readyz(served))[0] == 200


async def check_nothing_piled_up(before: Held, during: Held) -> None:
    assert during.threads <= before.threads + 4
    assert during.descriptors <= before.descriptors + 12
    assert during.reports_waiting <= REPORTERS
    assert during.requests_running <= REPORTERS + STREAMS + 4
    assert during.resident_bytes <= before.resident_bytes + 24 * 2**20
