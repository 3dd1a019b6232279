"""Media functions on users' files, each run in a sandboxed child: the only way to touch such a
file with FFmpeg or Pillow.

The child has an empty environment, no descriptor but its answer, a session of its own, the files of
its task and no others, no network, no other processes or programs, and limits of memory, CPU, file
size and time; it dies with this process. Its answer is one message of at most 64 KiB, which is
checked like any other untrusted input (`answers`). `confinement` lists the parts of this that a
kernel may refuse.
"""

import copy
import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec

from storage.confinement.layers import Confinement
from storage.conversion.transcode_limits import WorkLimits
from storage.disk import SHARED_DISK
from storage.errors import MediaCrashed, wrap_os_errors
from storage.formats import Container, SourceFormat
from storage.media.facts import (
    MAX_TRACK_BYTES,
    CustomThumbnailsTask,
    EndPictures,
    EndsTask,
    Examined,
    ExamineTask,
    Measured,
    MediaLimits,
    Picture,
    PictureKind,
    Prepared,
    Probe,
    ProbeTask,
    RemuxTask,
    Storyboard,
    StoryboardTask,
    TextTrackTask,
    ThumbnailsTask,
    TrackKind,
    TranscodeTask,
    encode,
)
from storage.sandbox.answers import require_end_pictures, require_requested, require_storyboard
from storage.sandbox.child import CONFINEMENT, Budget, NoTask, Order
from storage.sandbox.child_process import Call, OnProgress
from storage.sandbox.forked_child import Child
from storage.sandbox.ladder_children import LadderChildren
from storage.sandbox.outcome import MOST_CHILDREN
from storage.sandbox.pool import ChildPool
from storage.text_track import RewrittenTrack

_T = TypeVar("_T")
Timing = Callable[[str], AbstractContextManager[Any]]

MEMORY_BYTES = 1 << 30
MAX_ANSWER_BYTES = 64 * 1024
# JSON at most doubles some characters; anything longer is no text of a track.
_TRACK_ANSWER_BYTES = MAX_ANSWER_BYTES + 2 * MAX_TRACK_BYTES
# A thumbnail 640 px wide has some 60 KB; anything larger is no thumbnail.
_PICTURE_BYTES = 16 << 20
# Background work gives way to the processes that serve.
_NICE = 10
# A transport stream of 0.8 Mbit/s, the slowest that was measured, is read at this rate.
_SCANNED_BYTES_PER_S = 20_000_000


