"""The limits of a user over the web processes of one machine, without a Redis."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from events.usage.board import LEASE_S
from tests.harness.serving import Serve, ready_video, served_from
from tests.harness.waiting import wait_until
from tests.harness.wire import connected
from tests.service.process_costs import metrics_of

WORKERS = [2, 4] if os.environ.get("FULL") else [4]
RATE, STREAMS = 20, 4
# A user takes a bucket from each process before they know of each other: four are paid back in six
# seconds, and what is asked for is far more than allowed.
WINDOW_S, ASKERS, PACE_S = 15.0, 12, 0.1
KNOWN_WITHIN_S = 5.0


@pytest.fixture(scope="module", params=WORKERS, ids=lambda count: f"{count}-processes")
def several(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, made_cluster: Path
) -> Iterator[Serve]:
    settings = {
        "WORKERS": str(request.param),
        "DATABASE_POOL_SIZE": "3",
        "STREAM_RATE_LIMIT": f"{RATE}/second",
        "STREAMS_PER_USER": str(STREAMS),
        "LOG_LEVEL": "info",
    }
    with served_from(tmp_path_factory.mktemp("several"), made_cluster, **settings) as served:
        served.start()
        yield served


@pytest.fixture(scope="module")
def video(several: Serve, large_mp4: Path) -> Any:
    return asyncio.run(ready_video(several, large_mp4))


async def test_requests_of_a_user_hold_over_processes(several: Serve, video: Any) -> None:
    """Each asker connects anew for each request, so that all processes are asked.

    They ask for six times of what is allowed; faster ones would only take the processors.
    """
    answers: Counter[int] = Counter()
    url = f"{several.url}/api/v1/videos/{video['id']}/thumbnails/small"
    headers = {"Authorization": f"Bearer {several.token('root', 'admin')}"}
    began_s = time.monotonic()

    async def ask() -> None:
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
            while time.monotonic() < began_s + WINDOW_S:
                async with session.get(url) as response:
                    answers[response.status] += 1
                await asyncio.sleep(PACE_S)  # its pace

    await asyncio.gather(*(ask() for _ in range(ASKERS)))

    allowed = 2 * RATE + RATE * (time.monotonic() - began_s)
    assert answers[429] > answers[200], "more was asked for than allowed"
    assert answers[200] == pytest.approx(allowed, rel=0.1)


async def test_streams_of_a_user_hold_over_processes_and_after_a_kill(
    several: Serve, video: Any
) -> None:
    path = f"/api/v1/videos/{video['id']}/stream"
    processes = await several.web_processes()
    killed, *others = sorted(processes)
    async with AsyncExitStack() as watching:
        with several.answered_by(killed, processes):
            for _ in range(STREAMS):
                await watching.enter_async_context(stalled(several, path))
        await until_running(several, STREAMS)
        await wait_until(
            lambda: answer_of(several, others[0], processes, path),
            lambda status: status == 429,
            within_s=KNOWN_WITHIN_S,
        )

        os.kill(killed, signal.SIGKILL)

        await until_running(several, 0, LEASE_S + KNOWN_WITHIN_S)
        await wait_until(  # each process notices by itself
            lambda: answer_of(several, others[0], processes - {killed}, path),
            lambda status: status == 206,
            within_s=KNOWN_WITHIN_S,
        )
    now = await wait_until(
        several.web_processes, lambda seen: len(seen) == len(processes), within_s=20
    )
    assert killed not in now


async def until_running(serve: Serve, count: int, within_s: float = KNOWN_WITHIN_S) -> None:
    """Until the process that is asked tells so many streams in all."""

    async def told() -> float:
        metrics = await metrics_of(serve)
        return float(metrics['coursestream_cluster_streams{limit="streams"}'])

    await wait_until(told, lambda seen: seen == count, within_s=within_s)


async def answer_of(serve: Serve, pid: int, processes: set[int], path: str) -> int:
    with serve.answered_by(pid, processes):
        async with (
            serve.client("ada") as ada,
            ada.get(path, headers={"Range": "bytes=0-1"}) as response,
        ):
            return response.status


@asynccontextmanager
async def stalled(serve: Serve, path: str) -> AsyncIterator[None]:
    """A transfer whose client reads its head and no more."""
    async with connected(serve.url, buffer_bytes=2**12, receive_buffer_bytes=2**12) as wire:
        await wire.send(
            f"GET {path} HTTP/1.1", "Host: h", f"Authorization: Bearer {serve.token('ada')}"
        )
        assert (await wire.head()).status == 200
        yield
