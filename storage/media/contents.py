"""The packets of a film: how many each stream has, from when to when, the first and the last.

Counted, not believed: by the index of an MP4, else by reading the file. Nothing is decoded. What an
edit list hides counts as absent. For sandboxed children; blocks.
"""

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

from av.container import InputContainer
from av.packet import Packet

from storage.errors import FINAL, wrap_os_errors
from storage.formats import TRAITS, SourceFormat
from storage.media.demux import wrap_media_errors
from storage.mp4.cutting import cut_track
from storage.mp4.movie import MovieTrack, read_movie
from storage.mp4.samples import Samples

_DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class Content:
    """Content of a stream."""

    packets: int
    start_s: Fraction
    stop_s: Fraction
    first: str = ""
    """A digest of the packet that is shown first; empty where that is not known."""
    last: str = ""


Contents = dict[int, Content]
"""By the index of the stream; streams without packets are not there."""


def read_contents(path: Path, source: SourceFormat, media: InputContainer) -> Contents:
    """Of pictures and sound; `media` is the open file, which may be read to its end.

    Raises: Undecodable, TooComplex, FileMissing.
    """
    found = read_indexed(path, source, media)
    return _read_packets(media) if found is None else found


def read_indexed(path: Path, source: SourceFormat, media: InputContainer) -> Contents | None:
    """By the index alone; None without one that can be read, though FFmpeg may understand it.

    Raises: FileMissing.
    """
    if TRAITS[source].demuxer != "mov":
        return None
    try:
        return _read_index(path, media)
    except FINAL:
        return None


def span_s(contents: Contents) -> float:
    """From the first to the end of the last; 0 when there is nothing."""
    if not contents:
        return 0.0
    start_s = min(one.start_s for one in contents.values())
    return float(max(one.stop_s for one in contents.values()) - start_s)


def _read_index(path: Path, media: InputContainer) -> Contents:
    streams = {stream.id: stream.index for stream in media.streams}
    with wrap_os_errors(), path.open("rb") as file:
        return {
            streams[track.number]: _read_track(file, track)
            for track in read_movie(file).tracks
            if track.number in streams and len(track.samples)
        }


def _read_track(file: BinaryIO, track: MovieTrack) -> Content:
    start_s, stop_s = track.span_s()
    try:
        samples = cut_track(track).samples
    except FINAL:
        return Content(len(track.samples), start_s, stop_s)
    first, last = samples.shown_ends()
    digests = [_digest_sample(file, samples, number) for number in (first, last)]
    return Content(len(samples), start_s, stop_s, *digests)


def _digest_sample(file: BinaryIO, samples: Samples, number: int) -> str:
    file.seek(samples.positions[number])
    return _digest(file.read(samples.sizes[number]))


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).hexdigest()


class _Ends:
    """The packets of a stream that are shown first and last."""

    def __init__(self, unit_s: Fraction) -> None:
        self._unit_s = unit_s
        self._count = 0
        self._first: Packet[Any] | None = None
        self._last: Packet[Any] | None = None
        self._stop = 0

    def add(self, packet: "Packet[Any]", time: int) -> None:
        self._count += 1
        if self._first is None or time < _time(self._first):
            self._first = packet
        if self._last is None or time > _time(self._last):
            self._last = packet
        self._stop = max(self._stop, time + (packet.duration or 0))

    def content(self) -> Content:
        assert self._first is not None
        assert self._last is not None
        start_s, stop_s = _time(self._first) * self._unit_s, self._stop * self._unit_s
        digests = _digest(bytes(self._first)), _digest(bytes(self._last))
        return Content(self._count, start_s, stop_s, *digests)


def _time(packet: "Packet[Any]") -> int:
    time = packet.dts if packet.pts is None else packet.pts
    assert time is not None
    return time


def _read_packets(media: InputContainer) -> Contents:
    ends: dict[int, _Ends] = {}
    with wrap_media_errors():
        for packet in media.demux([*media.streams.video, *media.streams.audio]):
            if not packet.size or (packet.pts is None and packet.dts is None):
                continue
            if packet.stream_index not in ends:
                ends[packet.stream_index] = _Ends(packet.time_base or Fraction(0))
            ends[packet.stream_index].add(packet, _time(packet))
    return {index: one.content() for index, one in ends.items()}
