"""HLS master playlist: variants, sounds, captions and I-frame playlists of a film.

RFC 8216 s. 4.3.4. Pure. Each rung of pictures is a variant, and so is listening only. Sounds and
captions are groups of alternatives that all variants share.
"""

from collections.abc import Iterable, Iterator, Mapping

from storage.playlists.alternatives import Alternative, list_alternatives
from storage.playlists.bitrates import average_bitrate, keyframe_bitrate, peak_bitrate
from storage.playlists.hls_media import VERSION
from storage.playlists.renditions import (
    Presentation,
    SoundRendition,
    TextRendition,
    VideoRendition,
)
from storage.playlists.shown_text import quote

_SOUNDS, _TEXTS = "sound", "captions"
# Players that know nothing of the line begin with the first variant: 480p starts soon everywhere.
_FIRST_SHORT_SIDE_PX = 480
_EVERYWHERE = "avc1"


def master_playlist(
    presentation: Presentation, playlists: Mapping[str, str], iframes: Mapping[str, str]
) -> str:
    """`playlists` and `iframes` name the playlist files of the renditions by their names.

    Every rendition has a playlist; I-frame playlists are for those of pictures that `iframes`
    names.
    """
    sounds = list(list_alternatives(presentation.sounds, presentation.default_sound))
    texts = list(list_alternatives(presentation.texts))
    shared = _Shared(sounds, texts)
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{VERSION}", "#EXT-X-INDEPENDENT-SEGMENTS"]
    lines += [_sound(one, playlists) for one in sounds]
    lines += [_text(one, playlists) for one in texts]
    for video in _order(presentation.videos):
        lines += [_variant(video, shared), playlists[video.name]]
    for video in presentation.videos:
        if video.name in iframes:
            lines.append(_iframes(video, iframes[video.name]))
    lines += _listening(sounds, shared, playlists)
    return "\n".join([*lines, ""])


class _Shared:
    """Sums and attributes that the groups of sounds and captions give to each variant."""

    def __init__(
        self, sounds: list[Alternative[SoundRendition]], texts: list[Alternative[TextRendition]]
    ) -> None:
        renditions = [one.rendition for one in sounds]
        self.peak = max((peak_bitrate(one.fragmented) for one in renditions), default=0)
        self.average = max((average_bitrate(one.fragmented) for one in renditions), default=0)
        self.codecs = [one.codecs for one in renditions]
        self.groups = [f'AUDIO="{_SOUNDS}"'] * bool(sounds)
        self.groups += [f'SUBTITLES="{_TEXTS}"'] * bool(texts)

    def attributes(
        self, peak: int, average: int, codecs: str | None, details: Iterable[str] = ()
    ) -> str:
        named = dict.fromkeys([codecs, *self.codecs] if codecs else self.codecs)
        values = [
            f"BANDWIDTH={peak + self.peak}",
            f"AVERAGE-BANDWIDTH={average + self.average}",
            f"CODECS={quote(','.join(named))}",
            *details,
            *self.groups,
        ]
        return f"#EXT-X-STREAM-INF:{','.join(values)}"


def _order(videos: Iterable[VideoRendition]) -> list[VideoRendition]:
    """H.264 before what fewer players know, by size; the one to begin with comes first."""
    ordered = sorted(
        videos, key=lambda one: (not one.codecs.startswith(_EVERYWHERE), -_short_side(one))
    )
    if ordered:
        first = min(ordered, key=lambda one: abs(_short_side(one) - _FIRST_SHORT_SIDE_PX))
        ordered.remove(first)
        ordered.insert(0, first)
    return ordered


def _short_side(video: VideoRendition) -> int:
    return min(video.width, video.height)


def _variant(video: VideoRendition, shared: _Shared) -> str:
    details = [
        f"RESOLUTION={video.width}x{video.height}",
        f"FRAME-RATE={float(video.frame_rate):.3f}",
        "VIDEO-RANGE=SDR",
        "CLOSED-CAPTIONS=NONE",
    ]
    fragmented = video.fragmented
    return shared.attributes(
        peak_bitrate(fragmented), average_bitrate(fragmented), video.codecs, details
    )


def _listening(
    sounds: list[Alternative[SoundRendition]], shared: _Shared, playlists: Mapping[str, str]
) -> Iterator[str]:
    """A variant without pictures; the group says which sounds there are."""
    for one in sounds:
        if one.is_default:
            yield shared.attributes(0, 0, None)
            yield playlists[one.rendition.name]


def _sound(one: Alternative[SoundRendition], playlists: Mapping[str, str]) -> str:
    return _media("AUDIO", _SOUNDS, one, playlists, [f'CHANNELS="{one.rendition.channels}"'])


def _text(one: Alternative[TextRendition], playlists: Mapping[str, str]) -> str:
    return _media("SUBTITLES", _TEXTS, one, playlists, ["FORCED=NO"])


def _media(
    kind: str,
    group: str,
    one: Alternative[SoundRendition] | Alternative[TextRendition],
    playlists: Mapping[str, str],
    details: Iterable[str],
) -> str:
    is_automatic = one.is_default or one.is_chosen_by_language
    values = [
        f"TYPE={kind}",
        f'GROUP-ID="{group}"',
        f"NAME={quote(one.label)}",
        *([f"LANGUAGE={quote(one.language)}"] if one.language else []),
        f"DEFAULT={_answer(one.is_default)}",
        f"AUTOSELECT={_answer(is_automatic)}",
        *details,
        f"URI={quote(playlists[one.rendition.name])}",
    ]
    return f"#EXT-X-MEDIA:{','.join(values)}"


def _answer(claim: bool) -> str:
    return "YES" if claim else "NO"


def _iframes(video: VideoRendition, playlist: str) -> str:
    values = [
        f"BANDWIDTH={keyframe_bitrate(video.fragmented)}",
        f"CODECS={quote(video.codecs)}",
        f"RESOLUTION={video.width}x{video.height}",
        "VIDEO-RANGE=SDR",
        f"URI={quote(playlist)}",
    ]
    return f"#EXT-X-I-FRAME-STREAM-INF:{','.join(values)}"
