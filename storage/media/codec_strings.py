"""Codecs as RFC 6381 names them, so that a browser can tell whether it will play a file. Pure.

Sources: ISO/IEC 14496-15 (avc1, hvc1), the VP9 and AV1 bindings for ISO base media files (vp09,
av01), ISO/IEC 14496-3 (AAC object types). A codec without a rule here goes by FFmpeg's name.
"""

from dataclasses import dataclass

from storage.bitstreams.h264 import parameter_sets

# VP9 bitstream specification, annex A: level, luma samples a second, luma samples a picture.
_VP9_LEVELS = (
    (10, 829_440, 36_864),
    (11, 2_764_800, 73_728),
    (20, 4_608_000, 122_880),
    (21, 9_216_000, 245_760),
    (30, 20_736_000, 552_960),
    (31, 36_864_000, 983_040),
    (40, 83_558_400, 2_228_224),
    (41, 160_432_128, 2_228_224),
    (50, 311_951_360, 8_912_896),
    (51, 588_251_136, 8_912_896),
    (52, 1_176_502_272, 8_912_896),
    (60, 1_176_502_272, 35_651_584),
    (61, 2_353_004_544, 35_651_584),
    (62, 4_706_009_088, 35_651_584),
)
_AUDIO_NAMES = {"ac3": "ac-3", "eac3": "ec-3"}
_AAC_LC = 2


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """FFmpeg's knowledge of a video stream's coding."""

    codec: str
    extradata: bytes
    profile: str | None
    bit_depth: int
    pixel_format: str | None
    width: int
    """As coded."""
    height: int
    frame_rate: float | None
    is_interlaced: bool = False
    """True if its pictures are made of two fields each."""
    is_turned_by_messages: bool = False
    """True if it is shown otherwise than its track says."""


def mime_type(container: str, video: str, audio: str | None) -> str:
    """RFC 6381 s. 3: the media type of a file with these codec strings."""
    codecs = ", ".join(codec for codec in (video, audio) if codec)
    return f'video/{container}; codecs="{codecs}"'


def video_codec_string(facts: VideoFacts) -> str:
    match facts.codec:
        case "h264":
            return f"avc1.{avc_configuration(facts.extradata).hex().upper()}"
        case "hevc":
            return _hevc(facts.extradata)
        case "vp9":
            return f"vp09.{vp9_profile(facts):02}.{_vp9_level(facts)}.{facts.bit_depth:02}"
        case "av1":
            return _av1(facts)
        case _:
            return facts.codec


def audio_codec_string(codec: str, extradata: bytes) -> str:
    if codec == "aac":
        return f"mp4a.40.{_aac_object_type(extradata)}"
    return _AUDIO_NAMES.get(codec, codec)


def avc_configuration(extradata: bytes) -> bytes:
    """Profile, constraints and level: from avcC, or else from the SPS in the stream itself."""
    if extradata[:1] == b"\x01" and len(extradata) >= 4:
        return extradata[1:4]
    parameters = next(parameter_sets(extradata), b"")
    if len(parameters) >= 4:
        return parameters[1:4]
    # High profile, level 4.0: what a player should assume of an unknown H.264 file.
    return b"\x64\x00\x28"


def _hevc(hvcc: bytes) -> str:
    """ISO/IEC 14496-15 annex E.3."""
    if hvcc[:1] != b"\x01" or len(hvcc) < 13:
        return "hvc1"
    space = ("", "A", "B", "C")[hvcc[1] >> 6]
    tier = "H" if hvcc[1] & 0x20 else "L"
    compatibility = int(f"{int.from_bytes(hvcc[2:6], 'big'):032b}"[::-1], 2)
    constraints = [f"{octet:X}" for octet in hvcc[6:12].rstrip(b"\0")]
    head = f"hvc1.{space}{hvcc[1] & 0x1F}.{compatibility:X}.{tier}{hvcc[12]}"
    return ".".join([head, *constraints])


def vp9_profile(facts: VideoFacts) -> int:
    digits = (facts.profile or "").removeprefix("Profile ")
    return int(digits) if digits in ("0", "1", "2", "3") else 0


def _vp9_level(facts: VideoFacts) -> int:
    """The lowest level whose limits hold the picture; WebM states none."""
    picture = facts.width * facts.height
    samples_per_s = picture * (facts.frame_rate or 30)
    for level, max_samples_per_s, max_picture in _VP9_LEVELS:
        if samples_per_s <= max_samples_per_s and picture <= max_picture:
            return level
    return _VP9_LEVELS[-1][0]


def _av1(facts: VideoFacts) -> str:
    av1c = facts.extradata
    if av1c[:1] != b"\x81" or len(av1c) < 4:
        return f"av01.0.08M.{facts.bit_depth:02}"
    profile, level = av1c[1] >> 5, av1c[1] & 0x1F
    tier = "H" if av1c[2] & 0x80 else "M"
    return f"av01.{profile}.{level:02}{tier}.{facts.bit_depth:02}"


def _aac_object_type(configuration: bytes) -> int:
    """ISO/IEC 14496-3 s. 1.6.2.1: five bits, or after 31 six more."""
    if len(configuration) < 2:
        return _AAC_LC
    first = configuration[0] >> 3
    if first != 31:
        return first
    return 32 + ((configuration[0] & 7) << 3 | configuration[1] >> 5)
