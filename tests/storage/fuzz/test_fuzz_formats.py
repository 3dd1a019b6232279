"""Broken files of every format (100 of each; FULL=1: 5,000) are examined or refused.

In sandboxed children that may well die of them: then each file is examined in a child of its own,
and a second death is a verdict. None hangs, and what is accepted lies within the limits.
"""

import math
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from storage.errors import MediaCrashed, MediaInterrupted, MediaTimedOut, StorageError, TooComplex
from storage.media.facts import MediaLimits
from storage.sandbox.children import Sandbox
from tests.films.hostile_files import mutated
from tests.storage.containers.test_completeness import AS_LONG_AS_THEY_ARE, KINDS
from tests.storage.fuzz.batch_child import BATCH_CHILD, Batch, Outcome

IS_FULL = bool(os.environ.get("FULL"))
MUTANTS, BATCH_FILES = (5000, 100) if IS_FULL else (100, 100)
ALLOWED = ["mp4", "webm", "mov", "mkv", "avi", "ts", "mpg", "wmv", "flv", "mxf", "ogv", "audio"]
CLIPS: dict[str, dict[str, Any]] = {
    **KINDS,
    **AS_LONG_AS_THEY_ARE,
    "flac": {"muxer": "flac", "video": None, "audio": "flac"},
}
# The second is what only the machine is to blame for.
HANGS = {MediaTimedOut.__name__, MediaInterrupted.__name__}
UNFINISHED = (MediaCrashed, MediaTimedOut, MediaInterrupted, TooComplex)


@pytest.mark.timeout(3600 if IS_FULL else 300)
@pytest.mark.parametrize("kind", CLIPS)
async def test_broken_files_are_examined_or_refused(
    make_clip: Callable[..., Path], limits: MediaLimits, tmp_path: Path, kind: str
) -> None:
    content = make_clip(**CLIPS[kind]).read_bytes()
    dice = random.Random(kind)
    outcomes = []
    for number in range(MUTANTS // BATCH_FILES):
        directory = tmp_path / str(number)
        directory.mkdir()
        for file in range(BATCH_FILES):
            broken = mutated(content, dice)
            if file % 4 == 0:
                broken = broken[: dice.randrange(len(broken))]
            (directory / f"{file:03}").write_bytes(broken)
        outcomes += await _examined(directory, limits)

    assert len(outcomes) == MUTANTS // BATCH_FILES * BATCH_FILES
    for one in outcomes:
        assert one.error not in HANGS, one
        is_plain = math.isfinite(one.duration_s) and 0 < one.duration_s <= limits.max_duration_s
        assert one.error or (is_plain and 0 < one.pixels <= limits.max_pixels), one
    # Not all are refused at the door.
    assert any(one.error is None for one in outcomes)


async def _examined(directory: Path, limits: MediaLimits) -> list[Outcome]:
    batch = Batch(directory, limits, ALLOWED)
    try:
        return await Sandbox(1, child=BATCH_CHILD).run(
            "take_all", batch, list[Outcome], timeout_s=120
        )
    except UNFINISHED:
        return [await _alone(path, limits) for path in sorted(directory.iterdir())]


async def _alone(path: Path, limits: MediaLimits) -> Outcome:
    try:
        found = (await Sandbox(1).examine(path, limits, ALLOWED)).probe
    except StorageError as exc:
        return Outcome(path.name, type(exc).__name__)
    return Outcome(path.name, None, found.duration_s, found.width * found.height)
