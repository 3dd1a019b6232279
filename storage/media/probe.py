"""Probe of a video file: length, size as shown, codecs, and that it can be decoded at all.

Runs in a sandboxed child. Lengths are those of the packets; a header is believed where reading all
of a large upload would take too long. Limits are checked against the header and again against what
was decoded.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from storage.errors import TooComplex, Undecodable
from storage.formats import TRAITS, Container, SourceFormat
from storage.media.codec_strings import (
    VideoFacts,
    audio_codec_string,
    mime_type,
    video_codec_string,
)
from storage.media.contents import Contents, read_contents, read_indexed, span_s
from storage.media.decoders import is_decodable, unknown_codec
from storage.media.demux import decode_packets, open_media, require_pixels, video_stream
from storage.media.facts import MediaLimits, Probe, ProbedSound
from storage.media.geometry import display_size
from storage.media.orientation import is_turned_by_messages, orientation_of
from storage.media.playable import is_playable, is_video_playable
from storage.media.stream_choice import choose_picture, choose_sounds
from storage.media.track_words import language_of, title_of
from storage.mp4.movie import Movie

# Outside of this a rate is an artefact of the time base (WebM recorders say 1000).
_PLAUSIBLE_RATES = (1, 240)
_PICTURES_LOOKED_AT = 8
# Somebody waits while an upload is probed: a second or two of reading from a slow disk.
_MOST_READ_BYTES = 200 << 20


def probe(path: Path, source: SourceFormat, limits: MediaLimits) -> Probe:
    """Raises: NoVideo, TooComplex, Undecodable, FileMissing."""
    with open_media(path, source) as media:
        return probe_open(media, path, source, limits)[0]


def probe_open(
    media: InputContainer,
    path: Path,
    source: SourceFormat,
    limits: MediaLimits,
    most_read_bytes: int = _MOST_READ_BYTES,
    movie: Movie | None = None,
) -> tuple[Probe, Contents | None]:
    """Beside it what was counted; None of a file without an index that is larger than that.

    Raises: as `probe`.
    """
    require_streams(media, limits)
    stream = video_stream(media)
    if not is_decodable(stream):
        raise unknown_codec(stream, source)
    frame, facts = look(media, stream, limits.max_pixels)
    contents = _contents(path, source, media, most_read_bytes, movie)
    duration_s = _duration_s(media, contents)
    require_duration(duration_s, limits)
    found = _describe(source, media, stream, frame, facts, duration_s, contents, limits.max_pixels)
    return found, contents


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
    contents: Contents | None,
    max_pixels: int,
) -> Probe:
    sounds = [one for one in choose_sounds(media) if contents is None or one.index in contents]
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
        audio_tracks=[
            ProbedSound(language=language_of(one), title=title_of(one)) for one in sounds
        ],
    )


def served_container(source: SourceFormat, facts: VideoFacts) -> Container:
    """The format that a file with this picture is served in."""
    container = TRAITS[source].container
    return container if is_video_playable(container, facts) else "mp4"


def look(
    media: InputContainer, stream: VideoStream, max_pixels: int
) -> tuple[VideoFrame, VideoFacts]:
    """The first picture, and what header and first pictures state. Raises: as `decode_packets`."""
    taken: list[Packet[VideoStream]] = []
    frames = decode_packets(stream, _noted(media.demux(stream), taken), max_pixels)
    first = next(frames, None)
    if first is None:
        raise Undecodable("no picture could be decoded")
    facts = _video_facts(stream, first)
    # Only H.264 that is turned or has fields would be copied.
    if facts.codec == "h264":
        # Of a recording with fields the first pictures may be whole ones.
        looked_at = chain([first], islice(frames, _PICTURES_LOOKED_AT))
        facts = replace(
            facts,
            is_interlaced=any(frame.interlaced_frame for frame in looked_at),
            is_turned_by_messages=is_turned_by_messages(stream, taken, first),
        )
    return first, facts


def _noted(
    packets: "Iterable[Packet[VideoStream]]", taken: "list[Packet[VideoStream]]"
) -> "Iterator[Packet[VideoStream]]":
    for packet in packets:
        taken.append(packet)
        yield packet


def _video_facts(stream: VideoStream, frame: VideoFrame) -> VideoFacts:
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
        is_interlaced=frame.interlaced_frame,
    )


def sound_codec(stream: AudioStream) -> tuple[str, str]:
    """FFmpeg's short name, and what RFC 6381 calls it."""
    decoder = stream.codec_context
    if decoder is None:
        return "unknown", "unknown"
    codec = decoder.codec.canonical_name
    return codec, audio_codec_string(codec, decoder.extradata or b"")


def sample_ratio(stream: VideoStream) -> Fraction | None:
    """Sample aspect ratio; None when nothing states it."""
    return stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio


def _frame_rate(stream: VideoStream) -> float | None:
    least, most = _PLAUSIBLE_RATES
    for rate in (stream.guessed_rate, stream.average_rate):
        if rate and least <= rate <= most:
            return round(float(rate), 3)
    return None


def _contents(
    path: Path,
    source: SourceFormat,
    media: InputContainer,
    most_read_bytes: int,
    movie: Movie | None,
) -> Contents | None:
    """None of a file that would take too long to read and has a header that states its length."""
    if (found := read_indexed(path, source, media, movie)) is not None:
        return film_contents(media, found)
    is_large = path.stat().st_size > most_read_bytes
    if is_large and TRAITS[source].knows_length and (media.duration or 0) > 0:
        return None
    # From its beginning: pictures of `media` were looked at.
    with open_media(path, source) as again:
        return film_contents(again, read_contents(path, source, again))


def film_contents(media: InputContainer, contents: Contents) -> Contents:
    """Contents of the streams that are shown and heard."""
    film = [choose_picture(media), *choose_sounds(media)]
    return {one.index: contents[one.index] for one in film if one.index in contents}


def _duration_s(media: InputContainer, contents: Contents | None) -> float:
    return (media.duration or 0) / av.time_base if contents is None else span_s(contents)


def scan_duration_s(path: Path, source: SourceFormat) -> float:
    """Seconds from the first packet to the end of the last; reads the file, decodes nothing."""
    with open_media(path, source) as media:
        return span_s(read_contents(path, source, media))
