"""Sound alone, and the film that is made of it: a poster for as long as it lasts.

Runs in a sandboxed child. The poster has a picture each second, so that every player takes the
file for a video, and a keyframe each minute to seek to.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer, OutputContainer
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from storage.conversion.poster import POSTER_UNIT, make_poster
from storage.conversion.tracks import CODINGS, Coding, Track, sound_tracks
from storage.errors import NoVideo, Truncated, Undecodable
from storage.formats import Container, SourceFormat
from storage.media import one_clock
from storage.media.codec_strings import mime_type
from storage.media.decoders import is_decodable
from storage.media.demux import decode_packet, open_media, wrap_media_errors
from storage.media.facts import MediaLimits, Probe
from storage.media.probe import require_duration, require_streams, scan_duration_s, sound_codec
from storage.media.stream_choice import choose_sounds
from storage.remux.copied_track import AnyPacket, mux, start_of
from storage.remux.packet_copy import MUXERS, verify

_KEYFRAME_EVERY = 60  # pictures, and seconds
_RATE = 1
# What libx264 makes of a poster: High, level 3.1.
_PICTURE_CODEC, _PICTURE_STRING = "h264", "avc1.64001F"
# Of FLAC, which knows how many samples it has: more than a block is missed.
_MOST_MISSED_S = 1.0


def probe_sound(path: Path, source: SourceFormat, limits: MediaLimits) -> Probe:
    """Facts of a file with sound alone, as the film that is made of it will have them.

    Raises: NoVideo, TooComplex, Undecodable, FileMissing.
    """
    with open_media(path, source) as media:
        require_streams(media, limits)
        sound = next((one for one in choose_sounds(media) if is_decodable(one)), None)
        if sound is None:
            raise NoVideo
        if not any(decode_packet(sound, packet) for packet in media.demux(sound)):
            raise Undecodable("no sound could be decoded")
        codec, name = sound_codec(sound)
        told_s, streams = (media.duration or 0) / av.time_base, len(media.streams)
    duration_s = scan_duration_s(path, source)
    require_duration(duration_s, limits)
    if source == "flac" and told_s - duration_s > _MOST_MISSED_S:
        raise Truncated(f"{duration_s} of {told_s} s")
    with open_media(path, source) as media:
        poster = make_poster(media, limits.max_pixels)
    return Probe(
        container="mp4",
        duration_s=round(duration_s, 6),
        width=poster.width,
        height=poster.height,
        frame_rate=float(_RATE),
        rotation=0,
        video_codec=_PICTURE_CODEC,
        audio_codec=codec,
        mime_type=mime_type("mp4", _PICTURE_STRING, name),
        streams=streams,
        is_playable_in_browsers=False,
    )


def make_sound_film(
    path: Path,
    source: SourceFormat,
    target: Path,
    made: Container,
    duration_s: float,
    max_pixels: int,
    report: Callable[[float], None],
    *,
    anew: bool = False,
) -> None:
    """Write `target`; `anew` copies no sound.

    Raises: CannotCopy unless `anew`, NoVideo, Undecodable, TooComplex, FileMissing, StorageFull.
    """
    with open_media(path, source) as media:
        poster = make_poster(media, max_pixels)
    muxer, options = MUXERS[made]
    with (
        open_media(path, source) as media,
        wrap_media_errors(),
        av.open(f"file:{target}", "w", format=muxer, options=options) as out,
    ):
        picture = _PosterTrack(out, CODINGS[made], poster)
        sounds = sound_tracks(media, out, made, anew=anew)
        if not sounds:
            raise NoVideo
        _carry_over(media, out, picture, sounds, duration_s, report)
    verify(target)


def _carry_over(
    media: InputContainer,
    out: OutputContainer,
    picture: "_PosterTrack",
    sounds: dict[int, Track],
    duration_s: float,
    report: Callable[[float], None],
) -> None:
    start_s, stop_s = start_of(media), Fraction(0)
    for packet in one_clock.demux(media, [media.streams[index] for index in sounds]):
        if packet.dts is not None:
            begins_s = packet.dts * packet.time_base - start_s
            stop_s = max(stop_s, begins_s + (packet.duration or 0) * packet.time_base)
            report(float(begins_s) / duration_s)
            mux(out, picture.until(begins_s))
        mux(out, sounds[packet.stream.index].convert(packet))
    mux(out, picture.end_at(stop_s))
    for track in sounds.values():
        mux(out, track.flush())
    if not any(track.has_content for track in sounds.values()):
        raise Undecodable("no sound could be decoded")


class _PosterTrack:
    """The same picture again and again."""

    def __init__(self, out: OutputContainer, coding: Coding, poster: VideoFrame) -> None:
        options = {**coding.video_options, "bf": "0", "threads": "1"}
        stream = out.add_stream(coding.video, rate=_RATE, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = poster.width, poster.height, "yuv420p"
        coder = stream.codec_context
        coder.time_base, coder.gop_size = POSTER_UNIT, _KEYFRAME_EVERY
        coder.color_range, coder.colorspace = poster.color_range, poster.colorspace
        self._stream, self._poster, self._count = stream, poster, 0

    def until(self, time_s: Fraction) -> Iterator[AnyPacket]:
        """The pictures that begin by then."""
        while Fraction(self._count, _RATE) <= time_s:
            yield from self._stream.encode(self._next())

    def end_at(self, stop_s: Fraction) -> Iterator[AnyPacket]:
        """Yields the rest, the last picture shown until `stop_s`."""
        last: AnyPacket | None = None
        for packet in (*self.until(max(Fraction(0), stop_s - POSTER_UNIT)), *self._stream.encode()):
            if last is not None:
                yield last
            last = packet
        if last is not None:
            unit = last.time_base or POSTER_UNIT
            last.duration = max(1, round(stop_s / unit) - (last.pts or 0))
            yield last

    def _next(self) -> VideoFrame:
        frame = self._poster
        frame.pts, frame.time_base = round(self._count / (_RATE * POSTER_UNIT)), POSTER_UNIT
        is_key = self._count % _KEYFRAME_EVERY == 0
        frame.pict_type = PictureType.I if is_key else PictureType.NONE
        self._count += 1
        return frame
