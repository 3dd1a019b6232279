"""Codecs that current browsers play without an add-on, container by container. Pure.

The least common of Chromium, Firefox and Safari counts, and they are asked for 8-bit 4:2:0 where
H.264 is concerned: its other profiles exist in hardly any decoder.
"""

from storage.formats import Container
from storage.media.codec_strings import VideoFacts, avc_configuration, vp9_profile

# Baseline, Main and High; Extended (88) is played by none of them.
_H264_PROFILES = frozenset({66, 77, 100})
_8_BIT_420 = frozenset({"yuv420p", "yuvj420p"})
_AAC = frozenset({"mp4a.40.2", "mp4a.40.5", "mp4a.40.29"})  # LC, HE, HE v2
# ISO/IEC 14496-3 names layer III down to MPEG-2; MPEG-2.5 is not in it.
_SLOWEST_MP3_IN_MP4 = 16_000
_SOUND_IN: dict[Container, frozenset[str]] = {
    "mp4": _AAC | {"mp3", "opus"},
    "webm": frozenset({"opus", "vorbis"}),
}


def is_playable(container: Container, video: VideoFacts, sound: str | None) -> bool:
    """True if a file of these plays; `sound` is a codec as RFC 6381 names it."""
    return is_video_playable(container, video) and (
        sound is None or is_sound_playable(container, sound)
    )


def is_sound_playable(container: Container, sound: str) -> bool:
    return sound in _SOUND_IN[container]


def can_hold_sound(container: Container, sound: str, rate: int) -> bool:
    """True if a stream of sound can be copied there, and plays."""
    is_slow = sound == "mp3" and rate < _SLOWEST_MP3_IN_MP4
    return is_sound_playable(container, sound) and not is_slow


def is_video_playable(container: Container, video: VideoFacts) -> bool:
    """No browser mends the combs of interlaced pictures, or heeds more than the track's matrix."""
    if video.is_interlaced or video.is_turned_by_messages:
        return False
    match video.codec:
        case "h264":
            profile = avc_configuration(video.extradata)[0]
            is_plain = profile in _H264_PROFILES and video.pixel_format in _8_BIT_420
            return container == "mp4" and is_plain
        case "vp8":
            return container == "webm"
        case "vp9":
            return vp9_profile(video) in (0, 2)
        case "av1":
            return video.profile in (None, "Main")
        case _:
            return False