class Sandbox(LadderChildren):
    """Runs media functions, at most `max_concurrency` at once, others after up to `max_wait_s`.

    Each runs in a block of `timing`, by the function's name.
    """

    def __init__(
        self, max_concurrency: int, *, max_wait_s: float = 60.0, child: Child | None = None
    ) -> None:
        self._pool = ChildPool(child or Child(), max_concurrency, max_wait_s)
        self._owner: str | None = None
        self.timing: Timing = nullcontext

    @property
    def pool(self) -> ChildPool:
        return self._pool

    def for_owner(self, owner: str) -> Self:
        """The same sandbox for the work of one user, who never takes all of its slots."""
        owned = copy.copy(self)
        owned._owner = owner
        return owned

    async def confinement(self, *, timeout_s: float = 30.0) -> Confinement:
        """Report the confinement that this machine gives to its children. Raises: as `run`."""
        return await self.run(CONFINEMENT, NoTask(), Confinement, timeout_s=timeout_s)

    async def examine(
        self,
        path: Path,
        limits: MediaLimits,
        allowed: Sequence[str],
        *,
        timeout_s: float = 15.0,
    ) -> Examined:
        """Sniff and probe an upload. Raises: UnsupportedFormat, Truncated, and as `probe`.

        A large file may take longer: some formats tell their length by their packets alone.
        """
        with wrap_os_errors():
            facts = await SHARED_DISK.run(path.stat)
        return await self.run(
            "examine",
            ExamineTask(path, limits, [*allowed]),
            Examined,
            timeout_s=timeout_s + facts.st_size / _SCANNED_BYTES_PER_S,
            most_interruptions=MOST_CHILDREN,
        )

    async def text_track(
        self, kind: TrackKind, content: bytes, *, timeout_s: float = 20.0
    ) -> RewrittenTrack:
        """Rewrite a track as WebVTT. Raises: InvalidSubtitles, HugeTextTrack, and as `run`."""
        return await self.run(
            "text_track",
            TextTrackTask(kind),
            RewrittenTrack,
            timeout_s=timeout_s,
            nice=_NICE,
            most_interruptions=MOST_CHILDREN,
            content=content,
            max_answer_bytes=_TRACK_ANSWER_BYTES,
        )

    async def probe(
        self, path: Path, source: SourceFormat, limits: MediaLimits, *, timeout_s: float = 10.0
    ) -> Probe:
        """Read streams and duration.

        Raises: NoVideo, TooComplex, Undecodable, FileMissing, and as `run`.
        """
        task = ProbeTask(path, source, limits)
        return await self.run(
            "probe", task, Probe, timeout_s=timeout_s, most_interruptions=MOST_CHILDREN
        )

    async def measure(
        self, path: Path, source: SourceFormat, limits: MediaLimits, *, timeout_s: float = 600.0
    ) -> Measured:
        """Measure a whole file by its packets. Raises: as `probe`."""
        task = ProbeTask(path, source, limits)
        return await self.run("measure", task, Measured, timeout_s=timeout_s, nice=_NICE)

    async def draw_ends(
        self, path: Path, source: SourceFormat, *, timeout_s: float = 120.0
    ) -> EndPictures:
        """Draw the first and the last picture, small. Raises: as `probe`."""
        task = EndsTask(path, source)
        ends: EndPictures = await self.run(
            "end_pictures", task, EndPictures, timeout_s=timeout_s, nice=_NICE
        )
        require_end_pictures(ends)
        return ends

    async def remux(
        self, source: Path, target: Path, source_format: SourceFormat, *, timeout_s: float = 600.0
    ) -> Prepared:
        """Put a file in order by copying, as far as it needs that. Raises: as `probe`, and
        StorageFull."""
        with wrap_os_errors():
            facts = await SHARED_DISK.run(source.stat)
        # The index of a file grows when fragments become one piece, its content does not.
        file_bytes = facts.st_size + facts.st_size // 4 + (64 << 20)
        task = RemuxTask(source, target, source_format)
        return await self.run(
            "remux", task, Prepared, timeout_s=timeout_s, file_bytes=file_bytes, nice=_NICE
        )

    async def transcode(
        self, task: TranscodeTask, budget: WorkLimits, on_progress: OnProgress
    ) -> Container:
        """Encode anew; returns the one of the task's targets that was made. Raises: as `remux`."""
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
        raise MediaCrashed("the format is not a requested one")

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
        """Make pictures of the frame at `at_s`, while a request waits, or of the frame with most
        detail. Raises: as `remux`."""
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
        require_requested(pictures, sizes, out_dir, kinds)
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
        """Scale an uploaded picture.

        Raises: UnsupportedPicture, BadPicture, HugePicture, StorageFull, and as `run`.
        """
        task = CustomThumbnailsTask(path, max_pixels, sizes, quality, out_dir, kinds)
        pictures: list[Picture] = await self.run(
            "custom_thumbnails",
            task,
            list[Picture],
            timeout_s=timeout_s,
            file_bytes=_PICTURE_BYTES,
            most_interruptions=MOST_CHILDREN,
        )
        require_requested(pictures, sizes, out_dir, kinds)
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
        """Make tiles for up to half of `timeout_s`; fewer are enough. Raises: as `remux`."""
        task = StoryboardTask(path, container, quality, out_dir, timeout_s / 2)
        board: Storyboard = await self.run(
            "storyboard",
            task,
            Storyboard,
            timeout_s=timeout_s,
            file_bytes=_PICTURE_BYTES,
            nice=_NICE,
        )
        require_storyboard(board, out_dir)
        return board

    async def run_idle(
        self,
        function: str,
        task: msgspec.Struct,
        result_type: type[_T],
        limits: WorkLimits,
        *,
        content: bytes = b"",
        max_answer_bytes: int | None = None,
    ) -> _T:
        return await self.run(
            function,
            task,
            result_type,
            timeout_s=limits.timeout_s,
            memory_bytes=limits.memory_bytes,
            cpu_s=limits.cpu_s,
            file_bytes=limits.file_bytes,
            content=content,
            max_answer_bytes=max_answer_bytes or MAX_ANSWER_BYTES,
            is_idle=True,
        )

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
        is_idle: bool = False,
    ) -> _T:
        """Call `function` with `task` in a child; its own StorageErrors are raised here again.

        CPU time is bounded by `timeout_s` as well unless `cpu_s` says otherwise. `content` is the
        standard input. A failure is final once two children agree on it, or after
        `most_interruptions`.
        Raises: MediaTimedOut, MediaCrashed; MediaInterrupted and SandboxBusy, after which the call
        can be repeated.
        """
        budget = Budget(memory_bytes, cpu_s or math.ceil(timeout_s) + 1, file_bytes, nice, is_idle)
        order = Order(function, msgspec.Raw(encode(task)), budget)
        call = Call(order, timeout_s, content, max_answer_bytes, on_progress)
        with self.timing(function):
            return await self._pool.run(call, result_type, most_interruptions, self._owner)
