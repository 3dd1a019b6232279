"""Storage work on threads: result, context, cancellation."""

import asyncio
import os
import threading
from contextvars import ContextVar
from pathlib import Path

import pytest

from storage.disk import SHARED_DISK, Disk, open_disk
from storage.errors import StorageFull

REQUEST = ContextVar("request", default="none")


@pytest.mark.parametrize("run", [Disk.run, Disk.run_to_its_end, Disk.start])
async def test_call_runs_on_another_thread_in_the_callers_context(disk: Disk, run) -> None:
    REQUEST.set("one")

    def look(*, number: int) -> tuple[str, int, bool]:
        return REQUEST.get(), number, threading.current_thread() is threading.main_thread()

    assert await run(disk, look, number=7) == ("one", 7, False)


@pytest.mark.parametrize("run", [Disk.run, Disk.run_to_its_end, Disk.start])
async def test_what_the_call_raises_comes_out(disk: Disk, run) -> None:
    def fail() -> None:
        raise StorageFull

    with pytest.raises(StorageFull):
        await run(disk, fail)


async def test_own_threads_and_the_loops_are_distinguished() -> None:
    def name() -> str:
        return threading.current_thread().name

    async with open_disk(1, "upload") as own:
        assert (await own.run(name)).startswith("upload")
    assert not (await SHARED_DISK.run(name)).startswith("upload")


@pytest.mark.parametrize(("is_awaited", "run"), [(True, Disk.run_to_its_end), (False, Disk.run)])
async def test_cancelled_only_what_has_to_end_is_awaited(disk: Disk, is_awaited, run) -> None:
    started, may_end = threading.Event(), threading.Event()

    def write() -> None:
        started.set()
        assert may_end.wait(10)

    task = asyncio.create_task(run(disk, write))
    await disk.run(started.wait, 10)
    task.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert task.done() is not is_awaited

    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_leaving_awaits_the_work_that_has_begun() -> None:
    started, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def write() -> None:
        started.set()
        assert may_end.wait(10)
        ended.set()

    async with open_disk(1, "upload") as disk:
        disk.start(write)
        await SHARED_DISK.run(started.wait, 10)
        may_end.set()
    assert ended.is_set()


async def test_file_that_is_opened_under_a_cancellation_is_closed(
    disk: Disk, tmp_path: Path
) -> None:
    started, may_end, descriptors = threading.Event(), threading.Event(), []

    def open_late(path: str, flags: int) -> int:
        started.set()
        assert may_end.wait(10)
        descriptors.append(os.open(path, flags, 0o600))
        return descriptors[0]

    async def hold() -> None:
        async with disk.opened(tmp_path / "one", "xb", open_late):
            raise AssertionError("it was cancelled before")

    task = asyncio.create_task(hold())
    await disk.run(started.wait, 10)
    task.cancel()
    await asyncio.sleep(0)
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task

    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptors[0])
