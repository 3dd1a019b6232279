"""Fragments gathered into segments, which begin at the same instants in all renditions. Pure."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise

from storage.errors import MismatchedPieces
from storage.fragments.pieces import MovieFragment

# Of a second. Between renditions an instant differs by a picture at most; pictures that stay for
# longer tell no place.
_MOST_DIFFERENCE = 4


def gather_segments(
    fragments: Sequence[MovieFragment], starts: Sequence[int] | None, timescale: int
) -> list[Sequence[MovieFragment]]:
    """The fragments of each segment: one begins at each of the `starts`, or at each keyframe.

    `starts` rise; those behind the end are not looked for. Raises: MismatchedPieces when there is
    no keyframe at one of them, or fragments do not follow each other in time.
    """
    if any(later.start <= one.start for one, later in pairwise(fragments)):
        raise MismatchedPieces("fragments go back in time")
    openings = [number for number, one in enumerate(fragments) if one.access_point]
    if openings[:1] != [0]:
        raise MismatchedPieces("the first fragment does not begin with a keyframe")
    if starts is not None:
        openings = [0, *_choose(fragments, openings, starts, timescale // _MOST_DIFFERENCE)]
    if any(later <= one for one, later in pairwise(openings)):
        raise MismatchedPieces("two segments begin with one keyframe")
    return [fragments[one:later] for one, later in pairwise([*openings, len(fragments)])]


def _choose(
    fragments: Sequence[MovieFragment], openings: list[int], starts: Sequence[int], most: int
) -> Iterator[int]:
    """The fragments that may begin a segment and lie at `starts`, but for the first."""
    times = [fragments[number].start for number in openings]
    end = max(one.end for one in fragments)
    for start in starts:
        number = openings[_nearest(times, start)]
        found = fragments[number]
        difference = min(found.first_duration, most)
        if abs(found.start - start) <= difference:
            if number:
                yield number
        elif times[0] < start < end - difference:
            raise MismatchedPieces(f"no keyframe at {start}")


def _nearest(times: list[int], wanted: int) -> int:
    place = bisect_left(times, wanted)
    near = range(max(place - 1, 0), min(place + 1, len(times)))
    return min(near, key=lambda number: abs(times[number] - wanted))
