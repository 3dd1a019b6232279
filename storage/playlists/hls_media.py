"""HLS media playlists, of pictures, sound, keyframes and captions: RFC 8216 s. 4.3.2. Pure."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from math import ceil
from typing import NamedTuple

from storage.fragments.fragmented_file import FragmentedFile
from storage.playlists.bitrates import target_duration_s
from storage.playlists.shown_text import quote

# EXT-X-MAP without EXT-X-I-FRAMES-ONLY needs 6, and fragmented MP4 came with 7.
VERSION = 7
_PER_SECOND = 1_000_000


class _Stretch(NamedTuple):
    """Bytes of a file and the time after which the next entry begins."""

    offset: int
    size: int
    stop: int


def media_playlist(file_name: str, fragmented: FragmentedFile) -> str:
    """Playlist of a rendition of pictures or sound: its segments as byte ranges of one file."""
    stretches = [
        _Stretch(one.offset, one.size, one.start + one.duration) for one in fragmented.fragments
    ]
    lines = _list_stretches(file_name, fragmented, stretches)
    return _finish([*_begin(fragmented), "#EXT-X-INDEPENDENT-SEGMENTS", *lines])


def iframe_playlist(file_name: str, fragmented: FragmentedFile) -> str:
    """The first picture of each segment, for scrubbing (RFC 8216 s. 4.3.3.6)."""
    stretches = [
        _Stretch(one.offset, one.keyframe_size, one.start + one.duration)
        for one in fragmented.fragments
    ]
    lines = _list_stretches(file_name, fragmented, stretches)
    return _finish([*_begin(fragmented), "#EXT-X-I-FRAMES-ONLY", *lines])


def text_playlist(file_name: str, duration_s: Fraction) -> str:
    """Playlist of captions: one WebVTT file as long as the film."""
    lines = _head(max(1, ceil(duration_s)))
    return _finish([*lines, _extinf(round(duration_s * _PER_SECOND)), file_name])


def _begin(fragmented: FragmentedFile) -> list[str]:
    return _head(target_duration_s(fragmented))


def _head(target_s: int) -> list[str]:
    return [
        "#EXTM3U",
        f"#EXT-X-VERSION:{VERSION}",
        f"#EXT-X-TARGETDURATION:{target_s}",
        "#EXT-X-PLAYLIST-TYPE:VOD",
    ]


def _list_stretches(
    file_name: str, fragmented: FragmentedFile, stretches: Iterable[_Stretch]
) -> Iterator[str]:
    yield f'#EXT-X-MAP:URI={quote(file_name)},BYTERANGE="{fragmented.initialization_size}@0"'
    # Each ends where it does to the microsecond, so that the sum of a day's is right, too.
    position = 0
    for one in stretches:
        stop = round(Fraction(one.stop - fragmented.start, fragmented.timescale) * _PER_SECOND)
        yield _extinf(stop - position)
        yield f"#EXT-X-BYTERANGE:{one.size}@{one.offset}"
        yield file_name
        position = stop


def _extinf(microseconds: int) -> str:
    return f"#EXTINF:{microseconds // _PER_SECOND}.{microseconds % _PER_SECOND:06},"


def _finish(lines: Iterable[str]) -> str:
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])
