"""The embedded PostgreSQL dies while it is used: nothing acknowledged is lost, all comes back."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from storage.samples import write_clock_mp4
from tests.harness.running import STOP_TIMEOUT_S
from tests.harness.serving import Serve, call, ready_video, served_from, status_of
from tests.harness.waiting import wait_until
from tests.service.listening import listening

IS_FULL = bool(os.environ.get("FULL"))
ROUNDS = 25 if IS_FULL else 2
BACK_WITHIN_S = 20.0  # a second or two on an idle machine
PROMISED = {200, 503}


@pytest.fixture(scope="module", params=["1", "2"] if IS_FULL else ["2"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, made_cluster: Path
) -> Any:
    directory = tmp_path_factory.mktemp("served")
    with served_from(directory, made_cluster, WORKERS=request.param) as served:
        served.start()
        yield served


@pytest.fixture(scope="module")
def small_mp4(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("media") / "clock.mp4"
    write_clock_mp4(path, 2)
    return path


@pytest.fixture(scope="module")
def video(served: Serve, small_mp4: Path) -> Any:
    return asyncio.run(ready_video(served, small_mp4))


def position_at(sequence: int) -> float:
    return round(sequence % 180 / 100, 2)


class Reporter:
    """A player that reports again and again; the reports below `sequence` were acknowledged."""

    def __init__(self, session: aiohttp.ClientSession, playback: Any, video: Any) -> None:
        self._session = session
        self._url = f"/play/{playback['grant']}/{video['id']}/progress"
        self._playback = playback
        self.sequence = playback["next_sequence"]
        self.statuses: set[int] = set()

    async def report(self) -> int:
        body = {
            "session_id": self._playback["session_id"],
            "sequence": self.sequence,
            "position": position_at(self.sequence),
            "watched": [[0, 0.5]],
            "event": "progress",
        }
        async with self._session.post(self._url, json=body) as response:
            self.statuses.add(response.status)
            if response.status == 200:
                self.sequence += 1
            return response.status

    async def until_acknowledged(self) -> None:
        await wait_until(self.report, lambda status: status == 200, within_s=BACK_WITHIN_S)


async def reporter_of(student: aiohttp.ClientSession, video: Any) -> tuple[Reporter, str]:
    path = f"/api/v1/videos/{video['id']}/playback"
    playback = await call(student, "POST", path, json={})
    return Reporter(student, playback, video), playback["stream_url"]


async def kept(student: aiohttp.ClientSession, video: Any) -> Any:
    return await call(student, "GET", f"/api/v1/videos/{video['id']}/progress")


async def ready_again(served: Serve) -> None:
    async def promised() -> int | None:
        status = await status_of(served, "/readyz")
        assert status in PROMISED
        return status

    await wait_until(promised, lambda status: status == 200, within_s=BACK_WITHIN_S)


async def postmaster(served: Serve) -> int | None:
    return await asyncio.to_thread(served.cluster.server_pid)


async def kill_postmaster(served: Serve) -> int:
    pid = await postmaster(served)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    return pid


async def restarted_after(served: Serve, killed: int) -> None:
    await wait_until(
        lambda: postmaster(served),
        lambda seen: seen not in (None, killed),
        within_s=BACK_WITHIN_S,
    )
    await ready_again(served)


@contextmanager
def busy(reporter: Reporter) -> Iterator[None]:
    """Reports come without a pause meanwhile."""

    async def go_on() -> None:
        while True:
            await reporter.report()
            await asyncio.sleep(0.005)

    task = asyncio.create_task(go_on())
    try:
        yield
    finally:
        task.cancel()


async def test_a_killed_postmaster_is_started_again_and_no_acknowledged_report_is_lost(
    served: Serve, video: Any
) -> None:
    async with served.client("ada") as student, listening(student) as stream:
        reporter, stream_url = await reporter_of(student, video)
        for _ in range(ROUNDS):
            await reporter.until_acknowledged()
            with busy(reporter):
                killed = await kill_postmaster(served)
                async with student.get(stream_url, headers={"Range": "bytes=0-99"}) as played:
                    assert (played.status, len(await played.read())) == (206, 100)
                await restarted_after(served, killed)
            # What was under way when we stopped may have been committed, too.
            possible = {position_at(reporter.sequence - 1), position_at(reporter.sequence)}
            assert (await kept(student, video))["position"] in possible
        await reporter.until_acknowledged()
        heard = len(stream.told)
        await stream.until(lambda one: len(one.told) > heard)
    assert reporter.statuses <= PROMISED


async def test_killed_backends_are_replaced_by_postgresql_itself(served: Serve, video: Any) -> None:
    async with served.client("ada") as student:
        reporter, _ = await reporter_of(student, video)
        await reporter.until_acknowledged()
        alive = await postmaster(served)
        for pid in await served.database() - {alive}:
            with suppress(ProcessLookupError):  # the first one's end makes PostgreSQL end others
                os.kill(pid, signal.SIGKILL)
        await ready_again(served)
        assert (await kept(student, video))["position"] == position_at(reporter.sequence - 1)
        await reporter.until_acknowledged()
        assert await postmaster(served) == alive


async def test_the_media_worker_goes_on_after_a_killed_postmaster(
    served: Serve, small_mp4: Path
) -> None:
    await restarted_after(served, await kill_postmaster(served))
    assert (await ready_video(served, small_mp4))["status"] == "ready"


async def test_it_stops_in_order_after_all_of_that(served: Serve) -> None:
    """The last test on each server."""
    assert "starting it again" in served.log()
    _, _, traceback = served.log().partition("\nTraceback")
    assert not traceback, traceback[:5000]
    served.process.terminate()
    assert await asyncio.to_thread(served.process.wait, STOP_TIMEOUT_S) == 0
    assert await served.database() == set()
