from fractions import Fraction

import msgspec
import pytest

from storage.ladder.facts import LadderPlan, PiecePlaces
from storage.ladder.rungs import PictureSize, choose_rungs

NTSC = Fraction(30_000, 1001)


@pytest.fixture
def plan() -> LadderPlan:
    """Of 600 pictures at 1001 ticks each."""
    return LadderPlan(
        duration_s=float(600 / NTSC),
        source_pixels=1280 * 720,
        rate_numerator=30_000,
        rate_denominator=1001,
        timescale=30_000,
        picture_count=600,
        picture_offset=0,
        reorder_delay=0,
        segment_starts=tuple(1001 * one for one in (0, 120, 240, 360, 480)),
        piece_starts=tuple(1001 * one for one in (0, 240)),
        videos=choose_rungs(PictureSize(1280, 720), None, NTSC, is_copied=True),
        sounds=(),
    )


def test_a_place_has_whole_ticks(plan: LadderPlan) -> None:
    assert plan.frame_rate == NTSC
    assert plan.ticks_per_picture == 1001
    assert plan.stop == 600 * 1001


def test_pieces_cover_the_film(plan: LadderPlan) -> None:
    assert plan.piece(0) == PiecePlaces(0, 240, [0, 120])
    assert plan.piece(1) == PiecePlaces(240, 600, [240, 360, 480])


def test_copied_rung_is_told_from_the_encoded_ones(plan: LadderPlan) -> None:
    assert plan.copied is plan.videos[0]
    assert plan.coded == plan.videos[1:]


def test_plan_survives_being_stored(plan: LadderPlan) -> None:
    assert msgspec.json.decode(msgspec.json.encode(plan), type=LadderPlan) == plan
