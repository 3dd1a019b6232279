"""Runs a media function in a child process that can harm nobody: the only way to touch a
user's file with FFmpeg or Pillow.

The child has an empty environment, no descriptor but its answer, a session of its own, the files of
its task and no others, no network, no other processes or programs, and limits of memory, CPU, file
size and time; it dies with this process. What it answers is one message of at most 64 KiB, which is
checked like any other untrusted input. `confinement` says what a kernel may refuse of this.
"""

import asyncio
import math
import os
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO, TypeVar

import msgspec

from storage import errors
from storage.disk import SHARED_DISK
from storage.errors import MediaCrashed, MediaInterrupted, SandboxBusy, StorageError, wrap_os_errors
from storage.media.facts import (
    MAX_TILES,
    MAX_TRACK_BYTES,
    PROGRESS_MARK,
    TILES_PER_SHEET,
    CustomThumbnailsTask,
    Examined,
    ExamineTask,
    MediaLimits,
    Picture,
    PictureKind,
    Probe,
    ProbeTask,
    RemuxTask,
    Storyboard,
    StoryboardTask,
    TextTrackTask,
    ThumbnailsTask,
    TrackKind,
    TranscodeTask,
    decode,
    encode,
    sheet_file,
)
from storage.media.sniff import Container
from storage.media.transcode_limits import TranscodeBudget
from storage.sandbox.child import CONFINEMENT, Budget, ChildAnswer, NoTask, Order
from storage.sandbox.confinement import Confinement
from storage.sandbox.outcome import MOST_CHILDREN, TimedOut, classify_end, final_error
from storage.tasks import to_its_end

_T = TypeVar("_T")
OnProgress = Callable[[float], None]
"""Hears of the share that is done, on the loop; cheap, and never raises."""

MEMORY_BYTES = 1 << 30
MAX_ANSWER_BYTES = 64 * 1024
# JSON doubles some characters at most; what could become more is no text of a track.
_TRACK_ANSWER_BYTES = MAX_ANSWER_BYTES + 2 * MAX_TRACK_BYTES
# A thumbnail of 640 px has some 60 KB; whatever is past this is no thumbnail.
_PICTURE_BYTES = 16 << 20
# Background work gives way to the processes that serve.
_NICE = 10
_GUARD_PATIENCE_S = 2.0
# Of a child there are one or two processes, unless it was taken over.
_MOST_CLOCKS = 64

_BOOT = """
import sys
sys.path[:0] = sys.argv[3:]
__import__(sys.argv[1], fromlist=["main"]).main(sys.argv[2])
"""
_ERRORS: dict[str, type[StorageError]] = {
    kind.__name__: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, StorageError)
}


@dataclass(frozen=True, slots=True)
class Child:
    """The module whose `main` a child runs, and where it is found."""

    module: str = "storage.sandbox.child"
    import_paths: tuple[Path, ...] = (Path(__file__).resolve().parents[2],)


@dataclass(frozen=True, slots=True)
class _Call:
    """What each child of a call is started with."""

    order: Order
    timeout_s: float
    content: bytes
    max_answer_bytes: int
    on_progress: OnProgress | None


