from fractions import Fraction

import pytest

from storage.ladder.boundaries import copied_starts, even_starts, piece_starts

NTSC = Fraction(30_000, 1001)
FOUR = Fraction(4)


@pytest.mark.parametrize(
    ("count", "rate", "every", "expected"),
    [
        pytest.param(1, Fraction(25), 1, (0,), id="one picture"),
        pytest.param(100, Fraction(25), 1, (0,), id="one segment"),
        pytest.param(101, Fraction(25), 1, (0, 100), id="one picture more"),
        pytest.param(400, NTSC, 1, (0, 120, 240, 360), id="the first picture of the next 4 s"),
        pytest.param(800, 2 * NTSC, 2, (0, 240, 480, 720), id="places that half rate has, too"),
        pytest.param(12, Fraction(1), 1, (0, 4, 8), id="poster"),
    ],
)
def test_segments_of_four_seconds(
    count: int, rate: Fraction, every: int, expected: tuple[int, ...]
) -> None:
    assert even_starts(count, rate, FOUR, every) == expected


def test_segments_shorter_than_a_picture_have_one() -> None:
    assert even_starts(3, Fraction(1), Fraction(1, 4), 1) == (0, 1, 2)


@pytest.mark.parametrize(
    ("keyframes", "count", "every", "expected"),
    [
        pytest.param(range(0, 500, 50), 500, 1, (0, 100, 200, 300, 400), id="every 2 s"),
        pytest.param(range(0, 500, 25), 500, 1, (0, 100, 200, 300, 400), id="every second"),
        pytest.param(range(0, 500, 88), 500, 1, (0, 88, 176, 264, 352, 440), id="3.52 s"),
        pytest.param(range(0, 500, 87), 450, 1, (0, 174, 348), id="3.48 s"),
        pytest.param((0, 251), 502, 1, (0, 251), id="10 s and a picture"),
        pytest.param((0, 252), 260, 1, None, id="more than 10 s"),
        pytest.param((0, 100), 352, 1, None, id="a long end"),
        pytest.param((1, 100), 200, 1, None, id="not from the beginning"),
        pytest.param((), 200, 1, None, id="no keyframe"),
        pytest.param((0, 101, 201, 202), 400, 2, (0, 202), id="not where half rate has a picture"),
        pytest.param((0,), 10, 1, (0,), id="one segment"),
    ],
)
def test_segments_at_keyframes_of_the_source(
    keyframes: tuple[int, ...], count: int, every: int, expected: tuple[int, ...] | None
) -> None:
    assert copied_starts(keyframes, count, Fraction(25), FOUR, every) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        pytest.param(1, (0,), id="one picture"),
        pytest.param(2249, (0,), id="no short piece in the end"),
        pytest.param(2250, (0, 1500), id="half a piece"),
        pytest.param(9000, (0, 1500, 3000, 4500, 6000, 7500), id="six minutes"),
    ],
)
def test_pieces_of_a_minute(count: int, expected: tuple[int, ...]) -> None:
    starts = even_starts(count, Fraction(25), FOUR, 1)

    assert piece_starts(starts, count, Fraction(25), Fraction(60)) == expected


def test_pieces_begin_with_segments() -> None:
    starts = tuple(range(0, 10_000, 250))

    assert piece_starts(starts, 10_000, Fraction(25), Fraction(8))[:4] == (0, 250, 500, 750)
    assert piece_starts(starts, 10_000, Fraction(25), Fraction(60))[:3] == (0, 1500, 3000)
