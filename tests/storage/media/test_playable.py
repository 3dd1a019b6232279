from dataclasses import replace

import pytest

from storage.media.codec_strings import VideoFacts
from storage.media.playable import (
    can_hold_sound,
    is_playable,
    is_sound_playable,
    is_video_playable,
)

BASELINE, MAIN, EXTENDED, HIGH, HIGH_10, HIGH_422 = (
    bytes([1, profile, 0, 31]) for profile in (66, 77, 88, 100, 110, 122)
)


def facts(
    codec: str,
    extradata: bytes = b"",
    profile: str | None = None,
    pixel_format: str = "yuv420p",
) -> VideoFacts:
    return VideoFacts(
        codec=codec,
        extradata=extradata,
        profile=profile,
        bit_depth=8,
        pixel_format=pixel_format,
        width=1280,
        height=720,
        frame_rate=25.0,
    )


@pytest.mark.parametrize(
    ("container", "video", "sound", "plays"),
    [
        pytest.param("mp4", facts("h264", HIGH), "mp4a.40.2", True, id="h264-aac"),
        pytest.param("mp4", facts("h264", BASELINE), "mp3", True, id="baseline-mp3"),
        pytest.param("mp4", facts("h264", MAIN), "opus", True, id="main-opus"),
        pytest.param("mp4", facts("h264", HIGH), None, True, id="silent"),
        pytest.param("mp4", facts("h264", HIGH), "ac-3", False, id="ac3"),
        pytest.param("mp4", facts("h264", HIGH, pixel_format="yuvj420p"), None, True, id="full"),
        pytest.param("webm", facts("h264", HIGH), "opus", False, id="h264-in-matroska"),
        pytest.param("mp4", facts("h264", EXTENDED), None, False, id="extended"),
        pytest.param("mp4", facts("h264", HIGH_10), None, False, id="high-10"),
        pytest.param("mp4", facts("h264", HIGH_422), None, False, id="high-4:2:2"),
        pytest.param("mp4", facts("h264", HIGH, pixel_format="yuv444p"), None, False, id="4:4:4"),
        pytest.param("mp4", facts("hevc"), "mp4a.40.2", False, id="hevc"),
        pytest.param("mp4", facts("av1", profile="Main"), "opus", True, id="av1"),
        pytest.param("mp4", facts("av1", profile="High"), "opus", False, id="av1-4:4:4"),
        pytest.param("webm", facts("vp9", profile="Profile 0"), "opus", True, id="vp9"),
        pytest.param("webm", facts("vp9", profile="Profile 1"), "opus", False, id="vp9-4:4:4"),
        pytest.param("webm", facts("vp9", profile="Profile 2"), "opus", True, id="vp9-10-bit"),
        pytest.param("webm", facts("vp8"), "vorbis", True, id="vp8"),
        pytest.param("mp4", facts("vp8"), None, False, id="vp8-in-mp4"),
        pytest.param("webm", facts("vp8"), "mp4a.40.2", False, id="aac-in-webm"),
        pytest.param("mp4", facts("mpeg4"), "mp4a.40.2", False, id="mpeg4"),
    ],
)
def test_what_browsers_play(
    container: str, video: VideoFacts, sound: str | None, plays: bool
) -> None:
    assert is_playable(container, video, sound) is plays


@pytest.mark.parametrize(
    ("sound", "plays"),
    [
        pytest.param("mp4a.40.2", True, id="lc"),
        pytest.param("mp4a.40.5", True, id="he"),
        pytest.param("mp4a.40.29", True, id="he-v2"),
        pytest.param("mp4a.40.1", False, id="main"),
        pytest.param("mp4a.40.42", False, id="xhe"),
        pytest.param("unknown", False, id="no-decoder"),
    ],
)
def test_which_kinds_of_aac_play(sound: str, plays: bool) -> None:
    assert is_sound_playable("mp4", sound) is plays


@pytest.mark.parametrize("codec", ["h264", "vp9", "av1"])
def test_fields_play_nowhere(codec: str) -> None:
    fields = replace(facts(codec), is_interlaced=True)

    assert not is_video_playable("mp4", fields)


@pytest.mark.parametrize(
    ("container", "sound", "rate", "holds"),
    [
        pytest.param("mp4", "mp3", 16_000, True, id="mpeg-2"),
        pytest.param("mp4", "mp3", 12_000, False, id="mpeg-2.5"),
        pytest.param("mp4", "mp4a.40.2", 8000, True, id="aac"),
        pytest.param("webm", "mp3", 44_100, False, id="webm"),
    ],
)
def test_sound_is_copied_where_it_can_be(container, sound: str, rate: int, holds: bool) -> None:
    assert can_hold_sound(container, sound, rate) is holds
