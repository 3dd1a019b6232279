from fractions import Fraction

import pytest

from storage.media.geometry import display_size, fit_size


@pytest.mark.parametrize(
    ("ratio", "rotation", "shown"),
    [
        pytest.param(None, 0, (720, 576), id="square"),
        pytest.param(Fraction(0), 0, (720, 576), id="unknown"),
        pytest.param(Fraction(64, 45), 0, (1024, 576), id="pal-wide"),
        pytest.param(Fraction(1, 2), 0, (720, 1152), id="no-side-shrinks"),
        pytest.param(None, 90, (576, 720), id="turned"),
        pytest.param(None, 180, (720, 576), id="upside-down"),
        pytest.param(Fraction(64, 45), 270, (576, 1024), id="stretched-before-turned"),
        pytest.param(Fraction(10**9), 0, (720, 576), id="absurd"),
        pytest.param(Fraction(1, 10**9), 0, (720, 576), id="absurdly-narrow"),
    ],
)
def test_size_is_as_a_player_shows_it(
    ratio: Fraction | None, rotation: int, shown: tuple[int, int]
) -> None:
    assert display_size(720, 576, ratio, rotation) == shown


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        pytest.param((1920, 1080), (1920, 1080), id="fits"),
        pytest.param((3840, 2160), (3840, 2160), id="just-fits"),
        pytest.param((7680, 4320), (3840, 2160), id="wide"),
        pytest.param((4320, 7680), (2160, 3840), id="tall"),
        pytest.param((213, 91), (212, 92), id="odd"),
        pytest.param((1, 10_000), (2, 3840), id="sliver"),
    ],
)
def test_fitted_size_is_even_and_no_larger(
    shown: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert fit_size(*shown, 3840) == expected
