import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from storage.confinement.files import Files
from storage.confinement.layers import Confinement
from storage.conversion.transcode_limits import transcode_budget
from storage.errors import (
    FileMissing,
    MediaCrashed,
    MediaInterrupted,
    MediaTimedOut,
    NoVideo,
    SandboxBusy,
    StorageError,
    TooComplex,
    Undecodable,
)
from storage.media.facts import (
    MediaLimits,
    Prepared,
    RemuxTask,
    TranscodeTask,
)
from storage.sandbox import files
from storage.sandbox.children import Sandbox
from storage.sandbox.forked_child import Child
from tests.storage.sandbox.living import is_running, processes

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
HOSTILE = Child("hostile_child", (HERE, ROOT))


class Nothing(msgspec.Struct, frozen=True):
    pass


class Note(msgspec.Struct, frozen=True):
    path: Path


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(2, child=HOSTILE)


async def test_video_is_probed_remuxed_and_pictured(
    make_clip: Callable[..., Path], limits: MediaLimits, tmp_path: Path
) -> None:
    sandbox = Sandbox(1)

    await sandbox.remux(make_clip(), tmp_path / "source.mp4", "mp4")
    probe = await sandbox.probe(tmp_path / "source.mp4", "mp4", limits)
    picture, webp, avif = await sandbox.thumbnails(
        tmp_path / "source.mp4", "mp4", [("small", 160)], 82, tmp_path, ["jpg", "webp", "avif"]
    )

    board = await sandbox.storyboard(tmp_path / "source.mp4", "mp4", 82, tmp_path)

    assert (probe.width, probe.height, probe.audio_codec) == (160, 90, "aac")
    assert [sheet.file for sheet in board.sheets] == [tmp_path / "sheet-0.jpg"]
    assert board.times_s == [0]
    assert picture.file == tmp_path / "small.jpg"
    assert picture.size_bytes == picture.file.stat().st_size
    assert [made.file for made in (webp, avif)] == [
        tmp_path / "small.webp",
        tmp_path / "small.avif",
    ]


async def test_video_is_made_playable_and_tells_how_far_it_is(
    make_clip: Callable[..., Path], limits: MediaLimits, tmp_path: Path
) -> None:
    source, target, told = make_clip(video="mpeg4", frames=100), tmp_path / "made", []
    task = TranscodeTask(source, "mp4", target, ["mp4", "webm"], 4.0, 10**6)

    made = await Sandbox(1).transcode(task, transcode_budget(160, 90, 4.0, 25, 0), told.append)

    probe = await Sandbox(1).probe(target, made, limits)
    assert (made, probe.is_playable_in_browsers) == ("mp4", True)
    assert told == sorted(told)
    assert 0.9 <= told[-1] <= 1


async def test_format_that_nobody_asked_for_is_not_taken(sandbox: Sandbox, tmp_path: Path) -> None:
    task = TranscodeTask(tmp_path, "mp4", tmp_path, ["mp4"], 1.0, 1)

    with pytest.raises(MediaCrashed, match="format"):
        await sandbox.transcode(task, transcode_budget(2, 2, 1.0, 25, 0), list[float]().append)


async def test_progress_rises_to_all_and_no_further(sandbox: Sandbox) -> None:
    told: list[float] = []

    answer = await sandbox.run("work", Nothing(), str, timeout_s=30, on_progress=told.append)

    assert answer == "avi"
    assert told == sorted(set(told))
    assert told[-1] == 1


async def test_progress_that_nobody_listens_to_does_not_spoil_the_answer(sandbox: Sandbox) -> None:
    assert await sandbox.run("work", Nothing(), str, timeout_s=30) == "avi"


async def test_media_errors_come_through(
    make_clip: Callable[..., Path], limits: MediaLimits, tmp_path: Path
) -> None:
    sandbox = Sandbox(2)
    (tmp_path / "noise").write_bytes(bytes(1000))

    with pytest.raises(Undecodable):
        await sandbox.probe(tmp_path / "noise", "mp4", limits)
    with pytest.raises(NoVideo):
        await sandbox.probe(make_clip(video=None), "mp4", limits)
    with pytest.raises(TooComplex):
        await sandbox.probe(make_clip(), "mp4", MediaLimits(1, 1, 1))
    with pytest.raises(FileMissing):
        await sandbox.remux(tmp_path / "nothing", tmp_path / "target", "mp4")


