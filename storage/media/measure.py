"""A file as its packets are, in the terms in which an upload is compared with what is made of it.

Runs in a sandboxed child; decodes one picture.
"""

import sys
from pathlib import Path
from typing import Any

from av.container import InputContainer

from storage.formats import SourceFormat
from storage.media.contents import Content
from storage.media.demux import open_media
from storage.media.facts import Measured, MeasuredTrack, MediaLimits
from storage.media.probe import probe_open
from storage.media.track_words import language_of
from storage.mp4.movie import Movie


def measure(path: Path, source: SourceFormat, limits: MediaLimits) -> Measured:
    """Raises: as `probe`."""
    with open_media(path, source) as media:
        return measure_open(media, path, source, limits)


def measure_open(
    media: InputContainer,
    path: Path,
    source: SourceFormat,
    limits: MediaLimits,
    movie: Movie | None = None,
) -> Measured:
    """`movie`: the index of an MP4, where it has been read. Raises: as `probe`."""
    found, contents = probe_open(media, path, source, limits, sys.maxsize, movie)
    contents = contents or {}
    begin_s = min((one.start_s for one in contents.values()), default=0)
    tracks = [
        _measure_track(media.streams[index], content, float(begin_s))
        for index, content in contents.items()
    ]
    return Measured(found, sorted(tracks, key=lambda track: not track.is_picture))


def _measure_track(stream: Any, content: Content, begin_s: float) -> MeasuredTrack:
    return MeasuredTrack(
        is_picture=stream.type == "video",
        codec=stream.codec_context.codec.canonical_name,
        language=language_of(stream),
        packets=content.packets,
        start_s=round(float(content.start_s) - begin_s, 6),
        stop_s=round(float(content.stop_s) - begin_s, 6),
        first=content.first,
        last=content.last,
        is_steady=content.is_steady,
    )
