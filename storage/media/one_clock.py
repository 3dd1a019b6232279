"""The packets of a file on one clock.

Of transport and program streams that were joined, or whose recorder started again, another clock
begins in the middle: its packets are moved to follow those before. Every stream finds the next
clock by itself, since their packets are interleaved, but all are moved alike, so that picture and
sound stay together. A packet whose time follows by no clock waits for the one behind it, which
tells whether that time is wrong: damage moves nothing. For sandboxed children.
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


class _StreamClock:
    """The clock of a stream: by what it is moved, and the packet before."""

    def __init__(self) -> None:
        self.moved_s = Fraction(0)
        self.stop_s: Fraction | None = None
        self.delay = 0
        """From a packet's decoding to its showing."""
        self.astray: Packet[Any] | None = None
        """Follows by no known clock; the packet behind it shows whether its time is wrong."""

    def is_followed(self, begin_s: Fraction, moved_s: Fraction) -> bool:
        """True if a packet may come next by a clock that is moved so."""
        if self.stop_s is None:
            return True
        return -_MOST_BACK_S <= begin_s + moved_s - self.stop_s <= _MOST_AHEAD_S


class _Clocks:
    """By what the last clocks are moved, the newest first; `_before_s` is of the packet before."""

    def __init__(self) -> None:
        self._moved_s = deque([Fraction(0)], maxlen=_MOST_CLOCKS)
        self._before_s = Fraction(0)
        self._places: dict[int, _StreamClock] = {}

    def follow(self, packets: "Iterable[Packet[Any]]") -> "Iterator[Packet[Any]]":
        for packet in packets:
            place = self._places.setdefault(packet.stream_index, _StreamClock())
            begin_s = _begin_s(packet)
            if (astray := place.astray) is not None:
                place.astray = None
                is_wrong = begin_s is None or place.is_followed(begin_s, place.moved_s)
                yield self._settle(astray, place, is_wrong=is_wrong)
            moved_s = self._find(begin_s, place)
            if moved_s is None:
                place.astray = packet
            else:
                yield self._time(packet, place, moved_s)

    def _find(self, begin_s: Fraction | None, place: _StreamClock) -> Fraction | None:
        """Returns by what the clock of a packet is moved; None if it follows by none."""
        if begin_s is None:
            return place.moved_s
        if place.stop_s is None:
            return self._before_s
        known = (place.moved_s, *self._moved_s)
        return next((moved for moved in known if place.is_followed(begin_s, moved)), None)

    def _settle(
        self, packet: "Packet[Any]", place: _StreamClock, *, is_wrong: bool
    ) -> "Packet[Any]":
        begin_s, stop_s = _begin_s(packet), place.stop_s
        assert begin_s is not None
        assert stop_s is not None
        if (found_s := self._find(begin_s, place)) is not None:  # by another stream, meanwhile
            return self._time(packet, place, found_s)
        if is_wrong:
            return self._time(packet, place, stop_s - begin_s, alone=True)
        if 0 < begin_s + place.moved_s - stop_s <= _LONGEST_GAP_S:
            return self._time(packet, place, place.moved_s)
        self._moved_s.appendleft(stop_s - begin_s)
        return self._time(packet, place, self._moved_s[0])

    def _time(
        self, packet: "Packet[Any]", place: _StreamClock, moved_s: Fraction, *, alone: bool = False
    ) -> "Packet[Any]":
        """Moves a packet; `alone`: those behind it are not moved so."""
        if not alone:
            place.moved_s = self._before_s = moved_s
        unit_s = packet.time_base
        if packet.dts is not None and unit_s:
            if packet.pts is not None:
                if abs(packet.pts - packet.dts) * unit_s > _MOST_AHEAD_S:
                    packet.pts = packet.dts + place.delay  # FFmpeg read one time of each clock
                place.delay = packet.pts - packet.dts
            end_s = (packet.dts + (packet.duration or 0)) * unit_s + moved_s
            place.stop_s = end_s if place.stop_s is None else max(place.stop_s, end_s)
        if moved_s and unit_s:
            _move(packet, round(moved_s / unit_s))
        return packet


def _begin_s(packet: "Packet[Any]") -> Fraction | None:
    unit_s = packet.time_base
    return None if packet.dts is None or unit_s is None else packet.dts * unit_s


def _move(packet: "Packet[Any]", by: int) -> None:
    packet.dts = None if packet.dts is None else packet.dts + by
    packet.pts = None if packet.pts is None else packet.pts + by
