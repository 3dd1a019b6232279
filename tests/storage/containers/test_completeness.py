"""Files of every format are found whole, and cut ones truncated where the format can tell."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from storage.containers.completeness import check_lengths
from storage.errors import StorageError, Truncated, UnsupportedFormat

FASTSTART = {"movflags": "+faststart"}
STRAY = (b"\n", bytes(4), bytes(16), b"TAGA lecture".ljust(128, b"\0"))
KINDS: dict[str, dict[str, Any]] = {
    "mp4": {},
    "faststart": {"muxer_options": FASTSTART},
    "mov": {"muxer": "mov"},
    "3gp": {"muxer": "3gp", "video": "h263", "size": (176, 144)},
    "webm": {"muxer": "webm", "video": "libvpx-vp9", "audio": "libopus"},
    "mkv": {"muxer": "matroska"},
    "avi": {"muxer": "avi", "video": "mpeg4", "audio": "libmp3lame"},
    "wmv": {"muxer": "asf", "video": "wmv2", "audio": "wmav2"},
    "flv": {"muxer": "flv"},
    "mxf": {"muxer": "mxf", "video": "mpeg2video", "audio": "pcm_s16le", "size": (320, 240)},
    "ogg": {"muxer": "ogg", "video": None, "audio": "libopus"},
    "wav": {"muxer": "wav", "video": None, "audio": "pcm_s16le"},
    "mp3": {"muxer": "mp3", "video": None, "audio": "libmp3lame", "frames": 100},
    "m4a": {"muxer": "ipod", "video": None},
}
AS_LONG_AS_THEY_ARE: dict[str, dict[str, Any]] = {
    "ts": {"muxer": "mpegts"},
    "mpg": {"muxer": "mpeg", "video": "mpeg2video", "audio": "mp2"},
    "aac": {"muxer": "adts", "video": None},
}


@pytest.mark.parametrize("kind", [*KINDS, *AS_LONG_AS_THEY_ARE])
def test_whole_files_pass_whatever_lies_behind(make_clip: Callable[..., Path], kind: str) -> None:
    content = make_clip(**(KINDS | AS_LONG_AS_THEY_ARE)[kind]).read_bytes()

    for stray in (b"", *STRAY):
        check_lengths(io.BytesIO(content + stray), len(content) + len(stray))


@pytest.mark.parametrize("kind", KINDS)
def test_files_cut_at_two_thirds_are_truncated(make_clip: Callable[..., Path], kind: str) -> None:
    content = make_clip(**KINDS[kind]).read_bytes()
    cut = content[: len(content) * 2 // 3]

    with pytest.raises(Truncated):
        check_lengths(io.BytesIO(cut), len(cut))


@pytest.mark.parametrize("kind", AS_LONG_AS_THEY_ARE)
def test_streams_that_tell_no_size_are_what_is_there(
    make_clip: Callable[..., Path], kind: str
) -> None:
    content = make_clip(**AS_LONG_AS_THEY_ARE[kind]).read_bytes()
    cut = content[: len(content) * 2 // 3]

    check_lengths(io.BytesIO(cut), len(cut))


@pytest.mark.parametrize("kind", ["mp4", "faststart", "webm"])
def test_file_cut_anywhere_is_refused(make_clip: Callable[..., Path], kind: str) -> None:
    content = make_clip(**KINDS[kind]).read_bytes()

    assert [cut for cut in range(len(content)) if _passes(content[:cut])] == []


def _passes(content: bytes) -> bool:
    try:
        check_lengths(io.BytesIO(content), len(content))
    except StorageError:
        return False
    return True


def test_what_is_no_media_file_is_unsupported() -> None:
    with pytest.raises(UnsupportedFormat):
        check_lengths(io.BytesIO(b"#EXTM3U"), 7)
