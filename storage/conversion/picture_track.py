"""The picture of a file that is being made, decoded and coded anew.

For sandboxed children only. Each picture keeps its time, moved by `start_s`, and the last one its
duration. Damaged pictures are left out.
"""

import os
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain

from av.container import OutputContainer
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from storage.conversion.filters import PictureFilter
from storage.conversion.tracks import Coding
from storage.media.codec_strings import VideoFacts
from storage.media.demux import decode_packet, prepare_decoder, require_pixels
from storage.media.probe import sample_ratio
from storage.remux.copied_track import AnyPacket, ticks, unit_of

_KEYFRAME_EVERY_S = 2
_USUAL_RATE = 30
# More threads than this cost more memory than they save time.
_MOST_THREADS = 4


class PictureTrack:
    """Pictures as they are shown, with a keyframe to seek to every two seconds."""

    def __init__(
        self,
        out: OutputContainer,
        coding: Coding,
        source: VideoStream,
        first: VideoFrame,
        facts: VideoFacts,
        start_s: Fraction,
        max_pixels: int,
    ) -> None:
        prepare_decoder(source, max_pixels)
        source.codec_context.thread_count = _threads()
        source.codec_context.thread_type = "AUTO"
        self._source, self._max_pixels = source, max_pixels
        rate = Fraction(facts.frame_rate or _USUAL_RATE).limit_denominator(1001)
        self._clock = _PictureClock(ticks(start_s, source), ticks(1 / rate, source))
        self._filter = PictureFilter(first, sample_ratio(source), _threads())
        like, *_ = chain(self._filter(first), self._filter.flush())
        self._stream = _open_stream(out, coding, like, rate, unit_of(source))
        self._next_keyframe_s = 0.0
        self._held: AnyPacket | None = None
        self.has_content = False

    def convert(self, packet: AnyPacket) -> Iterator[AnyPacket]:
        for frame in decode_packet(self._source, packet):
            require_pixels(frame.width, frame.height, self._max_pixels)
            if self._clock.set_time(frame):
                yield from self._encode(self._filter(frame))

    def flush(self) -> Iterator[AnyPacket]:
        yield from self._encode(self._filter.flush())
        if self.has_content:
            yield from self._hold_last(self._stream.encode(None))
        if self._held is not None:
            yield self._until_the_end(self._held)

    def _encode(self, frames: Iterable[VideoFrame]) -> Iterator[AnyPacket]:
        for frame in frames:
            yield from self._hold_last(self._stream.encode(self._mark_keyframe(frame)))

    def _hold_last(self, packets: Iterable[AnyPacket]) -> Iterator[AnyPacket]:
        for packet in packets:
            if self._held is not None:
                yield self._held
            self._held = packet

    def _until_the_end(self, last: AnyPacket) -> AnyPacket:
        """Only times between pictures are in a stream: the last one needs a duration."""
        unit = last.time_base or Fraction(0)
        end = round(self._clock.stop * unit_of(self._source) / unit)
        last.duration = max(1, end - (last.pts or 0))
        return last

    def _mark_keyframe(self, frame: VideoFrame) -> VideoFrame:
        """Force a keyframe where one is due; the encoder chooses all other frame types."""
        self.has_content = True
        frame.pict_type = PictureType.NONE
        if frame.time >= self._next_keyframe_s:
            frame.pict_type = PictureType.I
            self._next_keyframe_s = frame.time + _KEYFRAME_EVERY_S
        return frame


class _PictureClock:
    """Times of decoded pictures, in units of their stream; `step` is the usual distance."""

    def __init__(self, start: int, step: int) -> None:
        self._start, self._step = start, max(1, step)
        self._last = -1
        self.stop = 0
        """When the last picture has been shown."""

    def set_time(self, frame: VideoFrame) -> bool:
        """True if the picture comes after the one before: no encoder takes another one.

        Some containers do not time each picture: such a one follows at the usual distance.
        """
        pts = self.stop if frame.pts is None else frame.pts - self._start
        if pts <= self._last:
            return False
        frame.pts = self._last = pts
        self.stop = pts + (frame.duration or self._step)
        return True


def _open_stream(
    out: OutputContainer, coding: Coding, like: VideoFrame, rate: Fraction, unit: Fraction
) -> VideoStream:
    options = {**coding.video_options, "threads": str(_threads())}
    stream = out.add_stream(coding.video, rate=rate, options=options)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = like.width, like.height, like.format.name
    coder = stream.codec_context
    coder.time_base = unit
    coder.color_range, coder.colorspace = like.color_range, like.colorspace
    coder.color_trc, coder.color_primaries = like.color_trc, like.color_primaries
    return stream


def _threads() -> int:
    return min(_MOST_THREADS, len(os.sched_getaffinity(0)))
