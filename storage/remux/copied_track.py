"""A track whose packets are copied, moved in time as the whole film is. For sandboxed children."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, TypeAlias

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from storage.errors import Undecodable

AnyPacket: TypeAlias = "Packet[Any]"

# Their clock begins anew after 26.5 hours; what was before that has times below 0. In other files
# only what no player shows begins there: a decoder's run-up.
_WRAPPING = frozenset({"mpegts", "mpeg"})
_MOST_REORDERED = 32  # pictures; H.264 has at most 16


class CopiedTrack:
    """The very packets of the source.

    Matroska tells no decoding times; those of the first packets FFmpeg cannot guess, and they are
    counted back here from the first that it can.
    """

    def __init__(self, out: OutputContainer, source: Stream, start_s: Fraction) -> None:
        # Opaque: asks for no encoder, since there may be none by the decoder's name (libdav1d).
        self._stream = out.add_stream_from_template(source, opaque=True)
        self._start = ticks(start_s, source)
        self._untimed: list[AnyPacket] = []
        self.has_content = False

    def convert(self, packet: AnyPacket) -> Iterator[AnyPacket]:
        if packet.dts is not None:
            yield from self._release_untimed(packet.dts)
            yield self._shift(packet)
        elif packet.size:
            if packet.pts is None or len(self._untimed) == _MOST_REORDERED:
                raise Undecodable("no decoding times")
            self._untimed.append(packet)

    def flush(self) -> Iterator[AnyPacket]:
        yield from self._release_untimed(
            min((packet.pts or 0 for packet in self._untimed), default=0)
        )

    def _release_untimed(self, next_dts: int) -> Iterator[AnyPacket]:
        untimed, self._untimed = self._untimed, []
        for place, packet in enumerate(untimed):
            packet.dts = next_dts - (len(untimed) - place) * max(1, packet.duration or 1)
            yield self._shift(packet)

    def _shift(self, packet: AnyPacket) -> AnyPacket:
        assert packet.dts is not None
        packet.dts -= self._start
        packet.pts = None if packet.pts is None else packet.pts - self._start
        packet.stream = self._stream
        self.has_content = True
        return packet


def start_of(media: InputContainer) -> Fraction:
    """By how much everything comes too late; a single stream may begin later than that."""
    start_s = Fraction(media.start_time or 0, av.time_base)
    return start_s if media.format.name in _WRAPPING else max(Fraction(0), start_s)


def ticks(time_s: Fraction, stream: Stream) -> int:
    return round(time_s / unit_of(stream))


def unit_of(stream: Stream) -> Fraction:
    assert stream.time_base is not None  # every stream of an open file has one
    return stream.time_base
