"""Damaged films get a ladder of what can be decoded, or are refused."""

import random
from fractions import Fraction
from pathlib import Path

import pytest

from storage.errors import StorageError
from tests.films.hostile_files import mutated
from tests.storage.ladder.films import STEADY, Film, Sounds, make_ladder, shown_in

FILMS = 25
MP4 = Film(
    times=STEADY[:30],
    options={"preset": "medium", "bf": "3", "g": "25", "threads": "1"},
    sounds=(Sounds(stop=Fraction(1)),),
)
WEBM = Film(
    times=STEADY[:30],
    codec="libvpx-vp9",
    muxer="webm",
    options={"deadline": "realtime", "cpu-used": "8", "threads": "1"},
    unit=Fraction(1, 1000),
)


@pytest.mark.parametrize("film", [MP4, WEBM], ids=["mp4", "webm"])
def test_damaged_film_has_a_whole_ladder_or_none(tmp_path: Path, film: Film) -> None:
    dice = random.Random(20_261_130)
    content = film.write(tmp_path / "film").read_bytes()
    made = 0

    for number in range(FILMS):
        directory = tmp_path / str(number)
        directory.mkdir()
        (directory / "film").write_bytes(mutated(content, dice))
        try:
            ladder = make_ladder(directory / "film", directory)
        except StorageError:
            continue
        made += 1
        places = range(ladder.plan.picture_count)
        for rung in ladder.plan.coded:
            times = [time for time, _ in shown_in(ladder.path(rung.name))]
            assert times == [place / ladder.plan.frame_rate for place in places]

    assert 0 < made < FILMS
