"""The source of a ladder: the facts of its header, and its packets.

Runs in a sandboxed child; reads the whole file, decodes a few pictures.
"""

from array import array
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet

from storage.bitstreams.h264 import begins_with_idr, parameter_sets, prefix_bytes
from storage.conversion.filters import shown_colours
from storage.errors import Undecodable
from storage.formats import SourceFormat
from storage.ladder.facts import Colours
from storage.ladder.rungs import PictureSize
from storage.media.codec_strings import VideoFacts
from storage.media.decoders import is_decodable
from storage.media.demux import open_media, video_stream
from storage.media.geometry import display_size, fit_size
from storage.media.orientation import UPRIGHT, orientation_of
from storage.media.playable import is_video_playable
from storage.media.probe import look, sample_ratio
from storage.media.stream_choice import choose_sounds
from storage.media.track_words import language_of, title_of
from storage.remux.copied_track import start_of, ticks, unit_of

# As conversions do: H.264 level 5.1 ends here.
_LONGEST_SIDE_PX = 3840


@dataclass(slots=True)
class Packets:
    """Packets of the picture, in the order of their decoding; times are those shown, from the
    film's start on."""

    times: "array[int]" = field(default_factory=lambda: array("q"))
    sizes: "array[int]" = field(default_factory=lambda: array("l"))
    idr_numbers: list[int] = field(default_factory=list)
    """Numbers of the packets that hold an IDR picture of H.264."""
    stop: int = 0
    is_whole: bool = True
    """False where a packet has no time, or is not to be shown."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A stream of sound that can be decoded."""

    index: int
    channels: int
    language: str
    title: str


@dataclass(frozen=True, slots=True)
class ScannedSource:
    """Facts for a plan."""

    size: PictureSize
    colours: Colours
    """Of what the pictures are converted to."""
    unit: Fraction
    """Seconds, of the picture's times."""
    start: int
    """When the film starts, in that unit."""
    is_plain_h264: bool
    """True if players can take its packets as they are: upright, square pixels, 8-bit 4:2:0."""
    packets: Packets
    stop_s: Fraction
    """End of picture and sound."""
    sounds: tuple[Sound, ...]


def scan(path: Path, source: SourceFormat, max_pixels: int) -> ScannedSource:
    """Raises: NoVideo, Undecodable, TooComplex, FileMissing."""
    with open_media(path, source) as media:
        first, facts = look(media, video_stream(media), max_pixels)
        ratio = sample_ratio(video_stream(media))
        orientation, colours = orientation_of(first), Colours(*shown_colours(first))
    shown = display_size(first.width, first.height, ratio, orientation.rotation)
    size = PictureSize(*fit_size(*shown, _LONGEST_SIDE_PX))
    is_as_coded = orientation == UPRIGHT and (first.width, first.height) == (
        size.width,
        size.height,
    )
    # From its beginning: pictures were looked at.
    with open_media(path, source) as media:
        return _read(media, size, colours, facts, is_as_coded=is_as_coded)


def _read(
    media: InputContainer,
    size: PictureSize,
    colours: Colours,
    facts: VideoFacts,
    *,
    is_as_coded: bool,
) -> ScannedSource:
    picture = video_stream(media)
    sounds = [one for one in choose_sounds(media) if is_decodable(one)]
    start_s, packets = start_of(media), Packets()
    start, prefix, stop_s = ticks(start_s, picture), _prefix(facts), Fraction(0)
    for packet in media.demux([picture, *sounds]):
        if not packet.size:
            continue
        if packet.stream_index == picture.index:
            _add(packets, packet, start, prefix)
        else:
            stop_s = max(stop_s, _end_s(packet) - start_s)
    if not packets.times:
        raise Undecodable("no picture with a time")
    return ScannedSource(
        size=size,
        colours=colours,
        unit=unit_of(picture),
        start=start,
        is_plain_h264=prefix is not None and is_as_coded and packets.is_whole,
        packets=packets,
        stop_s=max(stop_s, packets.stop * unit_of(picture)),
        sounds=tuple(map(_sound, sounds)),
    )


def _prefix(facts: VideoFacts) -> int | None:
    """Bytes of the lengths before the units of H.264 that players take; else None."""
    is_plain = facts.codec == "h264" and is_video_playable("mp4", facts)
    has_sets = any(parameter_sets(facts.extradata))
    return prefix_bytes(facts.extradata) if is_plain and has_sets else None


def _add(packets: Packets, packet: "Packet[Any]", start: int, prefix: int | None) -> None:
    if packet.pts is None or packet.is_discard:
        packets.is_whole = False
        return
    if prefix is not None and packet.is_keyframe and begins_with_idr(memoryview(packet), prefix):
        packets.idr_numbers.append(len(packets.times))
    packets.times.append(packet.pts - start)
    packets.sizes.append(packet.size)
    packets.stop = max(packets.stop, packet.pts - start + (packet.duration or 0))


def _end_s(packet: "Packet[Any]") -> Fraction:
    time = packet.dts if packet.pts is None else packet.pts
    if time is None or packet.is_discard:
        return Fraction(0)
    return (time + (packet.duration or 0)) * Fraction(packet.time_base or 0)


def _sound(stream: AudioStream) -> Sound:
    return Sound(
        index=stream.index,
        channels=stream.channels,
        language=language_of(stream),
        title=title_of(stream),
    )
