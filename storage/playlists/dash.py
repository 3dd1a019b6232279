"""DASH manifest (MPD), on-demand profile: ISO/IEC 23009-1. Pure.

Each rendition is one file whose index names its segments (`SegmentBase`). Rungs of one codec are
one adaptation set, among which players switch; each sound and each captions file is one of its own.
"""

from collections.abc import Iterable
from fractions import Fraction
from itertools import count
from math import ceil
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from storage.fragments.fragmented_file import FragmentedFile
from storage.playlists.alternatives import Alternative, list_alternatives
from storage.playlists.bitrates import peak_bitrate, target_duration_s
from storage.playlists.renditions import (
    Presentation,
    SoundRendition,
    TextRendition,
    VideoRendition,
)

_NAMESPACE = "urn:mpeg:dash:schema:mpd:2011"
_PROFILE = "urn:mpeg:dash:profile:isoff-on-demand:2011"
_ROLES = "urn:mpeg:dash:role:2011"
_CHANNELS = "urn:mpeg:dash:23003:3:audio_channel_configuration:2011"
# A hundred kilobytes of captions in an hour; players want a figure.
_TEXT_BITRATE = 256
_SEGMENTS = {
    "segmentAlignment": "true",
    "subsegmentAlignment": "true",
    "startWithSAP": "1",
    "subsegmentStartsWithSAP": "1",
}


def manifest(presentation: Presentation) -> str:
    root = Element(
        "MPD",
        {
            "xmlns": _NAMESPACE,
            "profiles": _PROFILE,
            "type": "static",
            "mediaPresentationDuration": _duration(presentation.duration_s),
            "minBufferTime": f"PT{max(_targets(presentation))}S",
        },
    )
    period = SubElement(root, "Period", {"id": "0"})
    numbers = map(str, count())
    for videos in _by_codec(presentation.videos):
        _add_videos(period, next(numbers), videos)
    for sound in list_alternatives(presentation.sounds, presentation.default_sound):
        _add_sound(period, next(numbers), sound)
    for text in list_alternatives(presentation.texts):
        _add_text(period, next(numbers), text)
    ElementTree.indent(root)
    head = '<?xml version="1.0" encoding="utf-8"?>'
    return f"{head}\n{ElementTree.tostring(root, encoding='unicode')}\n"


def _targets(presentation: Presentation) -> Iterable[int]:
    return (target_duration_s(one.fragmented) for one in presentation.media)


def _duration(duration_s: Fraction) -> str:
    """Rounded up to milliseconds: what lies behind the end is not played."""
    return f"PT{ceil(duration_s * 1000) / 1000:.3f}S"


def _by_codec(videos: Iterable[VideoRendition]) -> Iterable[list[VideoRendition]]:
    found: dict[str, list[VideoRendition]] = {}
    for video in videos:
        found.setdefault(video.codecs.partition(".")[0], []).append(video)
    return found.values()


def _add_videos(period: Element, number: str, videos: list[VideoRendition]) -> None:
    parent = _adaptation_set(period, number, "video", "video/mp4", _SEGMENTS)
    for video in videos:
        details = {
            "codecs": video.codecs,
            "width": str(video.width),
            "height": str(video.height),
            "frameRate": _rate(video.frame_rate),
        }
        representation = _representation(parent, video.name, video.fragmented, details)
        _add_file(representation, video.file_name, video.fragmented)


def _add_sound(period: Element, number: str, sound: Alternative[SoundRendition]) -> None:
    rendition = sound.rendition
    parent = _adaptation_set(period, number, "audio", "audio/mp4", _SEGMENTS, sound.language)
    _add_label(parent, "main" if sound.is_default else "alternate", sound.label)
    representation = _representation(
        parent, rendition.name, rendition.fragmented, {"codecs": rendition.codecs}
    )
    channels = {"schemeIdUri": _CHANNELS, "value": str(rendition.channels)}
    SubElement(representation, "AudioChannelConfiguration", channels)
    _add_file(representation, rendition.file_name, rendition.fragmented)


def _add_text(period: Element, number: str, text: Alternative[TextRendition]) -> None:
    rendition = text.rendition
    parent = _adaptation_set(period, number, "text", "text/vtt", {}, text.language)
    _add_label(parent, "subtitle", text.label)
    attributes = {"id": rendition.name, "bandwidth": str(_TEXT_BITRATE)}
    SubElement(
        SubElement(parent, "Representation", attributes), "BaseURL"
    ).text = rendition.file_name


def _adaptation_set(
    period: Element,
    number: str,
    content: str,
    media_type: str,
    details: dict[str, str],
    language: str | None = None,
) -> Element:
    attributes = {"id": number, "contentType": content, "mimeType": media_type}
    if language:
        attributes["lang"] = language
    return SubElement(period, "AdaptationSet", attributes | details)


def _add_label(parent: Element, role: str, label: str) -> None:
    """Label before Role, as the schema orders them."""
    SubElement(parent, "Label").text = label
    SubElement(parent, "Role", {"schemeIdUri": _ROLES, "value": role})


def _representation(
    parent: Element, name: str, fragmented: FragmentedFile, details: dict[str, str]
) -> Element:
    bandwidth = str(peak_bitrate(fragmented))
    return SubElement(parent, "Representation", {"id": name, **details, "bandwidth": bandwidth})


def _add_file(representation: Element, file_name: str, fragmented: FragmentedFile) -> None:
    SubElement(representation, "BaseURL").text = file_name
    first, stop = fragmented.index_range
    attributes = {
        "indexRange": f"{first}-{stop - 1}",
        "indexRangeExact": "true",
        "timescale": str(fragmented.timescale),
    }
    base = SubElement(representation, "SegmentBase", attributes)
    last = fragmented.initialization_size - 1
    SubElement(base, "Initialization", {"range": f"0-{last}"})


def _rate(frame_rate: Fraction) -> str:
    """A whole number or a fraction: 25, 30000/1001."""
    return str(frame_rate)