class Sandbox:
    """Children, at most `max_concurrency` at once; others wait for up to `max_wait_s`."""

    def __init__(
        self, max_concurrency: int, *, max_wait_s: float = 60.0, child: Child | None = None
    ) -> None:
        self._slots = asyncio.Semaphore(max_concurrency)
        self._max_wait_s = max_wait_s
        self._child = child or Child()

    async def confinement(self, *, timeout_s: float = 30.0) -> Confinement:
        """Which walls this machine gives to its children. Raises: as `run`."""
        return await self.run(CONFINEMENT, NoTask(), Confinement, timeout_s=timeout_s)

    async def examine(
        self, path: Path, limits: MediaLimits, *, timeout_s: float = 15.0
    ) -> Examined:
        """Raises: UnsupportedFormat, Truncated, and as `probe`."""
        task = ExamineTask(path, limits)
        return await self.run(
            "examine", task, Examined, timeout_s=timeout_s, most_interruptions=MOST_CHILDREN
        )

    async def text_track(self, kind: TrackKind, content: bytes, *, timeout_s: float = 20.0) -> str:
        """The track as WebVTT. Raises: InvalidSubtitles, HugeTextTrack, and as `run`."""
        return await self.run(
            "text_track",
            TextTrackTask(kind),
            str,
            timeout_s=timeout_s,
            nice=_NICE,
            most_interruptions=MOST_CHILDREN,
            content=content,
            max_answer_bytes=_TRACK_ANSWER_BYTES,
        )

    async def probe(
        self, path: Path, container: Container, limits: MediaLimits, *, timeout_s: float = 10.0
    ) -> Probe:
        """Raises: NoVideo, TooComplex, Undecodable, FileMissing, and as `run`."""
        task = ProbeTask(path, container, limits)
        return await self.run(
            "probe", task, Probe, timeout_s=timeout_s, most_interruptions=MOST_CHILDREN
        )

    async def remux(
        self, source: Path, target: Path, container: Container, *, timeout_s: float = 600.0
    ) -> None:
        """Raises: as `probe`, and StorageFull."""
        with wrap_os_errors():
            facts = await SHARED_DISK.run(source.stat)
        # The index of a file grows when fragments become one piece, its content does not.
        file_bytes = facts.st_size + facts.st_size // 4 + (64 << 20)
        task = RemuxTask(source, target, container)
        await self.run("remux", task, None, timeout_s=timeout_s, file_bytes=file_bytes, nice=_NICE)

    async def transcode(
        self, task: TranscodeTask, budget: TranscodeBudget, on_progress: OnProgress
    ) -> Container:
        """Which of the task's targets was made. Raises: as `remux`."""
        made = await self.run(
            "transcode",
            task,
            str,
            timeout_s=budget.timeout_s,
            memory_bytes=budget.memory_bytes,
            cpu_s=budget.cpu_s,
            file_bytes=budget.file_bytes,
            nice=_NICE,
            on_progress=on_progress,
        )
        for target in task.targets:
            if target == made:
                return target
        raise MediaCrashed("this is not a format that was asked for")

    async def thumbnails(
        self,
        path: Path,
        container: Container,
        sizes: list[tuple[str, int]],
        quality: int,
        out_dir: Path,
        kinds: list[PictureKind],
        *,
        at_s: float | None = None,
        timeout_s: float = 60.0,
    ) -> list[Picture]:
        """At `at_s`, which somebody waits for, or where it shows most. Raises: as `remux`."""
        task = ThumbnailsTask(path, container, sizes, quality, out_dir, kinds, at_s)
        pictures: list[Picture] = await self.run(
            "thumbnails",
            task,
            list[Picture],
            timeout_s=timeout_s,
            file_bytes=_PICTURE_BYTES,
            nice=_NICE,
            most_interruptions=1 if at_s is None else MOST_CHILDREN,
        )
        _require_requested(pictures, sizes, out_dir, kinds)
        return pictures

    async def custom_thumbnails(
        self,
        path: Path,
        max_pixels: int,
        sizes: list[tuple[str, int]],
        quality: int,
        out_dir: Path,
        kinds: list[PictureKind],
        *,
        timeout_s: float = 30.0,
    ) -> list[Picture]:
        """Raises: UnsupportedPicture, BadPicture, HugePicture, StorageFull, and as `run`."""
        task = CustomThumbnailsTask(path, max_pixels, sizes, quality, out_dir, kinds)
        pictures: list[Picture] = await self.run(
            "custom_thumbnails",
            task,
            list[Picture],
            timeout_s=timeout_s,
            file_bytes=_PICTURE_BYTES,
            most_interruptions=MOST_CHILDREN,
        )
        _require_requested(pictures, sizes, out_dir, kinds)
        return pictures

    async def storyboard(
        self,
        path: Path,
        container: Container,
        quality: int,
        out_dir: Path,
        *,
        timeout_s: float = 900.0,
    ) -> Storyboard:
        """What can be seen in half of the time is enough. Raises: as `remux`."""
        task = StoryboardTask(path, container, quality, out_dir, timeout_s / 2)
        board: Storyboard = await self.run(
            "storyboard",
            task,
            Storyboard,
            timeout_s=timeout_s,
            file_bytes=_PICTURE_BYTES,
            nice=_NICE,
        )
        _require_storyboard(board, out_dir)
        return board

    async def run(
        self,
        function: str,
        task: msgspec.Struct,
        result_type: type[_T] | None,
        *,
        timeout_s: float,
        memory_bytes: int = MEMORY_BYTES,
        cpu_s: int | None = None,
        file_bytes: int = 0,
        nice: int = 0,
        on_progress: OnProgress | None = None,
        most_interruptions: int = 1,
        content: bytes = b"",
        max_answer_bytes: int = MAX_ANSWER_BYTES,
    ) -> _T:
        """What the function says to `task`; its own StorageErrors are raised here again.

        CPU time is bounded by `timeout_s` as well unless `cpu_s` says otherwise. `content` is its
        standard input. Children are started until two agree on a verdict, or so many were
        interrupted.
        Raises: MediaTimedOut, MediaCrashed; MediaInterrupted and SandboxBusy, after which it can
        be tried again.
        """
        budget = Budget(memory_bytes, cpu_s or math.ceil(timeout_s) + 1, file_bytes, nice)
        order = Order(function, msgspec.Raw(encode(task)), budget, os.getpid())
        call = _Call(order, timeout_s, content, max_answer_bytes, on_progress)
        failures: list[StorageError] = []
        while True:
            try:
                async with self._slot():
                    message = await self._execute(call)
                return _result(message, result_type)
            except StorageError as exc:
                failures.append(exc)
            if final := final_error(failures, most_interruptions):
                raise final

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._max_wait_s):
                await self._slots.acquire()
        except TimeoutError:
            raise SandboxBusy from None
        try:
            yield
        finally:
            self._slots.release()

    async def _execute(self, call: _Call) -> bytes:
        async with self._running_child(call) as process:
            try:
                async with asyncio.timeout(call.timeout_s):
                    message = await _read_answer(process, call)
                    status = await process.wait()
            except TimeoutError:
                used_s = await asyncio.to_thread(_cpu_s, process.pid)
                end: int | TimedOut = TimedOut(call.timeout_s, used_s)
            else:
                end = status
        if failure := classify_end(call.order.function, end):
            raise failure
        return message

    @asynccontextmanager
    async def _running_child(self, call: _Call) -> AsyncIterator[Process]:
        """A running child; none of its group is left after the block."""
        # A task of its own: asyncio's way out of a start that is cancelled ends the child alone.
        starting = asyncio.ensure_future(self._start(call))
        try:
            yield await asyncio.shield(starting)
        finally:
            await to_its_end(_end_group(starting))

    async def _start(self, call: _Call) -> Process:
        """Raises: MediaInterrupted where the machine has no process or memory left for it."""
        try:
            with await SHARED_DISK.run(_as_input, call.content) as content:
                return await self._spawn(call.order, content)
        except OSError as exc:
            raise MediaInterrupted(f"no child could be started: {exc}") from exc

    async def _spawn(self, order: Order, content: IO[bytes]) -> Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-B", "-c", _BOOT, self._child.module),
            *(encode(order).decode(), *map(str, self._child.import_paths)),
            stdin=content,
            stdout=PIPE,
            stderr=DEVNULL,
            env={},
            cwd="/",
            close_fds=True,
            start_new_session=True,
        )


