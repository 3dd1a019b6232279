"""Containers: the formats that uploads come in, and the two that videos are served in. Pure.

A format's name is also the extension that its original is stored under. Each is opened by exactly
one of FFmpeg's demuxers; formats that are not in the table are opened by none.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

Container: TypeAlias = Literal["mp4", "webm"]
"""A format that browsers play, and that videos are served in."""

SourceFormat: TypeAlias = Literal[
    "mp4",
    "3gp",
    "m4a",
    "mov",
    "webm",
    "mkv",
    "avi",
    "ts",
    "mpg",
    "wmv",
    "flv",
    "mxf",
    "ogg",
    "wav",
    "mp3",
    "aac",
    "flac",
]
"""A format of uploads."""

AUDIO = "audio"
"""The word of `ALLOWED_FORMATS` that admits files with sound alone."""


@dataclass(frozen=True, slots=True)
class FormatTraits:
    """A format of uploads."""

    label: str
    """Its name for people."""
    demuxer: str
    admitted_by: str
    """The word of `ALLOWED_FORMATS` that admits it."""
    container: Container = "mp4"
    """The format to serve it in where its picture plays there."""
    is_native: bool = False
    """True if a browser takes the file itself for one of `container`."""
    is_sound: bool = False
    """True if `AUDIO` admits it, too."""
    is_timed: bool = True
    """True if each picture has its time of presentation: only then can pictures be copied."""
    knows_length: bool = False
    """True if its header states its duration, rather than its packets."""


TRAITS: Mapping[SourceFormat, FormatTraits] = {
    "mp4": FormatTraits("MP4", "mov", "mp4", is_native=True, knows_length=True),
    "3gp": FormatTraits("3GP", "mov", "mp4", is_native=True, knows_length=True),
    "m4a": FormatTraits("M4A", "mov", "mp4", is_native=True, is_sound=True, knows_length=True),
    "mov": FormatTraits("QuickTime", "mov", "mov", knows_length=True),
    "webm": FormatTraits("WebM", "matroska", "webm", "webm", is_native=True, knows_length=True),
    "mkv": FormatTraits("Matroska", "matroska", "mkv", "webm", knows_length=True),
    "avi": FormatTraits("AVI", "avi", "avi", is_timed=False),
    "ts": FormatTraits("MPEG transport stream", "mpegts", "ts"),
    "mpg": FormatTraits("MPEG program stream", "mpeg", "mpg", is_timed=False),
    "wmv": FormatTraits("Windows Media", "asf", "wmv"),
    "flv": FormatTraits("Flash Video", "flv", "flv"),
    "mxf": FormatTraits("MXF", "mxf", "mxf"),
    "ogg": FormatTraits("Ogg", "ogg", "ogv", is_sound=True),
    "wav": FormatTraits("WAV", "wav", AUDIO, is_sound=True),
    "mp3": FormatTraits("MP3", "mp3", AUDIO, is_sound=True),
    "aac": FormatTraits("AAC", "aac", AUDIO, is_sound=True),
    "flac": FormatTraits("FLAC", "flac", AUDIO, is_sound=True),
}
EXTENSIONS: tuple[str, ...] = get_args(SourceFormat)


def admits(allowed: Collection[str], source: SourceFormat) -> bool:
    """True if files of this format are accepted, with pictures or without."""
    traits = TRAITS[source]
    return traits.admitted_by in allowed or (traits.is_sound and AUDIO in allowed)


def admits_content(allowed: Collection[str], source: SourceFormat, *, has_picture: bool) -> bool:
    """True if a file that `admits` accepts is still acceptable by what is in it."""
    return TRAITS[source].admitted_by in allowed if has_picture else AUDIO in allowed
