"""20,000 damaged films (FULL=1: a million) are accepted or refused, never a crash.

Most go through the header parsers, in this process; the others through the probe, in sandboxed
children that may die of them: then each of their files is probed in a child of its own.
"""

import io
import math
import os
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.containers.box_lengths import is_fragmented, moov_is_last
from storage.containers.completeness import check_lengths
from storage.containers.sniff import HEAD_BYTES, sniff
from storage.errors import MediaCrashed, MediaTimedOut, StorageError, TooComplex
from storage.formats import TRAITS
from storage.media.facts import MediaLimits
from storage.media.probe import probe
from storage.sandbox.children import Sandbox
from tests.films.hostile_files import mp4_of_duration, mutated, webm_of_duration
from tests.storage.fuzz.batch_child import BATCH_CHILD, Batch, Outcome

IS_FULL = bool(os.environ.get("FULL"))
INPUTS = 1_000_000 if IS_FULL else 20_000
PROBED = INPUTS // 40
SEED_INPUTS = 20  # per example
BATCH_FILES = 100
CLIPS = (
    {},
    {"muxer_options": {"movflags": "+faststart"}},
    {"muxer_options": {"movflags": "+frag_keyframe+empty_moov"}},
    {"muxer": "webm", "video": "libvpx-vp9", "audio": "libopus"},
    {"muxer": "webm", "video": "libvpx", "audio": None, "muxer_options": {"live": "1"}},
)


@pytest.fixture
def films(make_clip: Callable[..., Path]) -> list[Path]:
    return [make_clip(frames=6, size=(64, 48), **clip) for clip in CLIPS]


def test_headers_of_broken_films_are_judged_or_refused(films: list[Path]) -> None:
    contents = [film.read_bytes() for film in films]
    answered = []

    @settings(
        max_examples=(INPUTS - PROBED) // SEED_INPUTS,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**63))
    def judge(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(SEED_INPUTS):
            content = mutated(dice.choice(contents), dice)
            file = io.BytesIO(content)
            for question in (moov_is_last, is_fragmented):
                with suppress(StorageError):
                    assert question(file) in (True, False)
            with suppress(StorageError):
                assert sniff(content[:HEAD_BYTES]) in TRAITS
                check_lengths(file, len(content))
            answered.append(seed)

    judge()

    assert len(answered) >= (INPUTS - PROBED) * 0.9


async def test_broken_films_are_probed_or_refused(
    films: list[Path], limits: MediaLimits, tmp_path: Path
) -> None:
    sandbox = Sandbox(1, child=BATCH_CHILD)
    dice = random.Random(20_261_122)
    outcomes = 0
    for number in range(PROBED // BATCH_FILES):
        directory = tmp_path / str(number)
        directory.mkdir()
        for file in range(BATCH_FILES):
            film = dice.choice(films)
            broken = directory / f"{file:03}{film.suffix}"
            broken.write_bytes(mutated(film.read_bytes(), dice))
        try:
            told = await sandbox.run(
                "take_all", Batch(directory, limits), list[Outcome], timeout_s=60
            )
        except (MediaCrashed, MediaTimedOut, TooComplex):
            told = await _one_by_one(directory, limits)
        for one in told:
            is_plain = math.isfinite(one.duration_s) and 0 < one.duration_s <= limits.max_duration_s
            assert one.error or (is_plain and 0 < one.pixels <= limits.max_pixels), (number, one)
        outcomes += len(told)

    assert outcomes == PROBED // BATCH_FILES * BATCH_FILES


async def _one_by_one(directory: Path, limits: MediaLimits) -> list[Outcome]:
    sandbox, told = Sandbox(1), []
    for path in sorted(directory.iterdir()):
        container = "webm" if path.suffix == ".webm" else "mp4"
        try:
            found = await sandbox.probe(path, container, limits)
            told.append(Outcome(path.name, None, found.duration_s, found.width * found.height))
        except StorageError as exc:
            told.append(Outcome(path.name, type(exc).__name__))
    return told


@pytest.mark.parametrize("units", [0, 1, 2**20, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1])
def test_lengths_that_mp4_claims_are_finite_or_refused(
    films: list[Path], limits: MediaLimits, tmp_path: Path, units: int
) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(mp4_of_duration(films[0].read_bytes(), units))

    with suppress(StorageError):
        assert 0 < probe(path, "mp4", limits).duration_s <= limits.max_duration_s


@pytest.mark.parametrize("milliseconds", [0.0, -1.0, 1e18, 1e300, math.inf, -math.inf, math.nan])
def test_lengths_that_webm_claims_are_finite_or_refused(
    films: list[Path], limits: MediaLimits, tmp_path: Path, milliseconds: float
) -> None:
    path = tmp_path / "film.webm"
    path.write_bytes(webm_of_duration(films[3].read_bytes(), milliseconds))

    with suppress(StorageError):
        assert 0 < probe(path, "webm", limits).duration_s <= limits.max_duration_s