async def _end_group(starting: "asyncio.Future[Process]") -> None:
    """Whatever became of the child itself: those that it left behind hold its pipe open."""
    process = await starting
    # The guard of a process namespace ends that first, and so leaves nobody to be reaped.
    with suppress(ProcessLookupError, TimeoutError):
        process.terminate()
        async with asyncio.timeout(_GUARD_PATIENCE_S):
            await process.wait()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


async def _read_answer(process: Process, call: _Call) -> bytes:
    assert process.stdout is not None
    message, percent = bytearray(), 0
    while chunk := await process.stdout.read(call.max_answer_bytes + 1 - len(message)):
        message += chunk
        if len(message) > call.max_answer_bytes:
            raise MediaCrashed("the answer is too long")
        if call.on_progress is None:
            continue
        done_percent = min(100, len(message) - len(message.lstrip(PROGRESS_MARK)))
        if done_percent > percent:
            percent = done_percent
            call.on_progress(percent / 100)
    return bytes(message.lstrip(PROGRESS_MARK))


def _cpu_s(pid: int) -> float | None:
    """What a child that still runs, and those that it started, have used of the CPU; None where
    the kernel does not say. Blocks."""
    used_s, left = None, [pid]
    for _ in range(_MOST_CLOCKS):
        if not left:
            break
        one = left.pop()
        with suppress(OSError):
            # clock_getcpuclockid(3), which Python lacks: the clock of a process is made of its id.
            used_s = (used_s or 0.0) + time.clock_gettime((~one << 3) | 2)
            left += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
    return used_s


def _as_input(content: bytes) -> IO[bytes]:
    """A file that is nowhere on a disk, from its beginning. Blocks."""
    if not content:
        return open(os.devnull, "rb")
    file = os.fdopen(os.memfd_create("content", os.MFD_CLOEXEC), "w+b")
    file.write(content)
    file.seek(0)
    return file


def _result(message: bytes, result_type: type[_T] | None) -> _T:
    try:
        answer: ChildAnswer = decode(message, ChildAnswer)
        if answer.error is None:
            result: _T = decode(answer.result, result_type)
            return result
    except (msgspec.MsgspecError, ValueError, NotImplementedError, RecursionError) as exc:
        raise MediaCrashed(f"the answer makes no sense: {exc}") from exc
    raise _ERRORS.get(answer.error, MediaCrashed)(answer.detail)


def _require_requested(
    pictures: list[Picture],
    sizes: list[tuple[str, int]],
    out_dir: Path,
    kinds: list[PictureKind],
) -> None:
    """A child that was taken over could name any file as its picture."""
    given = [(picture.name, picture.extension, picture.file) for picture in pictures]
    asked = [(name, kind, out_dir / f"{name}.{kind}") for kind in kinds for name, _ in sizes]
    if given != asked:
        raise MediaCrashed("these are not the pictures that were asked for")


def _require_storyboard(board: Storyboard, out_dir: Path) -> None:
    """What becomes of its numbers is served to players."""
    count = math.ceil(len(board.times_s) / TILES_PER_SHEET)
    files = [sheet_file(out_dir, number) for number in range(count)]
    is_sound = (
        0 < len(board.times_s) <= MAX_TILES
        and board.times_s[0] >= 0
        and all(one < next_one for one, next_one in pairwise(board.times_s))
        and min(board.tile_width_px, board.tile_height_px) > 0
        and [sheet.file for sheet in board.sheets] == files
    )
    if not is_sound:
        raise MediaCrashed("this is no storyboard")
