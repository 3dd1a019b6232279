"""Every end of a child: the resulting error, and the number of children started."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from storage.errors import (
    FileMissing,
    InvalidSubtitles,
    MediaCrashed,
    MediaInterrupted,
    MediaTimedOut,
    NoVideo,
    StorageError,
    TooComplex,
)
from storage.sandbox import outcome
from storage.sandbox.child_process import used_cpu_s
from storage.sandbox.children import Sandbox
from storage.sandbox.forked_child import Child
from tests.storage.sandbox.living import processes

HERE = Path(__file__).resolve().parent
HOSTILE = Child("hostile_child", (HERE, HERE.parents[2]))


class Note(msgspec.Struct, frozen=True):
    path: Path


async def run(note: Path, function: str, *, timeout_s: float = 30, most: int = 3) -> int:
    return await Sandbox(1, child=HOSTILE).run(
        function,
        Note(note),
        int,
        timeout_s=timeout_s,
        cpu_s=1,
        file_bytes=1000,
        most_interruptions=most,
    )


@asynccontextmanager
async def striking(note: Path, number: int, times: int) -> AsyncIterator[None]:
    """Send the signal to the first children as soon as they run."""
    task = asyncio.create_task(_strike(note, number, times))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _strike(note: Path, number: int, times: int) -> None:
    # An init does not receive unhandled signals: those go to its guard.
    hit = -1 if number in (signal.SIGKILL, signal.SIGSTOP) else 0
    for count in range(1, times + 1):
        while children(note) < count:
            await asyncio.sleep(0.01)
        os.kill(processes()[hit], number)


def children(note: Path) -> int:
    """Number of children started."""
    return len(note.read_text().split()) if note.exists() else 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGBUS])
async def test_child_that_is_killed_once_costs_nothing(tmp_path: Path, number: int) -> None:
    note = tmp_path / "pids"

    async with striking(note, number, 1):
        assert await run(note, "hang_first") == 7

    assert children(note) == 2


async def test_children_that_are_killed_each_time_are_the_machines_fault(tmp_path: Path) -> None:
    note = tmp_path / "pids"

    async with striking(note, signal.SIGKILL, 3):
        with pytest.raises(MediaInterrupted, match="SIGKILL"):
            await run(note, "hang_always")

    assert children(note) == 3


async def test_killed_child_of_a_job_is_left_to_its_queue(tmp_path: Path) -> None:
    note = tmp_path / "pids"

    async with striking(note, signal.SIGKILL, 1):
        with pytest.raises(MediaInterrupted):
            await run(note, "hang_always", most=1)

    assert children(note) == 1


async def test_child_that_is_stopped_is_asked_again(tmp_path: Path) -> None:
    note = tmp_path / "pids"

    async with striking(note, signal.SIGSTOP, 1):
        assert await run(note, "hang_first", timeout_s=3) == 7

    assert children(note) == 2
    assert processes() == []


async def test_child_that_only_waits_is_the_machines_fault(tmp_path: Path) -> None:
    with pytest.raises(MediaInterrupted, match="CPU time"):
        await run(tmp_path / "pids", "hang_always", timeout_s=1, most=1)


@pytest.mark.parametrize(
    ("function", "error"),
    [
        ("crash_always", MediaCrashed),
        ("hog_always", TooComplex),
        ("refuse_always", NoVideo),
        ("spin_always", MediaTimedOut),
    ],
)
async def test_two_children_that_agree_condemn(
    tmp_path: Path, function: str, error: type[StorageError]
) -> None:
    note = tmp_path / "pids"

    with pytest.raises(error):
        await run(note, function, most=1)

    assert children(note) == 2


@pytest.mark.parametrize(
    "function", ["crash_first", "hog_first", "refuse_first", "leave_first", "spin_first"]
)
async def test_what_one_child_alone_says_does_not_count(tmp_path: Path, function: str) -> None:
    note = tmp_path / "pids"

    assert await run(note, function) == 7
    assert children(note) == 2


async def test_child_at_work_until_the_time_is_over_is_the_films_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcome, "AT_WORK_RATIO", 0.02)  # this machine may be busy, too

    with pytest.raises(MediaTimedOut, match="took over"):
        await Sandbox(1, child=HOSTILE).run(
            "spin_always",
            Note(tmp_path / "pids"),
            int,
            timeout_s=3,
            cpu_s=60,
            file_bytes=1000,
        )


@pytest.mark.parametrize(
    ("function", "error", "count"),
    [
        pytest.param("leave_always", MediaInterrupted, 3, id="exit-status"),
        pytest.param("lack_a_module", MediaInterrupted, 3, id="half-an-installation"),
        pytest.param("lack_the_file", FileMissing, 1, id="disk"),
    ],
)
async def test_what_says_nothing_of_the_film_condemns_nothing(
    tmp_path: Path, function: str, error: type[StorageError], count: int
) -> None:
    note = tmp_path / "pids"

    with pytest.raises(error):
        await run(note, function)

    assert children(note) == count


async def test_machine_without_room_for_a_child_is_no_fault_of_the_film(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    unserved = Child("hostile_child", (tmp_path,))

    with pytest.raises(MediaInterrupted, match="no child could be started"):
        await Sandbox(1, child=unserved).confinement()


async def test_child_reads_what_it_is_given_as_input() -> None:
    captions = b"1\n00:00:01,000 --> 00:00:02,000\nHello & welcome\n" + b"\n" * 200_000

    written = await Sandbox(1).text_track("captions", captions)

    assert written.content == "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nHello &amp; welcome\n"


async def test_line_at_fault_crosses_the_border() -> None:
    with pytest.raises(InvalidSubtitles) as caught:
        await Sandbox(1).text_track("chapters", b"WEBVTT\n\nx")

    assert caught.value.sentence.startswith("Line 3: text without times")


def test_time_of_a_childs_child_counts() -> None:
    """A child of the child does the work where the child is the init of a namespace."""
    code = "import os\nif os.fork() == 0:\n    while True: pass\nos.wait()"
    with subprocess.Popen([sys.executable, "-c", code], start_new_session=True) as parent:
        try:
            deadline_s = time.monotonic() + 60
            while (used_cpu_s(parent.pid) or 0) < 1:
                assert time.monotonic() < deadline_s
                time.sleep(0.05)
            assert time.clock_gettime((~parent.pid << 3) | 2) < 1
        finally:
            os.killpg(parent.pid, signal.SIGKILL)
