"""Plan of a ladder for a source: rungs, frame rate, segments, pieces and tracks of sound.

Runs in a sandboxed child.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from storage.formats import SourceFormat
from storage.ladder.boundaries import copied_starts, even_starts, piece_starts
from storage.ladder.facts import LadderPlan, SoundRung, VideoCodec
from storage.ladder.rates import find_cadence, phase, place, timescale
from storage.ladder.rungs import choose_rungs, max_bitrate, may_copy, pictures_every
from storage.ladder.source_scan import ScannedSource, Sound, scan

# As the rate control of a coded rung: so much more may come at once, in seconds of its bitrate.
BUFFER_S = 2


def plan_ladder(
    path: Path,
    source: SourceFormat,
    heights: list[int] | None,
    with_av1: bool,
    max_pixels: int,
    segment_s: float,
    piece_s: float,
) -> LadderPlan:
    """Raises: NoVideo, Undecodable, TooComplex, FileMissing."""
    found = scan(path, source, max_pixels)
    codecs: Sequence[VideoCodec] = ("h264", "av1") if with_av1 else ("h264",)
    grid = _lay_grid(found)
    starts = _copied(found, grid, heights, Fraction(segment_s))
    rungs = choose_rungs(
        found.size, heights, grid.rate, is_copied=starts is not None, codecs=codecs
    )
    every = max(rung.every for rung in rungs)
    starts = starts or even_starts(grid.count, grid.rate, Fraction(segment_s), every)
    is_coded = any(not rung.is_copied for rung in rungs)
    scale = timescale(grid.rate)
    unit = int(scale / grid.rate)
    pieces = piece_starts(starts, grid.count, grid.rate, Fraction(piece_s)) if is_coded else ()
    return LadderPlan(
        duration_s=float(grid.count / grid.rate),
        source_pixels=found.size.width * found.size.height,
        rate_numerator=grid.rate.numerator,
        rate_denominator=grid.rate.denominator,
        timescale=scale,
        picture_count=grid.count,
        picture_offset=found.start + grid.phase,
        reorder_delay=max(number - one for number, one in enumerate(_places(found, grid))),
        segment_starts=tuple(unit * one for one in starts),
        piece_starts=tuple(unit * one for one in pieces),
        videos=rungs,
        colours=found.colours,
        sounds=tuple(_sound_rung(number, one) for number, one in enumerate(found.sounds)),
    )


@dataclass(frozen=True, slots=True)
class _Grid:
    """The row of places."""

    rate: Fraction
    is_steady: bool
    phase: int
    count: int


def _lay_grid(source: ScannedSource) -> _Grid:
    times = sorted(source.packets.times)
    cadence = find_cadence(times, source.unit)
    # Of a steady film every picture is as far from its place as the first one.
    early = phase(times[0], source.unit, cadence.rate) if cadence.is_steady else 0
    count = math.ceil((source.stop_s - early * source.unit) * cadence.rate - Fraction(1, 2))
    return _Grid(cadence.rate, cadence.is_steady, early, max(1, count))


def _places(source: ScannedSource, grid: _Grid) -> list[int]:
    """Places of pictures in the order of decoding."""
    return [place(time - grid.phase, source.unit, grid.rate) for time in source.packets.times]


def _copied(
    source: ScannedSource, grid: _Grid, heights: Sequence[int] | None, segment_s: Fraction
) -> tuple[int, ...] | None:
    """Starts of segments where the source's packets fit as the top rung; else None."""
    if not (source.is_plain_h264 and grid.is_steady and may_copy(source.size, heights)):
        return None
    places = _places(source, grid)
    if not _is_gapless(places, grid):
        return None
    # Smaller rungs may show every second picture.
    every = pictures_every(min(heights or (0,)), grid.rate)
    keyframes = [places[number] for number in source.packets.idr_numbers]
    starts = copied_starts(keyframes, grid.count, grid.rate, segment_s, every)
    is_small = starts is not None and _is_within_cap(source, places, starts, grid)
    return starts if is_small else None


def _is_gapless(places: Sequence[int], grid: _Grid) -> bool:
    """True if each place has one picture, but for some in the end, where sound goes on.

    With a gap between reordered pictures players show a wrong one.
    """
    return sorted(places) == list(range(len(places))) and grid.count - len(places) <= grid.rate


def _is_within_cap(
    source: ScannedSource, places: Sequence[int], starts: Sequence[int], grid: _Grid
) -> bool:
    cap = max_bitrate(source.size.short_side)
    sizes = [0] * len(starts)
    for one, size in zip(places, source.packets.sizes, strict=True):
        sizes[bisect_left(starts, one + 1) - 1] += size
    lengths = [after - before for before, after in pairwise((*starts, grid.count))]
    return sum(sizes) * 8 <= cap * grid.count / grid.rate and all(
        size * 8 <= cap * (length / grid.rate + BUFFER_S)
        for size, length in zip(sizes, lengths, strict=True)
    )


def _sound_rung(number: int, sound: Sound) -> SoundRung:
    return SoundRung(
        name=f"audio{number or ''}",
        stream_index=sound.index,
        channels=1 if sound.channels == 1 else 2,
        language=sound.language,
        title=sound.title,
        is_default=number == 0,
    )
