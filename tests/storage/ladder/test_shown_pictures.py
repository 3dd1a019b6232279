"""Each picture of each rung is the one that the source shows at that time."""

import random
from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image

from tests.storage.ladder.films import (
    STEADY,
    Film,
    Ladder,
    Sounds,
    encode_one_piece,
    expected_row,
    make_ladder,
    shown_in,
)

REORDERED = {"preset": "medium", "bf": "3", "g": "25", "sc_threshold": "0", "crf": "30"}
QUICK_VP9 = {"deadline": "realtime", "cpu-used": "8", "g": "50"}
NTSC = Fraction(30_000, 1001)


def steady(rate: Fraction | int, count: int = 150, start: Fraction = Fraction(0)) -> list[Fraction]:
    return [start + number / Fraction(rate) for number in range(count)]


# Longer than a segment may be: 254 pictures, as many as eight bits tell apart.
LONG = steady(25, 254)


def irregular(count: int = 150) -> list[Fraction]:
    chance, times = random.Random(3), [Fraction(0)]
    while len(times) < count:
        times.append(times[-1] + Fraction(chance.randint(15, 65), 1000))
    return times


def require_aligned(ladder: Ladder) -> None:
    """Segments of all rungs begin at the same instants, those of the plan."""
    plan = ladder.plan
    starts = [Fraction(one, plan.timescale) for one in plan.segment_starts]
    assert {rung.name: ladder.starts(rung.name) for rung in plan.videos} == {
        rung.name: starts for rung in plan.videos
    }


def require_shown(
    ladder: Ladder, numbers: list[int], turned: Image.Transpose | None = None
) -> None:
    """These numbers at the plan's rate, in each rung and after joining the pieces."""
    plan = ladder.plan
    for rung in plan.videos:
        row = [(place / plan.frame_rate, number) for place, number in enumerate(numbers)]
        assert shown_in(ladder.path(rung.name), turned) == row[:: rung.every], rung.name
        assert sum(one.count for one in ladder.made[rung.name]) == len(row[:: rung.every])


@pytest.mark.parametrize(
    ("film", "rate", "names"),
    [
        pytest.param(Film(options=REORDERED), 25, "v48c v24", id="copied, with reordered pictures"),
        pytest.param(
            Film(options=REORDERED | {"preset": "ultrafast", "bf": "0"}),
            25,
            "v48c v24",
            id="copied, none reordered",
        ),
        pytest.param(
            Film(times=steady(NTSC), options=REORDERED, unit=1 / NTSC),
            NTSC,
            "v48c v24",
            id="copied, NTSC",
        ),
        pytest.param(
            Film(times=LONG, options=REORDERED | {"x264-params": "open-gop=1"}),
            25,
            "v48 v24",
            id="keyframes that are no IDR",
        ),
        pytest.param(
            Film(options=REORDERED | {"g": "1000"}), 25, "v48c v24", id="copied, one segment"
        ),
        pytest.param(
            Film(times=LONG, options=REORDERED | {"g": "1000"}), 25, "v48 v24", id="one keyframe"
        ),
        pytest.param(
            Film(options=REORDERED, pixel_format="yuv420p10le"), 25, "v48 v24", id="10 bits"
        ),
        pytest.param(
            Film(codec="libvpx-vp9", muxer="webm", options=QUICK_VP9, unit=Fraction(1, 1000)),
            25,
            "v48 v24",
            id="WebM",
        ),
        pytest.param(
            Film(options={"g": "25", "bf": "0", "x264-params": "tff=1:level=4"}),
            25,
            "v48 v24",
            id="fields",
        ),
        pytest.param(
            Film(codec="libx265", options={"x265-params": "log-level=none"}),
            25,
            "v48 v24",
            id="HEVC",
        ),
        pytest.param(
            Film(
                times=steady(25, start=Fraction(21, 1000)),
                options=REORDERED,
                unit=Fraction(1, 1000),
                sounds=(Sounds(),),
            ),
            25,
            "v48c v24",
            id="copied, from between two places on, in milliseconds",
        ),
    ],
)
def test_steady_film_shows_each_picture_once(
    tmp_path: Path, film: Film, rate: Fraction | int, names: str
) -> None:
    ladder = make_ladder(film.write(tmp_path / "film"), tmp_path)

    plan = ladder.plan
    assert plan.frame_rate == rate
    assert " ".join(one.name + "c" * one.is_copied for one in plan.videos) == names
    require_shown(ladder, [*range(len(film.times))])
    require_aligned(ladder)


