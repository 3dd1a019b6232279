"""The tracks of an MP4 and what is shown of them, by its index. For sandboxed children; blocks."""

import os
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO

from storage.errors import Undecodable
from storage.mp4.boxes import Box, Node, parse_boxes, read_index, read_top_level
from storage.mp4.edits import Edit, Shown, read_edits, simplify
from storage.mp4.fragments import Fragments
from storage.mp4.samples import Samples, count_samples, read_samples

_ENABLED = 1
# In units of the movie; QuickTime's is 600. Less tells no place well enough.
_LEAST_SCALE = 600


@dataclass(slots=True)
class MovieTrack:
    """A track of pictures or sound."""

    number: int
    trak: Node
    kind: bytes
    """The handler: `vide` or `soun`."""
    is_enabled: bool
    scale: int
    """Units a second."""
    descriptions: list[bytes]
    """The sample descriptions, each a box."""
    edits: list[Edit]
    samples: Samples

    @property
    def codecs(self) -> set[bytes]:
        return {description[4:8] for description in self.descriptions}

    @property
    def shown(self) -> Shown | None:
        """None when a simple list does not say it."""
        return simplify(self.edits, self.scale)

    def span_s(self) -> tuple[Fraction, Fraction]:
        """When it is shown, from its first to the end of its last sample, in edited time."""
        first, last = self.samples.shown_span()
        shown = self.shown
        if shown is None:
            return Fraction(0), sum(
                (one.duration_s or Fraction(0) for one in self.edits), Fraction(0)
            )
        start = max(first, shown.start)
        stop = last if shown.stop is None else min(last, shown.stop)
        offset_s = shown.delay_s - Fraction(shown.start, self.scale)
        return offset_s + Fraction(start, self.scale), offset_s + Fraction(stop, self.scale)


@dataclass(slots=True)
class Movie:
    boxes: list[Box]
    moov: Node
    header_scale: int
    """Units a second of the times in the header."""
    duration_s: Fraction
    """As the header says."""
    tracks: list[MovieTrack]
    """Of pictures and sound, in the order of the file."""
    is_fragmented: bool

    @property
    def scale(self) -> int:
        """Units a second in which it is written anew."""
        return max(self.header_scale, _LEAST_SCALE)


def read_movie(file: BinaryIO) -> Movie:
    """Raises: Undecodable, TooComplex."""
    boxes = read_top_level(file, os.fstat(file.fileno()).st_size)
    found = [box for box in boxes if box.kind == b"moov"]
    if len(found) != 1:
        raise Undecodable(f"{len(found)} moov boxes")
    moov = read_index(file, found[0])
    if moov.find(b"cmov"):
        raise Undecodable("a compressed index")
    scale, duration = read_times(moov.need(b"mvhd"))
    tracks = [
        _read_track(trak, scale or _LEAST_SCALE)
        for trak in moov.all(b"trak")
        if _handler(trak) in (b"vide", b"soun")
    ]
    fragments = [box for box in boxes if box.kind == b"moof"]
    if fragments:
        _read_fragments(file, moov, tracks, fragments)
    duration_s = Fraction(duration, scale) if scale else Fraction(0)
    return Movie(boxes, moov, scale, duration_s, tracks, bool(fragments))


def read_times(header: Node) -> tuple[int, int]:
    """Time scale and duration of mvhd or mdhd. Raises: Undecodable."""
    content = header.content
    start, width = (20, 8) if content[:1] == b"\1" else (12, 4)
    if len(content) < start + 4 + width:
        raise Undecodable(f"{header.kind!r} is too short")
    scale = int.from_bytes(content[start : start + 4], "big")
    return scale, int.from_bytes(content[start + 4 : start + 4 + width], "big")


def _handler(trak: Node) -> bytes:
    hdlr = trak.find(b"mdia", b"hdlr")
    return hdlr.content[8:12] if hdlr else b""


def _read_track(trak: Node, movie_scale: int) -> MovieTrack:
    tkhd, stbl = trak.need(b"tkhd").content, trak.need(b"mdia").need(b"minf", b"stbl")
    place = 20 if tkhd[:1] == b"\1" else 12
    scale, _ = read_times(trak.need(b"mdia", b"mdhd"))
    if scale == 0 and count_samples(stbl):
        raise Undecodable("a time scale of 0")
    stsd = stbl.need(b"stsd").content
    return MovieTrack(
        number=int.from_bytes(tkhd[place : place + 4], "big"),
        trak=trak,
        kind=_handler(trak),
        is_enabled=bool(int.from_bytes(tkhd[1:4], "big") & _ENABLED),
        scale=max(scale, 1),
        descriptions=[stsd[box.start : box.stop] for box in parse_boxes(stsd, 8)],
        edits=read_edits(trak, movie_scale),
        samples=read_samples(stbl),
    )


def _read_fragments(
    file: BinaryIO, moov: Node, tracks: list[MovieTrack], fragments: list[Box]
) -> None:
    reader = Fragments(moov, {track.number: track.samples for track in tracks})
    for box in fragments:
        reader.read(file, box)
