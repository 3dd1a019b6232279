"""Places at which segments and pieces of a ladder begin. Pure.

A segment is what players load at once. Each begins with a keyframe, at the same place in all rungs,
so that a player may go from any rung to any other there.
"""

from bisect import bisect_left
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

# A segment of copied packets is no shorter than that share of the usual one.
_SHORTEST_RATIO = Fraction(7, 8)
# The last piece may be longer by that share, rather than have a short one behind it.
_TAIL_RATIO = Fraction(1, 2)
# Segments of copied packets: players buffer a few, and a switch waits for the next.
LONGEST_COPIED_S = 10


def even_starts(
    picture_count: int, rate: Fraction, segment_s: Fraction, every: int
) -> tuple[int, ...]:
    """Every `segment_s`, at the first place that each rung has; `every`: some have each second."""
    starts, number = [0], 1
    while (start := _first_at(number * segment_s * rate, every)) < picture_count:
        if start > starts[-1]:
            starts.append(start)
        number += 1
    return tuple(starts)


def copied_starts(
    keyframes: Sequence[int], picture_count: int, rate: Fraction, segment_s: Fraction, every: int
) -> tuple[int, ...] | None:
    """Places of the source's keyframes that make segments of about that length, from the first on;
    None where they are too far apart, or the film does not begin with one.
    """
    usable = [one for one in keyframes if one % every == 0]
    if not usable or usable[0] != 0:
        return None
    starts = [0]
    for one in usable:
        if one - starts[-1] >= segment_s * rate * _SHORTEST_RATIO:
            starts.append(one)
    longest = LONGEST_COPIED_S * rate + 1
    if any(after - before > longest for before, after in pairwise((*starts, picture_count))):
        return None
    return tuple(starts)


def piece_starts(
    starts: Sequence[int], picture_count: int, rate: Fraction, piece_s: Fraction
) -> tuple[int, ...]:
    """The segments' starts that begin pieces of about `piece_s`."""
    length = piece_s * rate
    found = [0]
    while True:
        number = bisect_left(starts, found[-1] + length)
        if number == len(starts) or picture_count - starts[number] < length * _TAIL_RATIO:
            return tuple(found)
        found.append(starts[number])


def _first_at(time: Fraction, every: int) -> int:
    return -(-time // every) * every
