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
from av.stream import Stream
from av.video.stream import VideoStream

from storage.bitstreams.coded_sizes import CODECS, HEAD_BYTES, CodedSizes
from storage.errors import FINAL, wrap_os_errors
from storage.formats import TRAITS, SourceFormat
from storage.media import one_clock
from storage.media.demux import wrap_media_errors
from storage.mp4.cutting import cut_track, hides_samples
from storage.mp4.movie import Movie, MovieTrack, read_movie
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
    is_steady: bool = True
    """False where the size of the pictures changes, or may."""


Contents = dict[int, Content]
"""By the index of the stream; streams without packets are not there."""


def read_contents(path: Path, source: SourceFormat, media: InputContainer) -> Contents:
    """Contents of pictures and sound; `media` is the open file, which may be read to its end.

    Raises: Undecodable, TooComplex, FileMissing.
    """
    found = read_indexed(path, source, media)
    return _read_packets(media) if found is None else found


def read_indexed(
    path: Path, source: SourceFormat, media: InputContainer, movie: Movie | None = None
) -> Contents | None:
    """Contents by the index alone, which may have been read already as `movie`; None without one
    that can be read, though FFmpeg may understand it.

    Raises: FileMissing.
    """
    if TRAITS[source].demuxer != "mov":
        return None
    try:
        return _read_index(path, media, movie)
    except FINAL:
        return None


def span_s(contents: Contents) -> float:
    """Seconds from the first to the end of the last; 0 when there is nothing."""
    if not contents:
        return 0.0
    start_s = min(one.start_s for one in contents.values())
    return float(max(one.stop_s for one in contents.values()) - start_s)


def _read_index(path: Path, media: InputContainer, movie: Movie | None) -> Contents:
    streams = {stream.id: stream for stream in media.streams}
    with wrap_os_errors(), path.open("rb") as file:
        return {
            streams[track.number].index: _read_track(file, track, streams[track.number])
            for track in (movie or read_movie(file)).tracks
            if track.number in streams and len(track.samples)
        }


def _read_track(file: BinaryIO, track: MovieTrack, stream: Stream) -> Content:
    start_s, stop_s = track.span_s()
    try:
        samples = cut_track(track).samples if hides_samples(track) else track.samples
    except FINAL:
        return Content(len(track.samples), start_s, stop_s)
    first, last = (_digest_sample(file, samples, number) for number in samples.shown_ends())
    is_steady = _is_steady(file, samples, _coded_sizes(stream))
    return Content(len(samples), start_s, stop_s, first, last, is_steady)


def _coded_sizes(stream: Stream) -> CodedSizes | None:
    """Returns None of sound, and of codecs that are converted in any case."""
    if not isinstance(stream, VideoStream) or stream.codec_context is None:
        return None
    codec = stream.codec_context.codec.canonical_name
    return CodedSizes(codec, stream.codec_context.extradata or b"") if codec in CODECS else None


def _is_steady(file: BinaryIO, samples: Samples, sizes: CodedSizes | None) -> bool:
    if sizes is None:
        return True
    for number in range(len(samples)) if sizes.needs_all else samples.keyframes():
        file.seek(samples.positions[number])
        size = samples.sizes[number]
        sizes.add(file.read(size if sizes.needs_all else min(HEAD_BYTES, size)))
        if not sizes.is_steady:
            return False
    return True


def _digest_sample(file: BinaryIO, samples: Samples, number: int) -> str:
    file.seek(samples.positions[number])
    return _digest(file.read(samples.sizes[number]))


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).hexdigest()


class _Ends:
    """The packets of a stream that are shown first and last."""

    def __init__(self, unit_s: Fraction, sizes: CodedSizes | None) -> None:
        self._unit_s = unit_s
        self._sizes = sizes
        self._count = 0
        self._first: Packet[Any] | None = None
        self._last: Packet[Any] | None = None
        self._stop = 0

    def add(self, packet: "Packet[Any]", time: int) -> None:
        self._count += 1
        if self._sizes is not None and self._sizes.needs_all:
            self._sizes.add(bytes(packet))
        elif self._sizes is not None and packet.is_keyframe:
            self._sizes.add(bytes(memoryview(packet)[:HEAD_BYTES]))
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
        is_steady = self._sizes is None or self._sizes.is_steady
        return Content(self._count, start_s, stop_s, *digests, is_steady=is_steady)


def _time(packet: "Packet[Any]") -> int:
    time = packet.dts if packet.pts is None else packet.pts
    assert time is not None
    return time


def _read_packets(media: InputContainer) -> Contents:
    ends: dict[int, _Ends] = {}
    with wrap_media_errors():
        for packet in one_clock.demux(media, [*media.streams.video, *media.streams.audio]):
            if not packet.size or (packet.pts is None and packet.dts is None):
                continue
            if packet.stream_index not in ends:
                unit_s = packet.time_base or Fraction(0)
                ends[packet.stream_index] = _Ends(unit_s, _coded_sizes(packet.stream))
            ends[packet.stream_index].add(packet, _time(packet))
    return {index: one.content() for index, one in ends.items()}
