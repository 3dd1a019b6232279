"""Functions of the adaptive ladder, each run in a sandboxed child of the lowest priority.

Each child works in one thread: pieces are made side by side, on as many cores as there are.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from storage.conversion.transcode_limits import WorkLimits
from storage.disk import SHARED_DISK
from storage.errors import MediaCrashed, wrap_os_errors
from storage.formats import SourceFormat
from storage.ladder.facts import (
    CopyRungTask,
    EncodePieceTask,
    EncodeSoundTask,
    LadderPlan,
    Made,
    PlanTask,
    SoundRung,
)
from storage.ladder.limits import piece_limits, reading_limits, sound_limits
from storage.media.facts import encode
from storage.sandbox.ladder_answers import require_ladder_plan

_T = TypeVar("_T")

SEGMENT_S = 4.0
PIECE_S = 60.0
# A day in segments of a second.
_PLAN_ANSWER_BYTES = 2 << 20


class LadderChildren(ABC):
    """Planning and encoding of ladders, as a part of the sandbox."""

    @abstractmethod
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
        """Run a child of the lowest priority. Raises: as `Sandbox.run`."""

    async def plan_ladder(
        self,
        path: Path,
        source: SourceFormat,
        heights: Sequence[int] | None,
        *,
        max_pixels: int,
        av1: bool = False,
        segment_s: float = SEGMENT_S,
        piece_s: float = PIECE_S,
    ) -> LadderPlan:
        """Plan the ladder of a source; `heights` are short sides of pictures, None for the usual
        ones. Raises: NoVideo, TooComplex, Undecodable, FileMissing, and as `Sandbox.run`.
        """
        wanted = None if heights is None else [*heights]
        task = PlanTask(path, source, wanted, av1, max_pixels, segment_s, piece_s)
        limits = reading_limits(await _size(path))
        plan = await self.run_idle(
            "plan_ladder", task, LadderPlan, limits, max_answer_bytes=_PLAN_ANSWER_BYTES
        )
        require_ladder_plan(plan)
        return plan

    async def encode_piece(
        self,
        path: Path,
        source: SourceFormat,
        plan: LadderPlan,
        number: int,
        directory: Path,
        *,
        max_pixels: int,
    ) -> list[Made]:
        """Write the piece `number` of each coded rung as `{directory}/{name}.mp4`, all from one
        decoding. Raises: as `plan_ladder`, and StorageFull.
        """
        piece = plan.piece(number)
        files = [directory / f"{rung.name}.mp4" for rung in plan.coded]
        task = EncodePieceTask(
            path,
            source,
            [*plan.coded],
            files,
            piece,
            (plan.rate_numerator, plan.rate_denominator),
            plan.timescale,
            plan.picture_offset,
            max_pixels,
            plan.colours,
        )
        limits = piece_limits(plan, piece)
        made = await self.run_idle("encode_piece", task, list[Made], limits)
        if [one.file for one in made] != files:
            raise MediaCrashed("the pieces are not the requested ones")
        return made

    async def copy_rung(
        self, path: Path, source: SourceFormat, plan: LadderPlan, directory: Path
    ) -> Made:
        """Write the source's own packets, in segments, as `{directory}/{name}.mp4`.

        Raises: as `encode_piece`.
        """
        assert plan.copied is not None
        task = CopyRungTask(
            path,
            source,
            plan.copied.name,
            directory / f"{plan.copied.name}.mp4",
            (plan.rate_numerator, plan.rate_denominator),
            plan.timescale,
            plan.picture_count,
            plan.picture_offset,
            plan.reorder_delay,
        )
        places = [start // plan.ticks_per_picture for start in plan.segment_starts]
        limits = reading_limits(await _size(path))
        made = await self.run_idle("copy_rung", task, Made, limits, content=encode(places))
        return _requested(made, task.file)

    async def encode_sound(
        self,
        path: Path,
        source: SourceFormat,
        plan: LadderPlan,
        sound: SoundRung,
        directory: Path,
    ) -> Made:
        """Write a track of sound as `{directory}/{name}.mp4`. Raises: as `encode_piece`."""
        file = directory / f"{sound.name}.mp4"
        task = EncodeSoundTask(path, source, sound, file, plan.duration_s)
        made = await self.run_idle("encode_sound", task, Made, sound_limits(plan))
        return _requested(made, file)


def _requested(made: Made, file: Path) -> Made:
    """Refuse another file than the requested one: a hijacked child could name any."""
    if made.file != file:
        raise MediaCrashed("the file is not the requested one")
    return made


async def _size(path: Path) -> int:
    with wrap_os_errors():
        return (await SHARED_DISK.run(path.stat)).st_size
