"""A track whose packets are copied, moved in time as the whole film is. For sandboxed children."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any, TypeAlias

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from storage.errors import Undecodable
from storage.media.one_clock import WITH_CLOCKS

AnyPacket: TypeAlias = "Packet[Any]"


class CannotCopy(Undecodable):
    """The packets of a track cannot be copied; coding them anew may succeed."""


_ADTS_BYTES = 7
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
        self._setup = _Setup(source)
        self.has_content = False

    def convert(self, packet: AnyPacket) -> Iterator[AnyPacket]:
        """Raises: CannotCopy."""
        if packet.dts is not None:
            yield from self._release_untimed(packet.dts)
            yield self._shift(packet)
        elif packet.size:
            if packet.pts is None or len(self._untimed) == _MOST_REORDERED:
                raise CannotCopy("no decoding times")
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
        self._setup.require_in(packet)
        packet.dts -= self._start
        packet.pts = None if packet.pts is None else packet.pts - self._start
        packet.stream = self._stream
        self.has_content = True
        return packet


class _Setup:
    """Of a stream's decoder, which a copy states once: in joined streams it changes on the way."""

    def __init__(self, source: Stream) -> None:
        decoder = source.codec_context
        self._told = decoder.extradata or b""
        self._has_headers = decoder.name == "aac" and not self._told
        self._header = b""

    def require_in(self, packet: AnyPacket) -> None:
        """Raises: CannotCopy where it has changed."""
        if packet.has_sidedata("new_extradata"):
            if bytes(packet.get_sidedata("new_extradata")) != self._told:
                raise CannotCopy("another setup of the decoder")
        elif self._has_headers and packet.size > _ADTS_BYTES:
            header = _fixed_header(packet)
            self._header = self._header or header
            if header != self._header:
                raise CannotCopy("another kind of AAC")


def _fixed_header(packet: AnyPacket) -> bytes:
    """Profile, rate and channels of ADTS, ISO/IEC 14496-3 s. 1.A.2.2.1."""
    start = bytes(memoryview(packet)[:_ADTS_BYTES])
    return bytes([start[2] & 0xFD, start[3] & 0xC0])


def mux(out: OutputContainer, packets: Iterable[AnyPacket]) -> None:
    """Raises: CannotCopy where the muxer refuses one: times that do not rise, for instance."""
    for packet in packets:
        try:
            out.mux(packet)
        except av.ArgumentError as exc:
            raise CannotCopy(str(exc)) from exc


def start_of(media: InputContainer) -> Fraction:
    """Delay by which everything comes too late; a single stream may begin later than that.

    What is before the end of a clock, after 26.5 hours, has times below 0. In files without such a
    clock only what no player shows begins there: a decoder's run-up.
    """
    start_s = Fraction(media.start_time or 0, av.time_base)
    return start_s if media.format.name in WITH_CLOCKS else max(Fraction(0), start_s)


def ticks(time_s: Fraction, stream: Stream) -> int:
    return round(time_s / unit_of(stream))


def unit_of(stream: Stream) -> Fraction:
    assert stream.time_base is not None  # every stream of an open file has one
    return stream.time_base