async def test_child_has_nothing_it_does_not_need(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSESTREAM_JWT_SECRET", "do not tell")
    hostile = sys.modules.get("hostile_child") or _load_hostile()

    with (tmp_path / "secret").open("w") as secret:
        os.set_inheritable(secret.fileno(), True)
        found = await sandbox.run(
            "look_around", Nothing(), hostile.Surroundings, timeout_s=30, file_bytes=5, cpu_s=7
        )

    assert set(found.environment) <= {"LC_CTYPE"}
    # Standard streams, and the answer's.
    assert len(found.descriptors) == 4
    assert found.directory == "/"
    assert not found.loads_numpy
    assert found.limits == {
        "RLIMIT_AS": [1 << 30, 1 << 30],
        "RLIMIT_CPU": [7, 8],
        "RLIMIT_FSIZE": [5, 5],
        "RLIMIT_NOFILE": [16, 16],
        "RLIMIT_CORE": [0, 0],
    }


@pytest.mark.parametrize(
    ("function", "error", "detail"),
    [
        pytest.param("crash", MediaCrashed, "ended by SIGSEGV", id="segmentation-fault"),
        pytest.param("leave", MediaInterrupted, "status 3", id="exit-status"),
        pytest.param("leave_quietly", MediaCrashed, "cannot be decoded", id="no-answer"),
        pytest.param("recurse", MediaCrashed, "recursion", id="python-error"),
        pytest.param("flood", MediaCrashed, "too long", id="answer-too-long"),
        pytest.param("only_marks", MediaCrashed, "too long", id="progress-without-end"),
        pytest.param("text", MediaCrashed, "cannot be decoded", id="answer-of-another-type"),
        pytest.param("hog", TooComplex, "memory", id="memory-limit"),
        pytest.param("refuse", NoVideo, "only sound", id="error-of-ours"),
    ],
)
async def test_failure_of_a_child_is_raised_as_an_error(
    sandbox: Sandbox, function: str, error: type[StorageError], detail: str
) -> None:
    with pytest.raises(error, match=detail) as caught:
        await sandbox.run(function, Nothing(), int, timeout_s=30)

    assert type(caught.value) is error


async def test_what_a_library_prints_does_not_spoil_the_answer(sandbox: Sandbox) -> None:
    assert await sandbox.run("chatter", Nothing(), int, timeout_s=30) == 7


async def test_file_past_its_limit_is_not_written(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(MediaCrashed):
        await sandbox.run("fill", Note(tmp_path / "f"), None, timeout_s=30, file_bytes=1000)

    assert (tmp_path / "f").stat().st_size == 1000


async def test_remux_past_its_file_limit_takes_a_conversion(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    task = RemuxTask(make_clip(), tmp_path / "target", "mp4")

    done = await Sandbox(1).run("remux", task, Prepared, timeout_s=30, file_bytes=500)

    assert done.way == "converted"


async def test_hanging_child_is_ended(sandbox: Sandbox) -> None:
    with pytest.raises(MediaInterrupted):
        await sandbox.run("hang", Nothing(), int, timeout_s=0.5)


async def test_busy_child_is_ended_by_its_cpu_limit(sandbox: Sandbox) -> None:
    with pytest.raises(MediaTimedOut, match="CPU"):
        await sandbox.run("spin", Nothing(), int, timeout_s=60, cpu_s=1)


async def test_cancelled_caller_leaves_no_process(sandbox: Sandbox, tmp_path: Path) -> None:
    task = asyncio.create_task(_hang(sandbox, tmp_path / "pids", 60))
    pids = await asyncio.to_thread(_processes, tmp_path / "pids")

    assert os.getsid(pids[0]) == pids[0]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await asyncio.to_thread(_wait_until_gone, pids)


async def test_start_that_is_cancelled_leaves_no_process(sandbox: Sandbox, tmp_path: Path) -> None:
    """The child runs, while its caller, on a busy loop, does not know yet that it started."""
    assert await sandbox.run("chatter", Nothing(), int, timeout_s=30) == 7
    task = asyncio.create_task(_hang(sandbox, tmp_path / "pids", 60))
    async with asyncio.timeout(20):
        while not processes():
            await asyncio.sleep(0)
    pids = _processes(tmp_path / "pids")

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await asyncio.to_thread(_wait_until_gone, pids)


async def test_timed_out_child_leaves_no_process(sandbox: Sandbox, tmp_path: Path) -> None:
    task = asyncio.create_task(_hang(sandbox, tmp_path / "pids", 5))
    pids = await asyncio.to_thread(_processes, tmp_path / "pids")

    with pytest.raises(MediaInterrupted):
        await task

    assert pids
    assert processes() == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_guard_that_is_ended_takes_the_work_along(
    sandbox: Sandbox, tmp_path: Path, number: signal.Signals
) -> None:
    task = asyncio.create_task(_hang(sandbox, tmp_path / "pids", 60))
    pids = await asyncio.to_thread(_processes, tmp_path / "pids")

    os.kill(pids[0], number)
    with pytest.raises(MediaInterrupted):
        await task

    await asyncio.to_thread(_wait_until_gone, pids)


def test_output_is_made_before_and_nothing_else_is(tmp_path: Path) -> None:
    """A child that may write a file needs no right to its directory."""
    files.create_outputs(Files((), (tmp_path / "made",)))

    assert [path.name for path in tmp_path.iterdir()] == ["made"]
    with pytest.raises(FileMissing):
        files.create_outputs(Files((), (tmp_path / "nowhere" / "made",)))


async def test_walls_are_reported_in_a_line(sandbox: Sandbox) -> None:
    told = str(await sandbox.confinement())

    assert told.startswith("sandbox: seccomp ")
    assert "landlock" in told
    assert str(Confinement(False, False, False, 0, False)) == (
        "sandbox: seccomp no (system or machine), landlock no (kernel), namespaces no (system), "
        "root directory of its own no (system), user of its own no (not started as root)"
    )


def test_child_dies_with_a_killed_parent(tmp_path: Path) -> None:
    script = f"""
import asyncio, sys
sys.path[:0] = [{str(HERE)!r}, {str(ROOT)!r}]
from pathlib import Path
from test_children import Sandbox, HOSTILE, _hang
asyncio.run(_hang(Sandbox(1, child=HOSTILE), Path({str(tmp_path / "pids")!r}), 60))
"""
    with subprocess.Popen([sys.executable, "-c", script]) as parent:
        pids = _processes(tmp_path / "pids", parent.pid)
        parent.send_signal(signal.SIGKILL)

    assert pids
    _wait_until_gone(pids)


async def test_others_wait_for_a_free_slot(tmp_path: Path) -> None:
    sandbox = Sandbox(1, child=HOSTILE, max_wait_s=0.2)
    task = asyncio.create_task(_hang(sandbox, tmp_path / "pids", 60))
    await asyncio.to_thread(_processes, tmp_path / "pids")

    with pytest.raises(SandboxBusy):
        await sandbox.run("chatter", Nothing(), int, timeout_s=30)

    task.cancel()
    await asyncio.wait([task])
    assert await sandbox.run("chatter", Nothing(), int, timeout_s=30) == 7


async def test_one_owner_never_takes_all_slots(tmp_path: Path) -> None:
    sandbox = Sandbox(2, child=HOSTILE, max_wait_s=0.5)
    task = asyncio.create_task(_hang(sandbox.for_owner("ada"), tmp_path / "pids", 60))
    await asyncio.to_thread(_processes, tmp_path / "pids")

    with pytest.raises(SandboxBusy):
        await sandbox.for_owner("ada").run("chatter", Nothing(), int, timeout_s=30)
    for other in (sandbox.for_owner("eve"), sandbox):
        assert await other.run("chatter", Nothing(), int, timeout_s=30) == 7

    task.cancel()
    await asyncio.wait([task])
    assert await sandbox.for_owner("ada").run("chatter", Nothing(), int, timeout_s=30) == 7
    assert not sandbox._pool._shares


async def test_an_owner_of_the_only_slot_is_not_kept_from_it(tmp_path: Path) -> None:
    owned = Sandbox(1, child=HOSTILE).for_owner("ada")

    assert await owned.run("chatter", Nothing(), int, timeout_s=30) == 7


def test_serving_process_never_loads_ffmpeg() -> None:
    script = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import storage.sandbox.children, storage.receiving.uploads, storage.videos
import storage.containers.sniff, storage.hashes
assert not {{"av", "PIL", "numpy"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script], check=True)


async def _hang(sandbox: Sandbox, note: Path, timeout_s: float) -> None:
    await sandbox.run(
        "hang_noted", Note(note), None, timeout_s=timeout_s, cpu_s=60, file_bytes=1000
    )


def _processes(note: Path, ancestor: int | None = None) -> list[int]:
    """Processes of the running child."""
    _wait_for(lambda: note.exists() and note.read_text() != "")
    return processes(ancestor)


def _wait_until_gone(pids: list[int]) -> None:
    _wait_for(lambda: not any(is_running(pid) for pid in pids))


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def _load_hostile():
    sys.path.insert(0, str(HERE))
    try:
        return __import__("hostile_child")
    finally:
        sys.path.remove(str(HERE))
