"""A ladder made as the service makes it: each part in a child of its own."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import av
import msgspec
import pytest

from storage.confinement.kernel import call
from storage.errors import MediaInterrupted, Undecodable
from storage.ladder.facts import LadderPlan, Made
from storage.samples import read_frame_number, write_clock_mp4
from storage.sandbox.children import Sandbox
from tests.harness.waiting import wait_until
from tests.storage.sandbox.living import processes

MANY_PIXELS = 10**8
PATIENCE_S = 60  # for a child that waits while anybody else wants to work
IOPRIO_GET, IDLE_CLASS = {"x86_64": 252, "aarch64": 31}, 3


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ladder") / "film.mp4"
    write_clock_mp4(path, 8, (320, 180))
    return path


async def make_plan(sandbox: Sandbox, film: Path, *, av1: bool = False) -> LadderPlan:
    return await sandbox.plan_ladder(
        film, "mp4", (180, 90), max_pixels=MANY_PIXELS, av1=av1, segment_s=2, piece_s=4
    )


def numbers_shown(made: Made) -> list[int]:
    with av.open(str(made.file)) as media:
        return [read_frame_number(frame.to_image()) for frame in media.decode(video=0)]


def encoding(film: Path, plan: LadderPlan, directory: Path) -> "asyncio.Task[list[Made]]":
    work = Sandbox(1).encode_piece(film, "mp4", plan, 0, directory, max_pixels=MANY_PIXELS)
    return asyncio.create_task(work)


@asynccontextmanager
async def endless_work(
    film: Path, plan: LadderPlan, directory: Path
) -> AsyncIterator[tuple["asyncio.Task[list[Made]]", int]]:
    """Encodes the last picture again and again; gives the process that is at work."""
    endless = msgspec.structs.replace(plan, picture_count=10**6, piece_starts=(0,))
    work = encoding(film, endless, directory)
    try:
        found = await wait_until(
            lambda: (directory / "v90.mp4").exists() and processes(),
            within_s=PATIENCE_S,
        )
        yield work, found[-1]
    finally:
        work.cancel()
        await asyncio.wait([work])


async def test_all_parts_of_a_ladder(film: Path, tmp_path: Path) -> None:
    sandbox = Sandbox(1)

    plan = await make_plan(sandbox, film, av1=True)
    copied = await sandbox.copy_rung(film, "mp4", plan, tmp_path)
    (sound,) = plan.sounds
    heard = await sandbox.encode_sound(film, "mp4", plan, sound, tmp_path)
    (tmp_path / "1").mkdir()
    pieces = await sandbox.encode_piece(
        film, "mp4", plan, 1, tmp_path / "1", max_pixels=MANY_PIXELS
    )

    assert [one.name for one in plan.videos] == ["v180", "av180", "v90", "av90"]
    assert plan.piece_starts == (0, 4 * plan.timescale)
    assert numbers_shown(copied) == [*range(200)]
    assert [one.name for one in pieces] == ["av180", "v90", "av90"]
    assert [numbers_shown(one) for one in pieces] == 3 * [[*range(100, 200)]]
    assert {one.start for one in pieces} == {4 * plan.timescale}
    assert (copied.codecs, heard.codecs) == ("avc1.42C00C", "mp4a.40.2")
    assert [one.codecs for one in pieces] == ["av01.0.00M.08", "avc1.64000C", "av01.0.00M.08"]
    for one in (copied, heard, *pieces):
        assert one.size_bytes == one.file.stat().st_size


async def test_child_works_only_while_nobody_else_wants_to(film: Path, tmp_path: Path) -> None:
    plan = await make_plan(Sandbox(1), film)

    async with endless_work(film, plan, tmp_path) as (_, pid):
        policy, niceness = os.sched_getscheduler(pid), os.getpriority(os.PRIO_PROCESS, pid)
        disk_class = call("syscall", IOPRIO_GET[os.uname().machine], 1, pid) >> 13

    assert (policy, niceness, disk_class) == (os.SCHED_IDLE, 19, IDLE_CLASS)


async def test_killed_child_costs_its_piece_which_is_made_again(film: Path, tmp_path: Path) -> None:
    plan = await make_plan(Sandbox(1), film)

    async with endless_work(film, plan, tmp_path) as (work, pid):
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(MediaInterrupted):
            await work

    assert processes() == []
    (again,) = await encoding(film, plan, tmp_path)
    assert numbers_shown(again) == [*range(100)]


async def test_given_up_work_leaves_no_process(film: Path, tmp_path: Path) -> None:
    plan = await make_plan(Sandbox(1), film)

    async with endless_work(film, plan, tmp_path) as (work, _):
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    assert processes() == []


async def test_segment_without_its_keyframe_is_not_copied(film: Path, tmp_path: Path) -> None:
    sandbox = Sandbox(1)
    plan = await make_plan(sandbox, film)
    sparse = msgspec.structs.replace(plan, segment_starts=(0, plan.ticks_per_picture))

    with pytest.raises(Undecodable):
        await sandbox.copy_rung(film, "mp4", sparse, tmp_path)
