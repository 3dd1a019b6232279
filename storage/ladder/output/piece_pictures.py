"""Decoded pictures of a piece, upright and with square pixels, each with its place.

For sandboxed children only.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain

from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from storage.conversion.filters import PictureFilter
from storage.ladder.facts import Colours, PiecePlaces
from storage.ladder.output.pacing import fill, skip_unseen
from storage.ladder.rates import place
from storage.media.demux import decode_frames, video_stream
from storage.media.probe import sample_ratio
from storage.remux.copied_track import unit_of

# By how much earlier to begin where a seek came too late: containers count decoding times, or lie.
_EARLIER_S = (0, 2, 20)


@dataclass(frozen=True, slots=True)
class Row:
    """Places of a source's pictures, as planned."""

    rate: Fraction
    offset: int
    """Subtracted from times, in the unit of their stream."""

    def place_of(self, frame: VideoFrame, unit: Fraction) -> int:
        assert frame.pts is not None
        return place(frame.pts - self.offset, unit, self.rate)


def piece_pictures(
    media: InputContainer,
    row: Row,
    piece: PiecePlaces,
    size: tuple[int, int],
    max_pixels: int,
    colours: Colours | None,
) -> Iterator[tuple[int, VideoFrame]]:
    """Yields each place of the piece with its picture, the same object where it stays.

    Raises: TooComplex, Undecodable.
    """
    picture = video_stream(media)
    unit = unit_of(picture)
    decoded = _decode_from(media, picture, row, piece.start, max_pixels)
    seen = skip_unseen(((row.place_of(one, unit), one) for one in decoded), piece.start)
    frames = _filter(picture, (frame for _, frame in seen), size, colours)
    return fill(((row.place_of(one, unit), one) for one in frames), piece.start, piece.stop)


def _filter(
    picture: VideoStream,
    frames: Iterator[VideoFrame],
    size: tuple[int, int],
    colours: Colours | None,
) -> Iterator[VideoFrame]:
    first = next(frames, None)
    if first is None:
        return
    made = PictureFilter(first, sample_ratio(picture), threads=1)
    made.width, made.height = size
    if colours is not None:
        made.matrix = colours.matrix
    for frame in chain((first,), frames):
        yield from made(frame)
    yield from made.flush()


def _decode_from(
    media: InputContainer, picture: VideoStream, row: Row, start: int, max_pixels: int
) -> Iterator[VideoFrame]:
    """Pictures in the order of their times, from one that is shown at `start`, or earlier, on."""
    unit = unit_of(picture)
    if start == 0:
        yield from _timed(decode_frames(media, picture, max_pixels))
        return
    for earlier_s in _EARLIER_S:
        at_s = (start - Fraction(1, 2)) / row.rate - earlier_s
        media.seek(max(0, round(at_s / unit)) + row.offset, stream=picture, backward=True)
        frames = _timed(decode_frames(media, picture, max_pixels))
        first = next(frames, None)
        if first is not None and row.place_of(first, unit) <= start:
            yield from chain((first,), frames)
            return
    media.seek(0)
    yield from _timed(decode_frames(media, picture, max_pixels))


def _timed(frames: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
    """Pictures, but for those without a time, or with an earlier one than the one before."""
    last: int | None = None
    for frame in frames:
        if frame.pts is not None and (last is None or frame.pts > last):
            last = frame.pts
            yield frame
