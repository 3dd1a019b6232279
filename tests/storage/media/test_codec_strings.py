import pytest

from storage.media.codec_strings import (
    VideoFacts,
    audio_codec_string,
    mime_type,
    video_codec_string,
)

AVCC_HIGH_31 = bytes.fromhex("0164001fffe1")
ANNEX_B = b"\0\0\0\1\x67\x42\xc0\x0c\xda"
HVCC_MAIN = bytes.fromhex("010160000000b0000000000099f000fcfdf8f800000f")
AV1C_MAIN_31 = bytes.fromhex("8105 0c00")
AV1C_10_BIT = bytes.fromhex("8108 4c00")


def facts(codec: str, extradata: bytes = b"", **changes: object) -> VideoFacts:
    known = {"profile": None, "bit_depth": 8, "pixel_format": "yuv420p"}
    size = {"width": 1280, "height": 720, "frame_rate": 25.0}
    return VideoFacts(codec=codec, extradata=extradata, **{**known, **size, **changes})


@pytest.mark.parametrize(
    ("video", "string"),
    [
        pytest.param(facts("h264", AVCC_HIGH_31), "avc1.64001F", id="avcC"),
        pytest.param(facts("h264", ANNEX_B), "avc1.42C00C", id="annex-b"),
        pytest.param(
            facts("h264", ANNEX_B.replace(b"\x67", b"\x27")), "avc1.42C00C", id="annex-b-27"
        ),
        pytest.param(facts("h264"), "avc1.640028", id="h264-without-configuration"),
        pytest.param(facts("hevc", HVCC_MAIN), "hvc1.1.6.L153.B0", id="hvcC"),
        pytest.param(facts("hevc"), "hvc1", id="hevc-without-configuration"),
        pytest.param(facts("vp8"), "vp8", id="vp8"),
        pytest.param(facts("vp9", profile="Profile 0"), "vp09.00.31.08", id="vp9-720p"),
        pytest.param(
            facts("vp9", profile="Profile 2", bit_depth=10, width=3840, height=2160, frame_rate=60),
            "vp09.02.51.10",
            id="vp9-2160p60-10-bit",
        ),
        pytest.param(
            facts("vp9", width=160, height=90, frame_rate=None), "vp09.00.10.08", id="vp9-small"
        ),
        pytest.param(
            facts("vp9", width=65536, height=65536), "vp09.00.62.08", id="vp9-past-every-level"
        ),
        pytest.param(facts("av1", AV1C_MAIN_31), "av01.0.05M.08", id="av1C"),
        pytest.param(facts("av1", AV1C_10_BIT, bit_depth=10), "av01.0.08M.10", id="av1-10-bit"),
        pytest.param(facts("av1"), "av01.0.08M.08", id="av1-without-configuration"),
        pytest.param(facts("av1", b"\x81\x05\x80\0"), "av01.0.05H.08", id="av1-high-tier"),
        pytest.param(facts("mpeg4"), "mpeg4", id="no-rule"),
    ],
)
def test_video_codec_string(video: VideoFacts, string: str) -> None:
    assert video_codec_string(video) == string


@pytest.mark.parametrize(
    ("codec", "extradata", "string"),
    [
        pytest.param("aac", bytes.fromhex("1190"), "mp4a.40.2", id="lc"),
        pytest.param("aac", bytes.fromhex("2b92"), "mp4a.40.5", id="he"),
        pytest.param("aac", bytes.fromhex("eb8a"), "mp4a.40.29", id="he-v2"),
        pytest.param("aac", bytes.fromhex("f946"), "mp4a.40.42", id="xhe-escaped"),
        pytest.param("aac", b"", "mp4a.40.2", id="without-configuration"),
        pytest.param("opus", b"OpusHead", "opus", id="opus"),
        pytest.param("vorbis", b"", "vorbis", id="vorbis"),
        pytest.param("mp3", b"", "mp3", id="mp3"),
        pytest.param("eac3", b"", "ec-3", id="e-ac-3"),
    ],
)
def test_audio_codec_string(codec: str, extradata: bytes, string: str) -> None:
    assert audio_codec_string(codec, extradata) == string


@pytest.mark.parametrize(
    ("audio", "expected"),
    [
        ("opus", 'video/webm; codecs="vp8, opus"'),
        (None, 'video/webm; codecs="vp8"'),
    ],
)
def test_media_type_lists_its_codecs(audio: str | None, expected: str) -> None:
    assert mime_type("webm", "vp8", audio) == expected
