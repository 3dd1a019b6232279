"""Pieces of a rendition built box by box, every field known."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from storage.mp4.boxes import build_box

TIMESCALE = 1000
MOVIE_SCALE = 500
TYPE = build_box(b"ftyp", b"iso6\0\0\2\0iso6")
TYPE_OF_SEGMENT = build_box(b"styp", b"msdh\0\0\0\0msdh")
NOT_SYNC = 0x10000


def words(*values: int) -> bytes:
    return b"".join((value & 0xFFFFFFFF).to_bytes(4, "big") for value in values)


@dataclass(frozen=True)
class Sample:
    duration: int = 100
    content: bytes = b"picture"
    delay: int = 0
    is_sync: bool = False


KEYFRAME = Sample(is_sync=True, content=b"keyframe!")


@dataclass(frozen=True)
class Part:
    """A moof and its mdat."""

    samples: Sequence[Sample] = (KEYFRAME, Sample())
    decode_time: int = 0
    is_64_bit: bool = True
    in_runs: int = 1
    """The samples are told in so many runs."""
    before: bytes = b""
    between: bytes = b""
    after_header: bytes = b""
    """More boxes within the traf."""
    trafs: int = 1
    has_time: bool = True
    has_base: bool = False
    has_position: bool = True
    has_offsets: bool = True
    """Composition offsets."""
    misplaced: int = 0
    """By so much the data is said to lie elsewhere."""
    track: int = 1

    def build(self) -> bytes:
        offset = len(self._moof(0)) + len(self.between) + 8 + self.misplaced
        data = b"".join(one.content for one in self.samples)
        return self.before + self._moof(offset) + self.between + build_box(b"mdat", data)

    def _moof(self, offset: int) -> bytes:
        header = words(0x020000 | self.has_base, self.track) + bytes(8 * self.has_base)
        time = words(self.decode_time)
        if self.is_64_bit:
            time = self.decode_time.to_bytes(8, "big")
        tfdt = build_box(b"tfdt", bytes([self.is_64_bit, 0, 0, 0]) + time)
        traf = build_box(
            b"traf",
            build_box(b"tfhd", header),
            self.after_header,
            tfdt if self.has_time else b"",
            *self._runs(offset),
        )
        mfhd = build_box(b"mfhd", words(0, 7))
        return build_box(b"moof", mfhd, *[traf] * self.trafs)

    def _runs(self, offset: int) -> list[bytes]:
        step = -(-len(self.samples) // self.in_runs) or 1
        runs = []
        for first in range(0, max(len(self.samples), 1), step):
            samples = self.samples[first : first + step]
            flags = 0x01000700 | 0x800 * self.has_offsets | self.has_position
            content = words(flags, len(samples), *[offset] * self.has_position)
            for one in samples:
                not_sync = 0 if one.is_sync else NOT_SYNC
                content += words(one.duration, len(one.content), not_sync)
                content += words(*[one.delay] * self.has_offsets)
                offset += len(one.content)
            runs.append(build_box(b"trun", content))
        return runs


@dataclass(frozen=True)
class Initialization:
    timescale: int = TIMESCALE
    track: int = 1
    edits: Sequence[tuple[int, int]] = ()
    """(duration in ticks of the movie, start in ticks of the track), -1 for an empty edit."""
    tracks: int = 1
    is_wide: bool = False
    codec: bytes = b"test"

    def build(self) -> bytes:
        trex = build_box(b"trex", words(0, self.track, 1, 0, 0, 0))
        mvhd = build_box(b"mvhd", words(0, 0, 0, MOVIE_SCALE, 0))
        trak = self._trak()
        return TYPE + build_box(b"moov", mvhd, *[trak] * self.tracks, build_box(b"mvex", trex))

    def _trak(self) -> bytes:
        times = bytes(16 if self.is_wide else 8)
        tkhd = build_box(b"tkhd", bytes([self.is_wide, 0, 0, 3]) + times + words(self.track, 0, 0))
        entries = b"".join(words(length, start) + b"\0\1\0\0" for length, start in self.edits)
        elst = build_box(b"elst", words(0, len(self.edits)) + entries)
        mdhd = build_box(b"mdhd", words(0, 0, 0, self.timescale, 0))
        stsd = build_box(b"stsd", words(0, 1), build_box(self.codec, bytes(8)))
        stbl = build_box(b"stbl", stsd)
        mdia = build_box(b"mdia", mdhd, build_box(b"minf", stbl))
        edts = build_box(b"edts", elst) if self.edits else b""
        return build_box(b"trak", tkhd, edts, mdia)


@dataclass(frozen=True)
class BuiltPiece:
    parts: Sequence[Part] = field(default_factory=lambda: [Part()])
    initialization: Initialization = field(default_factory=Initialization)
    after: bytes = b""

    def build(self) -> bytes:
        parts = b"".join(part.build() for part in self.parts)
        return self.initialization.build() + parts + self.after

    def write(self, path: Path) -> Path:
        path.write_bytes(self.build())
        return path
