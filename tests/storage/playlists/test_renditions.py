from fractions import Fraction

import pytest

from storage.playlists.renditions import Presentation
from tests.storage.playlists.presentations import FILM, sound, video


def test_a_film_is_as_long_as_its_longest_rendition() -> None:
    assert FILM.duration_s == Fraction(10)
    assert Presentation((), (sound(),)).duration_s == Fraction(6)


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        pytest.param([], None, id="no sound"),
        pytest.param([False, False], 0, id="none claims it"),
        pytest.param([False, True], 1, id="one claims it"),
        pytest.param([True, True], 0, id="both claim it"),
    ],
)
def test_one_sound_is_the_default(claims: list[bool], expected: int | None) -> None:
    sounds = tuple(sound(f"audio{n}", is_default=claim) for n, claim in enumerate(claims))

    default = Presentation((video(240),), sounds).default_sound

    assert default == (None if expected is None else sounds[expected])
