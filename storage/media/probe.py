"""What a video file is: length, size as shown, codecs, and that it can be decoded at all.

Runs in a sandboxed child. Header facts are believed where a lie harms only the video itself;
limits are checked against the header and again against what was decoded.
"""

from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from storage.errors import TooComplex, Undecodable
from storage.formats import TRAITS, Container, SourceFormat
from storage.media.box_lengths import is_fragmented
from storage.media.codec_strings import (
    VideoFacts,
    audio_codec_string,
    mime_type,
    video_codec_string,
)
from storage.media.decoders import is_decodable, unknown_codec
from storage.media.demux import decode_frames, open_media, require_pixels, video_stream
from storage.media.facts import MediaLimits, Probe
from storage.media.geometry import display_size
from storage.media.orientation import orientation_of
from storage.media.playable import is_playable, is_video_playable
from storage.media.stream_choice import choose_sounds

# Outside of this a rate is an artefact of the time base (WebM recorders say 1000).
_PLAUSIBLE_RATES = (1, 240)
_PICTURES_LOOKED_AT = 8


def probe(path: Path, source: SourceFormat, limits: MediaLimits) -> Probe:
    """Raises: NoVideo, TooComplex, Undecodable, FileMissing."""
    with open_media(path, source) as media:
        require_streams(media, limits)
        stream = video_stream(media)
        if not is_decodable(stream):
            raise unknown_codec(stream, source)
        frame, facts = look(media, stream, limits.max_pixels)
        duration_s = _duration_s(path, source, media)
        require_duration(duration_s, limits)
        return _describe(source, media, stream, frame, facts, duration_s, limits.max_pixels)


def require_streams(media: InputContainer, limits: MediaLimits) -> None:
    """Raises: TooComplex."""
    if len(media.streams) > limits.max_streams:
        raise TooComplex(f"{len(media.streams)} streams")


def require_duration(duration_s: float, limits: MediaLimits) -> None:
    """Raises: Undecodable, TooComplex."""
    if duration_s <= 0:
        raise Undecodable("no duration")
    if duration_s > limits.max_duration_s:
        raise TooComplex(f"{duration_s} s long")


def _describe(
    source: SourceFormat,
    media: InputContainer,
    stream: VideoStream,
    frame: VideoFrame,
    facts: VideoFacts,
    duration_s: float,
    max_pixels: int,
) -> Probe:
    sounds = choose_sounds(media)
    audio_codec, audio_string = sound_codec(sounds[0]) if sounds else (None, None)
    rotation = orientation_of(frame).rotation
    width, height = display_size(frame.width, frame.height, sample_ratio(stream), rotation)
    require_pixels(width, height, max_pixels)
    container = served_container(source, facts)
    return Probe(
        container=container,
        duration_s=round(duration_s, 6),
        width=width,
        height=height,
        frame_rate=facts.frame_rate,
        rotation=rotation,
        video_codec=facts.codec,
        audio_codec=audio_codec,
        mime_type=mime_type(container, video_codec_string(facts), audio_string),
        streams=len(media.streams),
        is_playable_in_browsers=TRAITS[source].is_native
        and is_playable(container, facts, audio_string),
    )


def served_container(source: SourceFormat, facts: VideoFacts) -> Container:
    """The format that a file with this picture is served in."""
    container = TRAITS[source].container
    return container if is_video_playable(container, facts) else "mp4"


def look(
    media: InputContainer, stream: VideoStream, max_pixels: int
) -> tuple[VideoFrame, VideoFacts]:
    """The first picture, and what header and first pictures tell. Raises: as `decode_frames`."""
    frames = decode_frames(media, stream, max_pixels)
    first = next(frames, None)
    if first is None:
        raise Undecodable("no picture could be decoded")
    # Of a recording with fields the first pictures may be whole ones. Only H.264 of that kind
    # would be copied.
    more = frames if stream.codec_context.codec.canonical_name == "h264" else ()
    later = (frame.interlaced_frame for frame in islice(more, _PICTURES_LOOKED_AT))
    return first, _video_facts(stream, first, first.interlaced_frame or any(later))


def _video_facts(stream: VideoStream, frame: VideoFrame, is_interlaced: bool) -> VideoFacts:
    decoder = stream.codec_context
    return VideoFacts(
        codec=decoder.codec.canonical_name,
        extradata=decoder.extradata or b"",
        profile=decoder.profile,
        bit_depth=frame.format.components[0].bits,
        pixel_format=frame.format.name,
        width=frame.width,
        height=frame.height,
        frame_rate=_frame_rate(stream),
        is_interlaced=is_interlaced,
    )


def sound_codec(stream: AudioStream) -> tuple[str, str]:
    """FFmpeg's short name, and what RFC 6381 calls it."""
    decoder = stream.codec_context
    if decoder is None:
        return "unknown", "unknown"
    codec = decoder.codec.canonical_name
    return codec, audio_codec_string(codec, decoder.extradata or b"")


def sample_ratio(stream: VideoStream) -> Fraction | None:
    """How wide a pixel is for its height; None when nothing tells."""
    return stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio


def _frame_rate(stream: VideoStream) -> float | None:
    least, most = _PLAUSIBLE_RATES
    for rate in (stream.guessed_rate, stream.average_rate):
        if rate and least <= rate <= most:
            return round(float(rate), 3)
    return None


def _duration_s(path: Path, source: SourceFormat, media: InputContainer) -> float:
    duration_s = (media.duration or 0) / av.time_base
    # The header of a fragmented MP4 tells of the first fragment only; a live WebM says nothing.
    if duration_s <= 0 or not TRAITS[source].knows_length or _is_fragmented(path, source):
        duration_s = scan_duration_s(path, source)
    return duration_s


def _is_fragmented(path: Path, source: SourceFormat) -> bool:
    if TRAITS[source].demuxer != "mov":
        return False
    with path.open("rb") as file:
        return is_fragmented(file)


def scan_duration_s(path: Path, source: SourceFormat) -> float:
    """From the first to the end of the last packet; reads the whole file, decodes nothing."""
    first_s, last_s = float("inf"), 0.0
    units: dict[int, float] = {}
    with open_media(path, source) as media:
        for packet in media.demux([*media.streams.video, *media.streams.audio]):
            time = packet.dts if packet.pts is None else packet.pts
            if time is None:
                continue
            unit_s = units.setdefault(packet.stream_index, float(packet.time_base or Fraction(0)))
            first_s = min(first_s, time * unit_s)
            last_s = max(last_s, (time + (packet.duration or 0)) * unit_s)
    return last_s - first_s
