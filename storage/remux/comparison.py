"""An upload compared with the file that was made of it: nothing may differ unintended. Pure.

A copy has the same packets; of a conversion, lengths, places, languages and the look of the first
and the last picture are compared.
"""

from storage.media.facts import EndPictures, Measured, MeasuredTrack

# Coders work on blocks of sound, and a picture more or less in the end is none that is missed.
_MOST_APART_S = 0.101
# An even number of pixels, and no more of them than decoders take.
_MOST_RESHAPED_RATIO = 0.02
# Of the contrast of a picture. 28 conversions (testsrc2, noise, slides; dark, transparent, with
# fields) changed at most 9 % in all but a hundredth of the area, four from HDR 24 %: mapping
# reorders strong colours. The picture a second before differed by 46 % to 100 % there.
_MOST_CHANGED_RATIO, _MOST_MAPPED_RATIO = 0.2, 0.35
_PLACE_RATIO = 0.01
# Grey levels of 256: of a picture without contrast.
_LEAST_CHANGE = 10


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


def compare_pictures(upload: EndPictures, made: EndPictures) -> list[str]:
    """Names of the ends that look different; those that are not known do not count."""
    ends = {
        "first-picture": (upload.first, made.first),
        "last-picture": (upload.last, made.last),
    }
    return [
        name
        for name, (one, other) in ends.items()
        if one and other and _do_differ(one, other, is_hdr=upload.is_hdr)
    ]


def _map_levels(one: bytes, other: bytes) -> bytes:
    """`other` with the levels of `one`, in the order of its own."""
    order = sorted(range(len(other)), key=other.__getitem__)
    mapped = bytearray(len(other))
    for place, level in zip(order, sorted(one), strict=True):
        mapped[place] = level
    return bytes(mapped)


def _do_differ(one: bytes, other: bytes, *, is_hdr: bool) -> bool:
    """True if a place in the picture has changed, or all of it by half as much."""
    ratio = _MOST_MAPPED_RATIO if is_hdr else _MOST_CHANGED_RATIO
    allowed = max(_LEAST_CHANGE, ratio * (max(one) - min(one)))
    other = _map_levels(one, other) if is_hdr else other
    changes = sorted(abs(a - b) for a, b in zip(one, other, strict=True))
    in_a_place = changes[-1 - round(len(changes) * _PLACE_RATIO)]
    return in_a_place > allowed or sum(changes) / len(changes) > allowed / 2


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
