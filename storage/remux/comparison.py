"""An upload compared with the file that was made of it: nothing may differ unintended. Pure.

A copy has the same packets; of a conversion, lengths, places and languages are compared.
"""

from storage.media.facts import Measured, MeasuredTrack

# Coders work on blocks of sound, and a picture more or less in the end is none that is missed.
_MOST_APART_S = 0.101
# An even number of pixels, and no more of them than decoders take.
_MOST_RESHAPED_RATIO = 0.02


def compare_copy(upload: Measured, made: Measured) -> list[str]:
    """Names of what differs; empty when the copy is faithful."""
    one, other = upload.probe, made.probe
    differences = _compare(upload, made)
    if (one.width, one.height, one.rotation) != (other.width, other.height, other.rotation):
        differences.append("size")
    pairs = list(zip(upload.tracks, made.tracks, strict=False))
    if any(first.codec != second.codec for first, second in pairs):
        differences.append("codecs")
    if any(_is_other(first.first, second.first) for first, second in pairs):
        differences.append("first-packet")
    if any(_is_other(first.last, second.last) for first, second in pairs):
        differences.append("last-packet")
    return differences


def compare_conversion(upload: Measured, made: Measured) -> list[str]:
    """Codecs, sizes in pixels and the number of packets differ by intention."""
    one, other = upload.probe, made.probe
    differences = _compare(upload, made)
    if abs(one.width / one.height * other.height / other.width - 1) > _MOST_RESHAPED_RATIO:
        differences.append("size")
    return differences


def _compare(upload: Measured, made: Measured) -> list[str]:
    differences = []
    if abs(upload.probe.duration_s - made.probe.duration_s) > _MOST_APART_S:
        differences.append("duration")
    if len(upload.tracks) != len(made.tracks):
        differences.append("tracks")
    pairs = list(zip(upload.tracks, made.tracks, strict=False))
    if any(_is_elsewhere(one, other) for one, other in pairs):
        differences.append("times")
    if any(one.language != other.language for one, other in pairs):
        differences.append("languages")
    return differences


def _is_elsewhere(one: MeasuredTrack, other: MeasuredTrack) -> bool:
    return (
        abs(one.start_s - other.start_s) > _MOST_APART_S
        or abs(one.stop_s - other.stop_s) > _MOST_APART_S
    )


def _is_other(one: str, other: str) -> bool:
    """Digests, of which either may not be known."""
    return bool(one and other) and one != other
