"""Durations and bit rates that playlists state of a rendition. Pure."""

from fractions import Fraction
from itertools import accumulate
from math import ceil, floor

from storage.fragments.fragmented_file import Fragment, FragmentedFile

_HALF = Fraction(1, 2)


def target_duration_s(fragmented: FragmentedFile) -> int:
    """No segment is longer, rounded to seconds (RFC 8216 s. 4.3.3.1); never 0."""
    longest = max(one.duration for one in fragmented.fragments)
    return max(1, floor(Fraction(longest, fragmented.timescale) + _HALF))


def average_bitrate(fragmented: FragmentedFile) -> int:
    """Bits a second of all segments together."""
    return _bitrate(sum(one.size for one in fragmented.fragments), fragmented.duration_s)


def peak_bitrate(fragmented: FragmentedFile) -> int:
    """Bits a second of the costliest stretch of segments.

    Stretches of 0.5 to 1.5 times the target duration count (RFC 8216 s. 4.1); a film that is
    shorter counts as a whole.
    """
    target = target_duration_s(fragmented) * fragmented.timescale
    fragments = fragmented.fragments
    sizes = list(accumulate((one.size for one in fragments), initial=0))
    peak, first = Fraction(0), 0
    for stop, last in enumerate(fragments, start=1):
        end = last.start + last.duration
        while 2 * (end - fragments[first].start) > 3 * target:
            first += 1
        for begin in range(first, stop):
            duration = end - fragments[begin].start
            if 2 * duration < target:
                break
            peak = max(peak, Fraction(sizes[stop] - sizes[begin], duration))
    return ceil(peak * 8 * fragmented.timescale) or average_bitrate(fragmented)


def keyframe_bitrate(fragmented: FragmentedFile) -> int:
    """Bits a second of the costliest entry of an I-frame playlist."""

    def bitrate(one: Fragment) -> int:
        return _bitrate(one.keyframe_size, Fraction(one.duration, fragmented.timescale))

    return max(map(bitrate, fragmented.fragments))


def _bitrate(size: int, duration_s: Fraction) -> int:
    return ceil(size * 8 / duration_s)
