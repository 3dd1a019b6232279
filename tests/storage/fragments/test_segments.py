from collections.abc import Sequence

import pytest

from storage.errors import MismatchedPieces
from storage.fragments.pieces import MovieFragment
from storage.fragments.segments import gather_segments

TIMESCALE = 1000
SAMPLE = 40


def fragment(start: int, end: int, access_point: int = 1) -> MovieFragment:
    return MovieFragment(0, 0, 0, start, end, SAMPLE, 0, access_point, 0, 0, 0)


def gathered(fragments: Sequence[MovieFragment], starts: Sequence[int] | None) -> list[list[int]]:
    """The starts of the fragments of each segment."""
    segments = gather_segments(fragments, starts, TIMESCALE)
    return [[one.start for one in segment] for segment in segments]


SECONDS = [fragment(start, start + 1000) for start in range(0, 6000, 1000)]


def test_each_keyframe_begins_a_segment_where_none_is_asked_for() -> None:
    fragments = [*SECONDS[:2], fragment(2000, 3000, access_point=0), SECONDS[3]]

    assert gathered(fragments, None) == [[0], [1000, 2000], [3000]]


@pytest.mark.parametrize(
    ("starts", "expected"),
    [
        pytest.param([], [[0, 1000, 2000, 3000, 4000, 5000]], id="one segment"),
        pytest.param([0, 2000, 4000], [[0, 1000], [2000, 3000], [4000, 5000]], id="every other"),
        pytest.param([0, 5000], [[0, 1000, 2000, 3000, 4000], [5000]], id="the last"),
        pytest.param([0, 3000, 6000, 9000], [[0, 1000, 2000], [3000, 4000, 5000]], id="behind"),
        pytest.param([0, 3000, 5961], [[0, 1000, 2000], [3000, 4000, 5000]], id="in the last"),
        pytest.param([-500, 3000], [[0, 1000, 2000], [3000, 4000, 5000]], id="before the first"),
        pytest.param(
            [0, 3000 + SAMPLE], [[0, 1000, 2000], [3000, 4000, 5000]], id="a sample later"
        ),
        pytest.param(
            [0, 3000 - SAMPLE], [[0, 1000, 2000], [3000, 4000, 5000]], id="a sample before"
        ),
    ],
)
def test_segments_begin_where_they_are_asked_for(
    starts: list[int], expected: list[list[int]]
) -> None:
    assert gathered(SECONDS, starts) == expected


@pytest.mark.parametrize(
    "starts",
    [
        pytest.param([0, 3000 + SAMPLE + 1], id="more than a sample later"),
        pytest.param([0, 3000 - SAMPLE - 1], id="more than a sample before"),
        pytest.param([0, 2990, 3010], id="two at one keyframe"),
    ],
)
def test_a_segment_that_cannot_begin_there_is_refused(starts: list[int]) -> None:
    with pytest.raises(MismatchedPieces):
        gathered(SECONDS, starts)


def test_a_picture_that_stays_for_long_tells_no_place() -> None:
    still = [one._replace(first_duration=1000) for one in SECONDS]

    assert gathered(still, [0, 3250]) == [[0, 1000, 2000], [3000, 4000, 5000]]
    with pytest.raises(MismatchedPieces):
        gathered(still, [0, 3251])


def test_a_segment_does_not_begin_between_keyframes() -> None:
    fragments = [SECONDS[0], fragment(1000, 2000, access_point=0), SECONDS[2]]

    assert gathered(fragments, [0, 2000]) == [[0, 1000], [2000]]
    with pytest.raises(MismatchedPieces):
        gathered(fragments, [0, 1000])


@pytest.mark.parametrize(
    "fragments",
    [
        pytest.param([fragment(0, 1000, access_point=0), SECONDS[1]], id="begins without keyframe"),
        pytest.param([SECONDS[0], SECONDS[0]], id="the same time twice"),
        pytest.param([SECONDS[1], SECONDS[0]], id="back in time"),
    ],
)
def test_fragments_that_do_not_follow_each_other_are_refused(
    fragments: list[MovieFragment],
) -> None:
    with pytest.raises(MismatchedPieces):
        gathered(fragments, None)
