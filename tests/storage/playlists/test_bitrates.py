import pytest

from storage.fragments.fragmented_file import FragmentedFile
from storage.playlists.bitrates import (
    average_bitrate,
    keyframe_bitrate,
    peak_bitrate,
    target_duration_s,
)
from tests.storage.playlists.presentations import FILE, file_of


@pytest.mark.parametrize(
    ("durations", "expected"),
    [
        pytest.param([4000, 2000], 4, id="the longest"),
        pytest.param([4499], 4, id="rounded down"),
        pytest.param([4500], 5, id="rounded up"),
        pytest.param([100], 1, id="never 0"),
    ],
)
def test_the_target_duration_is_that_of_the_longest_segment(
    durations: list[int], expected: int
) -> None:
    assert target_duration_s(file_of([1] * len(durations), durations)) == expected


def test_the_average_is_that_of_all_segments() -> None:
    assert average_bitrate(FILE) == 1400 * 8 // 10


def test_a_rate_is_rounded_up() -> None:
    assert average_bitrate(file_of([1], [3000])) == 3


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        pytest.param(FILE, 1600, id="the costliest segment"),
        pytest.param(file_of([400, 100], [4000, 500]), 889, id="a last crumb counts with others"),
        pytest.param(file_of([125, 250, 125, 0], [1000] * 4), 2000, id="of one second"),
        pytest.param(file_of([100, 900], [2000, 4000]), 1800, id="not the longer stretch"),
        pytest.param(file_of([900, 100], [2000, 4000]), 3600, id="half the target counts"),
        pytest.param(file_of([900, 100], [1999, 4000]), 1334, id="less does not"),
        pytest.param(file_of([100, 100], [100, 100]), 8000, id="a film of a fifth of a second"),
        pytest.param(file_of([90, 90, 90], [300] * 3), 2400, id="stretches of several"),
        pytest.param(file_of([0], [4000]), 0, id="nothing"),
    ],
)
def test_the_peak_is_that_of_the_costliest_stretch(file: FragmentedFile, expected: int) -> None:
    assert peak_bitrate(file) == expected


def test_keyframes_are_counted_over_the_time_that_they_stand_for() -> None:
    assert keyframe_bitrate(FILE) == 100 * 8 // 2
