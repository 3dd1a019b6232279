"""The packets of a file on one clock.

Of transport and program streams that were joined, or whose recorder started again, another clock
begins in the middle: its packets are moved to follow those before. Every stream finds the next
clock by itself, since their packets are interleaved, but all are moved alike, so that picture and
sound stay together. A single wrong time costs nothing: the clock before is found again.
For sandboxed children.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

# Containers that are joined by writing one behind the other, and whose clock counts to 2**33.
WITH_CLOCKS = frozenset({"mpegts", "mpeg"})
# Packets of one clock do not go back, but for damage and for what overlaps where two were joined.
_MOST_BACK_S = Fraction(1, 2)
# What FFmpeg takes for another clock; here it is one only if the packet follows by that.
_MOST_AHEAD_S = Fraction(10)
# No recording pauses that long. A clock that falls back is told as one that counted to its end.
_LONGEST_GAP_S = Fraction(3600)
_MOST_CLOCKS = 8  # that are remembered: damage may make one of each packet


def demux(media: InputContainer, streams: Iterable[Stream]) -> "Iterator[Packet[Any]]":
    """Yields the packets of the streams. Raises: av.FFmpegError."""
    packets = media.demux(list(streams))
    return _Clocks().follow(packets) if media.format.name in WITH_CLOCKS else packets


class _Place:
    """The place of a stream: its clock, by what that is moved, and the packet before."""

    def __init__(self) -> None:
        self.moved_s = Fraction(0)
        self.stop_s: Fraction | None = None
        self.delay = 0
        """From a packet's decoding to its showing."""


class _Clocks:
    """By what the last clocks are moved, the newest first; `_before_s` is of the packet before."""

    def __init__(self) -> None:
        self._moved_s = deque([Fraction(0)], maxlen=_MOST_CLOCKS)
        self._before_s = Fraction(0)
        self._places: dict[int, _Place] = {}

    def follow(self, packets: "Iterable[Packet[Any]]") -> "Iterator[Packet[Any]]":
        for packet in packets:
            place = self._places.setdefault(packet.stream_index, _Place())
            if packet.dts is not None and packet.time_base:
                self._take(packet, packet.dts, packet.time_base, place)
            if place.moved_s and packet.time_base:
                _move(packet, round(place.moved_s / packet.time_base))
            yield packet

    def _take(self, packet: "Packet[Any]", dts: int, unit_s: Fraction, place: _Place) -> None:
        begin_s = dts * unit_s
        place.moved_s = self._before_s = self._find(begin_s, place)
        end_s = begin_s + place.moved_s + (packet.duration or 0) * unit_s
        place.stop_s = end_s if place.stop_s is None else max(place.stop_s, end_s)
        if packet.pts is not None:
            if abs(packet.pts - dts) * unit_s > _MOST_AHEAD_S:
                packet.pts = dts + place.delay  # where clocks meet FFmpeg may read a time of each
            place.delay = packet.pts - dts

    def _find(self, begin_s: Fraction, place: _Place) -> Fraction:
        """Returns by what the clock is moved that a packet of the place's stream is timed by."""
        if place.stop_s is None:
            return self._before_s
        for moved_s in (place.moved_s, *self._moved_s):
            if -_MOST_BACK_S <= begin_s + moved_s - place.stop_s <= _MOST_AHEAD_S:
                return moved_s
        if 0 < begin_s + place.moved_s - place.stop_s <= _LONGEST_GAP_S:
            return place.moved_s
        self._moved_s.appendleft(place.stop_s - begin_s)
        return self._moved_s[0]


def _move(packet: "Packet[Any]", by: int) -> None:
    packet.dts = None if packet.dts is None else packet.dts + by
    packet.pts = None if packet.pts is None else packet.pts + by
