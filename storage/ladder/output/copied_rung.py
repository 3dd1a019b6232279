"""Copies the source's own pictures as the top rung, in segments that begin where those of the
encoded rungs do.

Runs in a sandboxed child. The plan has found each picture at its place: times become exact ticks.
Other keyframes than those at which segments begin are no longer marked, so that no fragment begins
at them.
"""

import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from av.container import InputContainer, OutputContainer

from storage.errors import Undecodable
from storage.formats import SourceFormat
from storage.ladder.facts import Made
from storage.ladder.output.description import describe
from storage.ladder.output.video_file import open_fragments
from storage.ladder.rates import place
from storage.media.demux import open_media, video_stream, wrap_media_errors
from storage.media.facts import decode
from storage.remux.copied_track import AnyPacket, unit_of


def copy_rung(
    path: Path,
    source: SourceFormat,
    name: str,
    file: Path,
    rate: tuple[int, int],
    timescale: int,
    picture_count: int,
    picture_offset: int,
    reorder_delay: int,
) -> Made:
    """Write `file`; the places of the segments are read from standard input.

    Raises: Undecodable, NoVideo, TooComplex, FileMissing, StorageFull.
    """
    starts = frozenset(decode(sys.stdin.buffer.read(), list[int]))
    with (
        open_media(path, source) as media,
        wrap_media_errors(),
        open_fragments(file, timescale) as out,
    ):
        places = _Places(Fraction(*rate), picture_offset, reorder_delay, starts)
        count = _copy(media, out, places, timescale)
    return describe(name, file, 0, count)


class _Places:
    """Times of a row of pictures without gaps, in the order of their decoding."""

    def __init__(self, rate: Fraction, offset: int, delay: int, starts: frozenset[int]) -> None:
        self._rate, self._offset, self._delay, self._starts = rate, offset, delay, starts
        self.count = 0

    def move(self, packet: AnyPacket, unit: Fraction, timescale: int) -> None:
        """Raises: Undecodable for another file than the planned one."""
        at, decoded_at = self._next(packet, unit)
        ticks = int(timescale / self._rate)
        packet.time_base = Fraction(1, timescale)
        packet.pts, packet.dts, packet.duration = at * ticks, decoded_at * ticks, ticks
        packet.is_keyframe = at in self._starts

    def _next(self, packet: AnyPacket, unit: Fraction) -> tuple[int, int]:
        if packet.pts is None:
            raise Undecodable("a picture without a time")
        at, decoded_at = (
            place(packet.pts - self._offset, unit, self._rate),
            self.count - self._delay,
        )
        if decoded_at > at or (at in self._starts and not packet.is_keyframe):
            raise Undecodable("the pictures are not the planned ones")
        self.count += 1
        return at, decoded_at


def _copy(media: InputContainer, out: OutputContainer, places: _Places, timescale: int) -> int:
    picture = video_stream(media)
    stream = out.add_stream_from_template(picture, opaque=True)
    for packet in _packets(media):
        places.move(packet, unit_of(picture), timescale)
        packet.stream = stream
        out.mux(packet)
    return places.count


def _packets(media: InputContainer) -> Iterator[AnyPacket]:
    return (packet for packet in media.demux(video_stream(media)) if packet.size)
