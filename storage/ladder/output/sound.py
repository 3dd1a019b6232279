"""Encodes a track of sound as AAC, in fragments, for as long as the film lasts.

Runs in a sandboxed child. The encoder's first packet, which only primes decoders, is left out
rather than hidden by an edit list: with the list some players are 20 ms late, without packet and
list all are within a millisecond (measured: Chromium 156, hls.js, dash.js, Shaka).
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer

from storage.conversion.filters import SoundFilter
from storage.errors import Undecodable
from storage.formats import SourceFormat
from storage.ladder.facts import Made, SoundRung
from storage.ladder.output.description import describe
from storage.media.demux import decode_packet, open_media, wrap_media_errors
from storage.remux.copied_track import AnyPacket, start_of, ticks

_RATES = (48_000, 44_100)
_BITS_PER_CHANNEL = 64_000
_FORMAT = "fltp"
_LAYOUTS = {1: "mono", 2: "stereo"}
# Packets last 21 to 23 ms: the fragments are as long as those of pictures, or a little shorter.
_FRAGMENT_US = 3_985_000


def encode_sound(
    path: Path, source: SourceFormat, sound: SoundRung, file: Path, duration_s: float
) -> Made:
    """Raises: Undecodable, TooComplex, FileMissing, StorageFull."""
    options = {"movflags": "+cmaf+skip_trailer", "frag_duration": str(_FRAGMENT_US)}
    with (
        open_media(path, source) as media,
        wrap_media_errors(),
        av.open(f"file:{file}", "w", format="mp4", options=options) as out,
    ):
        stream = media.streams[sound.stream_index]
        if not isinstance(stream, AudioStream):
            raise Undecodable("not a stream of sound")
        encoder = _Encoder(out, sound, stream)
        for frame in _decode(media, stream):
            encoder.add(frame)
        count = encoder.finish(duration_s)
    return describe(sound.name, file, 0, count)


def _decode(media: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    """Frames from the film's start on; one without a time follows the one before."""
    start, stop = ticks(start_of(media), stream), 0
    unit = Fraction(stream.time_base or 0)
    for packet in media.demux(stream):
        for frame in decode_packet(stream, packet):
            if frame.pts is None and not packet.size:
                continue  # the decoder's padding at the end
            frame.pts = stop if frame.pts is None else frame.pts - start
            stop = frame.pts + round(Fraction(frame.samples, frame.sample_rate) / unit)
            yield frame


class _Encoder:
    """Sound in one or two channels, at one rate."""

    def __init__(self, out: OutputContainer, sound: SoundRung, source: AudioStream) -> None:
        self._out = out
        self._rate = source.rate if source.rate in _RATES else _RATES[0]
        self._layout = _LAYOUTS[sound.channels]
        self._filter = SoundFilter(_FORMAT, self._layout, self._rate)
        stream = out.add_stream("aac", rate=self._rate)
        assert isinstance(stream, AudioStream)
        stream.layout, stream.format = self._layout, _FORMAT
        stream.bit_rate = sound.channels * _BITS_PER_CHANNEL
        if sound.language:
            stream.metadata["language"] = sound.language
        self._stream, self._stop, self._count = stream, 0, 0

    def add(self, frame: AudioFrame) -> None:
        for steady in self._filter(frame):
            self._encode(steady)

    def finish(self, duration_s: float) -> int:
        """Fill up with silence; returns the number of packets."""
        for steady in self._filter.flush():
            self._encode(steady)
        if not self._stop:
            raise Undecodable("no sound could be decoded")
        end = round(duration_s * self._rate)
        while self._stop < end:
            self._encode(self._silence(min(self._rate, end - self._stop)))
        self._mux(self._stream.encode(None))
        return self._count

    def _encode(self, frame: AudioFrame) -> None:
        self._stop = (frame.pts or 0) + frame.samples
        self._mux(self._stream.encode(frame))

    def _silence(self, samples: int) -> AudioFrame:
        frame = AudioFrame(_FORMAT, self._layout, samples)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.sample_rate, frame.time_base = self._rate, Fraction(1, self._rate)
        frame.pts = self._stop
        return frame

    def _mux(self, packets: list[AnyPacket]) -> None:
        for packet in packets:
            if packet.pts is not None and packet.pts >= 0:
                self._out.mux(packet)
                self._count += 1