@pytest.mark.parametrize("shown", [irregular(), [*irregular()[:75], *steady(25, 75, Fraction(5))]])
def test_irregular_film_shows_each_picture_at_its_place(
    tmp_path: Path, shown: list[Fraction]
) -> None:
    film = Film(times=shown, options=REORDERED, unit=Fraction(1, 1000))

    ladder = make_ladder(film.write(tmp_path / "film"), tmp_path)

    plan = ladder.plan
    assert not plan.copied
    numbers = expected_row(shown, plan.frame_rate, plan.picture_count)
    require_shown(ladder, numbers)
    require_aligned(ladder)


def test_small_rungs_show_every_second_picture_of_fast_films(tmp_path: Path) -> None:
    film = Film(times=steady(50, 250), options=REORDERED | {"g": "50"})

    ladder = make_ladder(film.write(tmp_path / "film"), tmp_path)

    assert [(one.name, one.every, one.is_copied) for one in ladder.plan.videos] == [
        ("v48", 1, True),
        ("v24", 2, False),
    ]
    require_shown(ladder, [*range(250)])
    require_aligned(ladder)


@pytest.mark.parametrize(
    ("deg", "turned"),
    [
        pytest.param(90, Image.Transpose.ROTATE_270, id="90"),
        pytest.param(180, Image.Transpose.ROTATE_180, id="180"),
    ],
)
def test_turned_film_comes_out_upright(tmp_path: Path, deg: int, turned: Image.Transpose) -> None:
    film = Film(times=STEADY[:50], options=REORDERED, counterclockwise_deg=deg)

    ladder = make_ladder(film.write(tmp_path / "film"), tmp_path)

    size = (64, 48) if deg == 180 else (48, 64)
    top, low = ladder.plan.videos
    assert (top.width, top.height, top.is_copied) == (*size, False)
    assert (low.width, low.height) == (size[0] // 2, size[1] // 2)
    require_shown(ladder, [*range(50)], turned)


def test_wide_pixels_become_square(tmp_path: Path) -> None:
    film = Film(times=STEADY[:50], options=REORDERED, sample_ratio=Fraction(2))

    ladder = make_ladder(film.write(tmp_path / "film"), tmp_path)

    assert [(one.width, one.height) for one in ladder.plan.videos] == [(128, 48), (64, 24)]
    require_shown(ladder, [*range(50)])


def test_first_picture_stands_from_the_start(tmp_path: Path) -> None:
    film = Film(
        times=steady(25, 50, Fraction(2, 5)), options=REORDERED, sounds=(Sounds(stop=Fraction(2)),)
    )

    ladder = make_ladder(film.write(tmp_path / "film"), tmp_path)

    require_shown(ladder, [*([0] * 10), *range(50)])
    require_aligned(ladder)


def test_last_picture_stands_while_sound_goes_on(tmp_path: Path) -> None:
    film = Film(times=STEADY[:50], options=REORDERED, sounds=(Sounds(stop=Fraction(4)),))

    ladder = make_ladder(film.write(tmp_path / "film"), tmp_path)

    count = ladder.plan.picture_count
    assert 100 <= count <= 102
    require_shown(ladder, [*range(50), *([49] * (count - 50))])


def test_the_same_piece_is_the_same_file(tmp_path: Path) -> None:
    """A piece that was lost is made again, maybe on another machine."""
    # Of pictures 64 wide x264 makes another file one time in twenty, by what memory held before.
    film = Film(size=(256, 192), codec="libx265", options={"x265-params": "log-level=none"})
    file = film.write(tmp_path / "film")
    ladder = make_ladder(file, tmp_path, (192, 96), av1=True)

    again = encode_one_piece(file, ladder.plan, 1, tmp_path / "again")

    assert [one.name for one in again] == ["v192", "av192", "v96", "av96"]
    for one in again:
        assert one.file.read_bytes() == ladder.made[one.name][1].file.read_bytes()
    require_shown(ladder, [*range(150)])
    require_aligned(ladder)
