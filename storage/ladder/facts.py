"""Plan of a ladder, and what is made of it: values that cross into the sandbox.

Times of pictures are places in a steady row: picture `n` is shown from `n / frame_rate` on. In the
files a place is a whole number of ticks, so that all rungs begin their segments at the same tick.
No FFmpeg here, so that the serving processes never load it.
"""

from fractions import Fraction
from pathlib import Path
from typing import Literal

import msgspec

from storage.formats import SourceFormat

VideoCodec = Literal["h264", "av1"]


class VideoRung(msgspec.Struct, frozen=True, kw_only=True):
    """A picture size of the ladder in one codec."""

    name: str
    """`v480` in H.264, `av480` in AV1: by the short side."""
    short_side: int
    width: int
    """As shown: upright, with square pixels, even."""
    height: int
    codec: VideoCodec
    is_copied: bool
    """True of the source's own packets."""
    every: int
    """1, or 2 where only every second picture of the plan's rate is shown."""
    max_bitrate: int
    """In bits a second; over a few seconds it may be more."""


class Colours(msgspec.Struct, frozen=True):
    """Tags of encoded pictures, ITU-T H.273; one for the film, or its pieces would not fit."""

    matrix: int
    transfer: int
    primaries: int


class SoundRung(msgspec.Struct, frozen=True, kw_only=True):
    """A track of sound, as AAC."""

    name: str
    """`audio`, then `audio1`, ...; the one that is heard unless another is chosen comes first."""
    stream_index: int
    """In the source."""
    channels: Literal[1, 2]
    language: str
    """As the source has it, ISO 639-2 for the most part; empty where it does not."""
    title: str
    is_default: bool


class LadderPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Rungs and sounds to make of a source; everything that is made of one plan fits together."""

    duration_s: float
    source_pixels: int
    """Of a picture, as shown."""
    rate_numerator: int
    """Pictures a second, as a fraction."""
    rate_denominator: int
    timescale: int
    """Ticks a second in the files of all pictures."""
    picture_count: int
    """At the plan's rate."""
    picture_offset: int
    """Subtracted from the source's times of pictures, in the unit of their stream."""
    reorder_delay: int
    """By how many places the copied rung's pictures are decoded earlier than they are shown."""
    segment_starts: tuple[int, ...]
    """In ticks; the same for all rungs."""
    piece_starts: tuple[int, ...]
    """In ticks: some of `segment_starts`. Empty where no rung is encoded."""
    videos: tuple[VideoRung, ...]
    """The largest first, those of one size side by side."""
    sounds: tuple[SoundRung, ...]
    colours: Colours | None = None
    """None in plans of earlier versions: each piece has those of its first picture."""

    @property
    def frame_rate(self) -> Fraction:
        return Fraction(self.rate_numerator, self.rate_denominator)

    @property
    def ticks_per_picture(self) -> int:
        return self.timescale * self.rate_denominator // self.rate_numerator

    @property
    def stop(self) -> int:
        """End of the last segment, in ticks."""
        return self.picture_count * self.ticks_per_picture

    @property
    def coded(self) -> tuple[VideoRung, ...]:
        """The rungs that are made piece by piece."""
        return tuple(rung for rung in self.videos if not rung.is_copied)

    @property
    def copied(self) -> VideoRung | None:
        return next((rung for rung in self.videos if rung.is_copied), None)

    def piece(self, number: int) -> "PiecePlaces":
        """The piece `number`, counted from 0."""
        start = self.piece_starts[number]
        stop = (*self.piece_starts, self.stop)[number + 1]
        unit = self.ticks_per_picture
        keys = [one // unit for one in self.segment_starts if start <= one < stop]
        return PiecePlaces(start // unit, stop // unit, keys)


class PiecePlaces(msgspec.Struct, frozen=True):
    """A part of the film that one child encodes: places of pictures, half-open."""

    start: int
    stop: int
    keyframes: list[int]
    """Places at which segments begin; the first is `start`."""


class PlanTask(msgspec.Struct, frozen=True):
    path: Path
    source: SourceFormat
    heights: list[int] | None
    """None for the usual ones below the source."""
    with_av1: bool
    max_pixels: int
    segment_s: float
    piece_s: float


class EncodePieceTask(msgspec.Struct, frozen=True):
    path: Path
    source: SourceFormat
    rungs: list[VideoRung]
    files: list[Path]
    """One for each of `rungs`."""
    piece: PiecePlaces
    rate: tuple[int, int]
    timescale: int
    picture_offset: int
    max_pixels: int
    colours: Colours | None


class CopyRungTask(msgspec.Struct, frozen=True):
    """The places of the segments come from standard input: there may be many."""

    path: Path
    source: SourceFormat
    name: str
    """Of the rung."""
    file: Path
    rate: tuple[int, int]
    timescale: int
    picture_count: int
    picture_offset: int
    reorder_delay: int


class EncodeSoundTask(msgspec.Struct, frozen=True):
    path: Path
    source: SourceFormat
    sound: SoundRung
    file: Path
    duration_s: float


class Made(msgspec.Struct, frozen=True):
    """A file of fragments that was made of the whole film, or of a piece of it."""

    name: str
    """Of its rung."""
    file: Path
    start: int
    """When its first picture or sample is shown in the film, in ticks of its own timescale; in the
    file that is 0."""
    size_bytes: int
    count: int
    """Pictures, or packets of sound."""
    codecs: str
    """As RFC 6381 names it."""
