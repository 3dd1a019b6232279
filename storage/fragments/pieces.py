"""A piece of a rendition: the movie fragments of one track, with their times and sizes. Blocks.

Reads the index of each fragment and none of its media data. A piece is whole or refused: an end
that is missing would be missing in all that is made of it.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO, NamedTuple

from storage.errors import Truncated, Undecodable
from storage.fragments.moving import moved_size
from storage.mp4.boxes import Box, Node, iterate_top_level, read_index
from storage.mp4.edits import read_edits, simplify
from storage.mp4.fragments import Fragments
from storage.mp4.movie import read_times
from storage.mp4.samples import Samples


class MovieFragment(NamedTuple):
    """A moof with the mdat behind it; positions in the file, presentation times in ticks."""

    position: int
    data: int
    """Position of the mdat."""
    stop: int
    start: int
    end: int
    first_duration: int
    """Ticks of its first sample."""
    first_stop: int
    """Position behind the bytes of its first sample."""
    access_point: int
    """SAP type: 1 a keyframe that is shown first, 2 a keyframe, 0 none."""
    lowest_offset: int
    """The lowest composition offset of its samples."""
    growth: int
    """Bytes that it has more after it has been moved."""
    delayed_growth: int
    """The same if its samples are delayed."""

    @property
    def size(self) -> int:
        """Bytes after it has been moved."""
        return self.stop - self.position + self.growth

    @property
    def keyframe_size(self) -> int:
        """Bytes of the fragment through its first sample."""
        return self.first_stop - self.position + self.growth

    def moved(self, shift: int, *, is_delayed: bool) -> "MovieFragment":
        """The same samples at another time."""
        growth = self.delayed_growth if is_delayed else self.growth
        return self._replace(start=self.start + shift, end=self.end + shift, growth=growth)


@dataclass(frozen=True, slots=True)
class Piece:
    head: bytes
    """ftyp, and what else is in front of the moov."""
    index: Node
    """The moov."""
    track: int
    timescale: int
    fragments: Sequence[MovieFragment]
    """One or more."""

    @property
    def initialization(self) -> bytes:
        return self.head + self.index.serialize()


def read_fragments(file: BinaryIO) -> Piece:
    """Raises: Truncated, Undecodable, TooComplex."""
    size = os.fstat(file.fileno()).st_size
    boxes = list(_whole_boxes(file, size))
    moov = _only(boxes, b"moov")
    index = read_index(file, moov)
    track = _read_track(index)
    fragments = [
        track.read(read_index(file, head), head, data) for head, data in _pair_fragments(boxes)
    ]
    if not fragments:
        raise Truncated("a piece without fragments")
    file.seek(0)
    return Piece(file.read(moov.start), index, track.number, track.timescale, fragments)


def read_fragments_at(
    file: BinaryIO, moov: Box, positions: Iterable[int]
) -> Iterator[MovieFragment]:
    """Fragments that begin at these positions. Raises: Truncated, Undecodable, TooComplex."""
    size = os.fstat(file.fileno()).st_size
    track = _read_track(read_index(file, moov))
    for position in positions:
        head = _box_at(file, position, size)
        data = _box_at(file, head.stop, size)
        if (head.kind, data.kind) != (b"moof", b"mdat"):
            raise Undecodable(f"no fragment at {position}")
        yield track.read(read_index(file, head), head, data)


@dataclass(frozen=True, slots=True)
class _Track:
    number: int
    timescale: int
    moov: Node
    shift: int
    """From media time to presentation time, by the edit list."""

    def read(self, moof: Node, head: Box, data: Box) -> MovieFragment:
        samples = Samples()
        Fragments(self.moov, {self.number: samples}).add(moof, head.start)
        self._check(moof, samples, data)
        shown, stop = samples.shown_span()
        first_stop = samples.positions[0] + samples.sizes[0]
        keyframe = 1 if samples.shown_at(0) == shown else 2
        size = head.stop - head.start
        return MovieFragment(
            position=head.start,
            data=data.start,
            stop=data.stop,
            start=shown + self.shift,
            end=stop + self.shift,
            first_duration=samples.duration(0),
            first_stop=first_stop,
            access_point=keyframe if samples.is_sync[0] else 0,
            lowest_offset=min(samples.delays),
            growth=moved_size(moof, is_delayed=False) - size,
            delayed_growth=moved_size(moof, is_delayed=True) - size,
        )

    def _check(self, moof: Node, samples: Samples, data: Box) -> None:
        trafs = moof.all(b"traf")
        if len(trafs) != 1 or trafs[0].find(b"tfdt") is None or not len(samples):
            raise Undecodable("not a fragment of one track with its time")
        first, last = samples.positions[0], samples.positions[-1] + samples.sizes[-1]
        if first < data.content or last > data.stop:
            raise Undecodable("samples outside of their mdat")


def _read_track(moov: Node) -> _Track:
    traks = moov.all(b"trak")
    if len(traks) != 1:
        raise Undecodable(f"{len(traks)} tracks")
    timescale, _ = read_times(traks[0].need(b"mdia", b"mdhd"))
    movie_scale, _ = read_times(moov.need(b"mvhd"))
    if not timescale or not movie_scale:
        raise Undecodable("a time scale of 0")
    shown = simplify(read_edits(traks[0], movie_scale), timescale)
    if shown is None or shown.stop is not None:
        raise Undecodable("an edit list that cuts")
    tkhd = traks[0].need(b"tkhd").content
    place = 20 if tkhd[:1] == b"\1" else 12
    number = int.from_bytes(tkhd[place : place + 4], "big")
    shift = round(shown.delay_s * timescale - Fraction(shown.start))
    return _Track(number, timescale, moov, shift)


def _whole_boxes(file: BinaryIO, size: int) -> Iterator[Box]:
    stop = 0
    for box in iterate_top_level(file, size):
        stop = box.stop
        yield box
    if stop != size:
        raise Truncated("a piece without its end")


def _box_at(file: BinaryIO, position: int, size: int) -> Box:
    box = next(iterate_top_level(file, size, position), None)
    if box is None or box.stop > size:
        raise Truncated("a fragment without its end")
    return box


def _only(boxes: Sequence[Box], kind: bytes) -> Box:
    found = [box for box in boxes if box.kind == kind]
    if len(found) != 1:
        raise Undecodable(f"{len(found)} {kind!r} boxes")
    return found[0]


def _pair_fragments(boxes: Sequence[Box]) -> Iterator[tuple[Box, Box]]:
    """Each moof with its mdat, which has to follow at once: positions count from the moof."""
    following = iter([*boxes[1:], None])
    for box, after in zip(boxes, following, strict=True):
        if box.kind == b"moof":
            if after is None or after.kind != b"mdat":
                raise Truncated("a moof without its mdat")
            yield box, after
