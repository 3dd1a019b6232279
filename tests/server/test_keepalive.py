"""Keep-alive time-out, with transfers that take longer and heads that never end.

Through the listener of the product, with the time cut from 75 seconds to one.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from server.config.settings import load_config
from server.credentials.secrets import with_secrets
from server.stop_signals import StopSignals
from server.web import listener as listening_module
from server.web.app import build_app
from server.web.listener import listening
from tests.films.lectures import SMALL_BUFFER_BYTES, Lecture, Watcher, watching
from tests.handlers.conftest import COURSE, MODULE, SECRET, Service
from tests.harness.serving import write_large_mp4

KEEPALIVE_S = 1.0
FILLER_BYTES = 12 * 2**20  # more than what the kernels hold between a server and a small buffer


Connect = Callable[[], AbstractAsyncContextManager[Watcher]]


@pytest.fixture
async def connect(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Connect]:
    """Opens a connection of who may watch a lecture."""
    monkeypatch.setattr(listening_module, "KEEPALIVE_TIMEOUT_S", KEEPALIVE_S)
    file = await asyncio.to_thread(
        write_large_mp4, tmp_path, random.Random(1).randbytes(FILLER_BYTES)
    )
    async with _listening(dsn, tmp_path) as service:
        lecture = Lecture(await service.ready_video(file), file.read_bytes())
        playback = await service.ask("ada", "POST", f"videos/{lecture.id}/playback")
        yield partial(
            watching,
            service.url,
            playback.json["stream_url"],
            lecture,
            receive_buffer_bytes=SMALL_BUFFER_BYTES,
        )


@asynccontextmanager
async def _listening(dsn: str, directory: Path) -> AsyncIterator[Service]:
    settings = {"COURSESTREAM_DATA_DIR": str(directory), "COURSESTREAM_JWT_SECRET": SECRET}
    config = await asyncio.to_thread(
        lambda: replace(with_secrets(load_config(settings, directory / "no.env")), port=0)
    )
    app = await asyncio.to_thread(build_app, config, dsn)
    async with listening(app, config, StopSignals()) as url:
        place = SimpleNamespace(make_url=lambda path: url + path, port=int(url.rpartition(":")[2]))
        service = Service(app, place, config, [])
        await service.put(f"courses/{COURSE}", {"title": "Course"})
        await service.put(f"courses/{COURSE}/enrollments/tess", {"role": "instructor"})
        await service.put(f"courses/{COURSE}/enrollments/ada", {"role": "student"})
        await service.put(f"courses/{COURSE}/modules/{MODULE}", {"title": "Module", "position": 1})
        yield service
        for session in service.clients:
            await session.close()


async def test_a_transfer_may_take_longer_and_the_connection_is_kept_after_it(
    connect: Connect,
) -> None:
    async with connect() as watcher:
        await watcher.ask()
        assert (await watcher.wire.head()).status == 200
        began_s, start = time.monotonic(), 0
        while time.monotonic() < began_s + 3 * KEEPALIVE_S:
            await watcher.take(start, start + 2**15)
            start += 2**15
            await asyncio.sleep(0.1)  # its pace
        await watcher.take(start, watcher.lecture.size)

        await watcher.range(0, 1000)
        assert await watcher.wire.rest() == b""  # idle, and closed within the time of a wait


async def test_a_head_that_does_not_end_is_given_up(connect: Connect) -> None:
    async with connect() as watcher:
        watcher.wire.writer.write(f"GET {watcher.path} HTTP/1.1\r\nX-Endless: ".encode())
        ending = asyncio.create_task(watcher.take_until_cut(0))
        while not ending.done():
            watcher.wire.writer.write(b"x")
            await asyncio.sleep(0.1)  # its pace
        assert await ending == 0
