import random
from fractions import Fraction

import pytest

from storage.ladder.rates import Cadence, find_cadence, phase, place, timescale

MILLISECOND = Fraction(1, 1000)
FILM = Fraction(24_000, 1001)


def rounded(rate: Fraction, count: int = 100, unit: Fraction = MILLISECOND) -> list[int]:
    """Times as a container of that unit has them."""
    return [round(number / rate / unit) for number in range(count)]


@pytest.mark.parametrize(
    ("rate", "found"),
    [
        pytest.param(Fraction(25), Fraction(25), id="25"),
        pytest.param(Fraction(30), Fraction(30), id="30"),
        pytest.param(Fraction(30_000, 1001), Fraction(30_000, 1001), id="NTSC"),
        pytest.param(FILM, FILM, id="film"),
        pytest.param(Fraction(60), Fraction(60), id="60"),
        pytest.param(Fraction(1), Fraction(1), id="poster"),
        pytest.param(Fraction(120), Fraction(60), id="faster than screens"),
        pytest.param(Fraction(1, 5), Fraction(1), id="slower than any"),
    ],
)
def test_steady_film_keeps_its_rate(rate: Fraction, found: Fraction) -> None:
    assert find_cadence(rounded(rate, 1000), MILLISECOND) == Cadence(found, is_steady=True)


def test_steady_film_keeps_an_unusual_rate() -> None:
    cadence = find_cadence(range(0, 10_000, 60), MILLISECOND)

    assert cadence == Cadence(Fraction(50, 3), is_steady=True)


def test_a_few_missing_pictures_leave_it_steady() -> None:
    times = [one for one in rounded(Fraction(25), 1000) if one % 4000]

    assert find_cadence(times, MILLISECOND) == Cadence(Fraction(25), is_steady=True)


@pytest.mark.parametrize(
    ("shortest_ms", "longest_ms", "least", "most"),
    [
        pytest.param(30, 70, 15, 30, id="phone"),
        pytest.param(200, 900, 15, 15, id="screen"),
        pytest.param(1, 16, 60, 60, id="game"),
    ],
)
def test_unsteady_film_gets_a_usual_rate(
    shortest_ms: int, longest_ms: int, least: int, most: int
) -> None:
    chance, times = random.Random(1), [0]
    while len(times) < 500:
        times.append(times[-1] + chance.randint(shortest_ms, longest_ms))

    cadence = find_cadence(times, MILLISECOND)
    assert not cadence.is_steady
    assert least <= cadence.rate <= most


@pytest.mark.parametrize("times", [[0], [5, 5]], ids=["one picture", "at one time"])
def test_a_single_picture_has_the_usual_rate(times: list[int]) -> None:
    assert find_cadence(times, MILLISECOND) == Cadence(Fraction(25), is_steady=False)


def test_steps_without_a_middle_have_the_rate_of_the_smaller() -> None:
    assert find_cadence([0, 40, 1040], MILLISECOND) == Cadence(Fraction(25), is_steady=False)


@pytest.mark.parametrize(
    ("rate", "scale"), [(Fraction(25), 12_800), (FILM, 24_000), (Fraction(1), 16_384)]
)
def test_each_place_is_a_whole_number_of_ticks(rate: Fraction, scale: int) -> None:
    assert timescale(rate) == scale
    assert (scale / rate).denominator == 1


@pytest.mark.parametrize(
    ("time", "expected"),
    [(0, 0), (19, 0), (20, 1), (40, 1), (59, 1), (60, 2), (-20, 0), (-21, -1)],
)
def test_place_is_the_nearest_and_the_later_of_two(time: int, expected: int) -> None:
    assert place(time, MILLISECOND, Fraction(25)) == expected


@pytest.mark.parametrize(
    ("time", "expected"),
    [(0, 0), (47, 7), (75, -5), (-3, -3), (23, 23), (24, -16), (63, 23)],
)
def test_phase_is_the_distance_from_the_place(time: int, expected: int) -> None:
    assert phase(time, MILLISECOND, Fraction(25)) == expected
