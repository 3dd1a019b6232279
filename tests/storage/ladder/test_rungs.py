from fractions import Fraction

import pytest

from storage.ladder.facts import VideoCodec, VideoRung
from storage.ladder.rungs import (
    PictureSize,
    choose_rungs,
    max_bitrate,
    may_copy,
    pictures_every,
    worthwhile,
)

USUAL = Fraction(25)


def names(rungs: tuple[VideoRung, ...]) -> str:
    return " ".join(f"{one.name}:{one.width}x{one.height}{'c' * one.is_copied}" for one in rungs)


@pytest.mark.parametrize(
    ("width", "height", "heights", "is_copied", "expected"),
    [
        pytest.param(
            1920,
            1080,
            None,
            False,
            "v1080:1920x1080 v720:1280x720 v480:854x480 v240:426x240",
            id="usual",
        ),
        pytest.param(
            1920, 1080, None, True, "v1080:1920x1080c v720:1280x720 v480:854x480 v240:426x240"
        ),
        pytest.param(
            3840,
            2160,
            None,
            False,
            "v1080:1920x1080 v720:1280x720 v480:854x480 v240:426x240",
            id="larger than any",
        ),
        pytest.param(
            1080, 1920, None, True, "v1080:1080x1920c v720:720x1280 v480:480x854 v240:240x426"
        ),
        pytest.param(
            1600, 900, None, False, "v900:1600x900 v720:1280x720 v480:854x480 v240:426x240"
        ),
        pytest.param(1422, 800, None, False, "v720:1280x720 v480:854x480 v240:426x240", id="near"),
        pytest.param(640, 360, None, False, "v360:640x360 v240:426x240"),
        pytest.param(640, 360, None, True, "v360:640x360c v240:426x240"),
        pytest.param(320, 180, None, False, "v180:320x180", id="smaller than any"),
        pytest.param(320, 180, None, True, "v180:320x180c"),
        pytest.param(1920, 1080, (480, 720), False, "v720:1280x720 v480:854x480", id="given"),
        pytest.param(1280, 720, (1080, 720, 720), True, "v720:1280x720c"),
        pytest.param(900, 600, (1080, 720), False, "v600:900x600", id="given, all above"),
        pytest.param(64, 2, (1, 2), False, "v2:64x2", id="as large as the one above"),
    ],
)
def test_rungs_of_a_source(
    width: int, height: int, heights: tuple[int, ...] | None, is_copied: bool, expected: str
) -> None:
    rungs = choose_rungs(PictureSize(width, height), heights, USUAL, is_copied=is_copied)

    assert names(rungs) == expected


def test_tiny_pictures_are_not_encoded_in_av1() -> None:
    source, codecs = PictureSize(64, 16), ("h264", "av1")

    rungs = choose_rungs(source, (16, 14), USUAL, is_copied=False, codecs=codecs)

    assert names(rungs) == "v16:64x16 av16:64x16 v14:56x14"


def test_each_size_in_each_codec_but_av1_is_never_copied() -> None:
    rungs = choose_rungs(PictureSize(854, 480), None, USUAL, is_copied=True, codecs=("h264", "av1"))

    assert names(rungs) == "v480:854x480c av480:854x480 v240:428x240 av240:428x240"


@pytest.mark.parametrize(
    ("short_side", "rate", "every"),
    [
        (480, Fraction(30), 1),
        (480, Fraction(60_000, 1001), 2),
        (480, Fraction(50), 2),
        (481, Fraction(60), 1),
    ],
)
def test_small_pictures_show_at_most_30_a_second(
    short_side: int, rate: Fraction, every: int
) -> None:
    assert pictures_every(short_side, rate) == every


@pytest.mark.parametrize(
    ("short_side", "rate"),
    [(1, 400_000), (359, 400_000), (360, 800_000), (1080, 4_500_000), (4320, 12_000_000)],
)
def test_cap_is_that_of_the_next_smaller_usual_size(short_side: int, rate: int) -> None:
    assert max_bitrate(short_side) == rate


@pytest.mark.parametrize(
    ("heights", "expected"), [(None, True), ((720,), True), ((480, 240), False)]
)
def test_source_is_copied_only_where_its_size_is_wanted(
    heights: tuple[int, ...] | None, expected: bool
) -> None:
    assert may_copy(PictureSize(1280, 720), heights) is expected


@pytest.mark.parametrize(
    ("sizes", "kept"),
    [
        pytest.param((1000, 799, 639), (1000, 799, 639), id="each saves enough"),
        pytest.param((1000, 800), (1000,), id="exactly 80 %"),
        pytest.param((1000, 900, 790, 640), (1000, 790), id="beside the next that is kept"),
        pytest.param((500, 900), (500,), id="larger than the larger picture"),
        pytest.param((700,), (700,), id="alone"),
    ],
)
def test_rungs_that_save_hardly_anything_are_left_out(
    sizes: tuple[int, ...], kept: tuple[int, ...]
) -> None:
    rungs = choose_rungs(PictureSize(1920, 1080), None, USUAL, is_copied=False)
    made = [*zip(rungs, sizes, strict=False)]

    assert worthwhile(made) == [rung for rung, size in made if size in kept]


def test_rungs_are_compared_with_those_of_their_codec() -> None:
    codecs: tuple[VideoCodec, ...] = ("h264", "av1")
    rungs = choose_rungs(PictureSize(854, 480), None, USUAL, is_copied=False, codecs=codecs)

    kept = worthwhile([*zip(rungs, (1000, 600, 550, 500), strict=True)])
    assert [one.name for one in kept] == ["v480", "av480", "v240"]
