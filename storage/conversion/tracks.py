"""The tracks of a converted file: coded anew, but for sound that can be copied.

For sandboxed children only. Every time is moved by the same `start_s`, so that picture and sound
stay together, and is otherwise kept. Damaged packets are left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer

from storage.conversion.filters import SoundFilter
from storage.formats import Container
from storage.media.decoders import is_decodable
from storage.media.demux import decode_packet
from storage.media.playable import can_hold_sound
from storage.media.probe import sound_codec
from storage.media.stream_choice import choose_sounds
from storage.remux.copied_track import AnyPacket, CopiedTrack, start_of, ticks, unit_of


@dataclass(frozen=True, slots=True)
class Coding:
    """Encoder settings of a container's streams: small writing stays legible, a long lecture takes
    no longer than it lasts on one core of today.
    """

    video: str
    video_options: dict[str, str]
    audio: str
    sample_format: str
    sample_rates: tuple[int, ...]
    bits_per_channel: int


CODINGS: dict[Container, Coding] = {
    "mp4": Coding(
        "libx264",
        {"preset": "veryfast", "crf": "23"},
        "aac",
        "fltp",
        (48_000, 44_100),
        80_000,
    ),
    "webm": Coding(
        "libvpx-vp9",
        {"deadline": "realtime", "cpu-used": "6", "crf": "32", "b": "0", "row-mt": "1"},
        "libopus",
        "s16",
        (48_000,),
        64_000,
    ),
}


class Track(Protocol):
    """One stream of the target."""

    has_content: bool

    def convert(self, packet: AnyPacket) -> Iterator[AnyPacket]:
        """Yields the packets made of one of the source; an empty one is its end."""

    def flush(self) -> Iterator[AnyPacket]:
        """Yields the packets that were held back."""


class SoundTrack:
    """Sound in one or two channels."""

    def __init__(
        self, out: OutputContainer, coding: Coding, source: AudioStream, start_s: Fraction
    ) -> None:
        rates = coding.sample_rates
        rate = source.rate if source.rate in rates else rates[0]
        channels, layout = (1, "mono") if source.channels == 1 else (2, "stereo")
        self._source = source
        self._start = ticks(start_s, source)
        self._filter = SoundFilter(coding.sample_format, layout, rate)
        self._stop, self._times_all = 0, True
        stream = out.add_stream(coding.audio, rate=rate)
        assert isinstance(stream, AudioStream)
        stream.layout, stream.format = layout, coding.sample_format
        stream.bit_rate = channels * coding.bits_per_channel
        self._stream = stream
        self.has_content = False

    def convert(self, packet: AnyPacket) -> Iterator[AnyPacket]:
        for frame in decode_packet(self._source, packet):
            self._times_all = self._times_all and (frame.pts is not None or not packet.size)
            if frame.pts is None and self._times_all:
                continue  # the decoder's padding at the end
            self._set_time(frame)
            self.has_content = True
            for steady in self._filter(frame):
                yield from self._stream.encode(steady)

    def _set_time(self, frame: AudioFrame) -> None:
        """A frame without a time follows the one before."""
        frame.pts = self._stop if frame.pts is None else frame.pts - self._start
        length_s = Fraction(frame.samples, frame.sample_rate)
        self._stop = frame.pts + round(length_s / unit_of(self._source))

    def flush(self) -> Iterator[AnyPacket]:
        for steady in self._filter.flush():
            yield from self._stream.encode(steady)
        if self.has_content:
            yield from self._stream.encode(None)


def sound_tracks(
    media: InputContainer, out: OutputContainer, made: Container, *, anew: bool = False
) -> dict[int, Track]:
    """Tracks by the index of the stream that each is made from. `anew`: none is copied."""
    start_s, tracks = start_of(media), dict[int, Track]()
    for sound in choose_sounds(media):
        if not anew and can_hold_sound(made, sound_codec(sound)[1], sound.rate):
            tracks[sound.index] = CopiedTrack(out, sound, start_s)
        elif is_decodable(sound):
            tracks[sound.index] = SoundTrack(out, CODINGS[made], sound, start_s)
    return tracks
