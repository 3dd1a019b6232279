"""The ladder's part of the sandbox, whose answers and files are remembered: of one small film."""

import asyncio
import pickle
import shutil
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from storage.formats import SourceFormat
from storage.ladder.facts import LadderPlan, Made, SoundRung
from storage.sandbox.children import Sandbox
from tests.faults.kills.steps import Steps

SEGMENT_S, PIECE_S = 2.0, 4.0


class RememberedLadder(Sandbox):
    """Makes each thing once, of `film` whatever it is asked to make it of; each is a step."""

    def __init__(self, film: Path, steps: Steps) -> None:
        super().__init__(1)
        self._film = film
        self._memory = film.parent
        self._steps = steps

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
        make = super().plan_ladder
        plan: LadderPlan = await self._remembered(
            "plan",
            lambda: make(
                self._film,
                source,
                heights,
                max_pixels=max_pixels,
                av1=av1,
                segment_s=segment_s,
                piece_s=piece_s,
            ),
        )
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
        make = super().encode_piece
        return await self._files(
            f"piece {number}",
            path,
            directory,
            lambda: make(self._film, source, plan, number, directory, max_pixels=max_pixels),
        )

    async def copy_rung(
        self, path: Path, source: SourceFormat, plan: LadderPlan, directory: Path
    ) -> Made:
        make = super().copy_rung

        async def copied() -> list[Made]:
            return [await make(self._film, source, plan, directory)]

        (made,) = await self._files("copy", path, directory, copied)
        return made

    async def encode_sound(
        self,
        path: Path,
        source: SourceFormat,
        plan: LadderPlan,
        sound: SoundRung,
        directory: Path,
    ) -> Made:
        make = super().encode_sound

        async def encoded() -> list[Made]:
            return [await make(self._film, source, plan, sound, directory)]

        (made,) = await self._files(sound.name, path, directory, encoded)
        return made

    async def _files(
        self,
        name: str,
        path: Path,
        directory: Path,
        make: Callable[[], Awaitable[list[Made]]],
    ) -> list[Made]:
        """As `_remembered`, with the files; notes for which video it was asked."""
        await asyncio.to_thread(note_work, self._memory, path.parent.name, name)
        kept = self._memory / name

        async def make_and_keep() -> list[Made]:
            made = await make()
            await asyncio.to_thread(shutil.copytree, directory, kept)
            return made

        made: list[Made] = await self._remembered(name, make_and_keep)
        await asyncio.to_thread(shutil.copytree, kept, directory, dirs_exist_ok=True)
        return [
            Made(
                one.name,
                directory / one.file.name,
                one.start,
                one.size_bytes,
                one.count,
                one.codecs,
            )
            for one in made
        ]

    async def _remembered(self, name: str, make: Callable[[], Awaitable[Any]]) -> Any:
        self._steps.take(name)
        memory = self._memory / f"{name}.pickle"
        if not await asyncio.to_thread(memory.exists):
            made = await make()
            await asyncio.to_thread(memory.write_bytes, pickle.dumps(made))
        return pickle.loads(await asyncio.to_thread(memory.read_bytes))


def note_work(memory: Path, video_id: str, name: str) -> None:
    with (memory / "work").open("a") as notes:
        notes.write(f"{video_id} {name}\n")


def noted_work(memory: Path) -> list[tuple[str, str]]:
    """(id of the video, what was made of it), in order."""
    lines = (memory / "work").read_text().splitlines()
    return [(video_id, name) for video_id, _, name in (line.partition(" ") for line in lines)]
