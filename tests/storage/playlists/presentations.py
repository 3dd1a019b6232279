"""Presentations whose every figure is known."""

from collections.abc import Sequence
from fractions import Fraction

from storage.fragments.fragmented_file import Fragment, FragmentedFile
from storage.playlists.renditions import (
    Presentation,
    SoundRendition,
    TextRendition,
    VideoRendition,
)

HEAD_BYTES = 800
INDEX_BYTES = 200


def file_of(
    sizes: Sequence[int],
    durations: Sequence[int],
    timescale: int = 1000,
    start: int = 0,
    keyframe_size: int = 10,
) -> FragmentedFile:
    offset, fragments = HEAD_BYTES + INDEX_BYTES, []
    for size, duration in zip(sizes, durations, strict=True):
        fragments.append(Fragment(offset, size, start, duration, keyframe_size))
        offset, start = offset + size, start + duration
    return FragmentedFile(
        timescale, HEAD_BYTES, (HEAD_BYTES, HEAD_BYTES + INDEX_BYTES), tuple(fragments)
    )


# A second of 800, 1600 and 800 bit/s each.
FILE = file_of([400, 800, 200], [4000, 4000, 2000], keyframe_size=100)


def video(height: int, codecs: str = "avc1.64001E", width: int | None = None) -> VideoRendition:
    codec = "v" if codecs.startswith("avc1") else "a"
    name = f"{codec}{height}"
    width = width or height * 16 // 9
    return VideoRendition(name, f"{name}-0.mp4", width, height, Fraction(25), codecs, FILE)


def sound(
    name: str = "audio",
    language: str | None = None,
    title: str | None = None,
    is_default: bool = False,
    codecs: str = "mp4a.40.2",
) -> SoundRendition:
    file = file_of([100, 50], [4000, 2000])
    return SoundRendition(name, f"{name}-0.m4a", codecs, 2, language, title, is_default, file)


def text(
    name: str = "captions_en", language: str | None = "en", title: str | None = "English"
) -> TextRendition:
    return TextRendition(name, f"{name}-0.vtt", language, title)


FILM = Presentation((video(720), video(480)), (sound(language="en"),), (text(),))
