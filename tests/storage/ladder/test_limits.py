from fractions import Fraction

from storage.ladder.facts import LadderPlan, SoundRung
from storage.ladder.limits import piece_limits, reading_limits, sound_limits
from storage.ladder.rungs import PictureSize, choose_rungs


def plan(width: int, height: int, *, av1: bool = False) -> LadderPlan:
    """Two minutes in two pieces."""
    rate = Fraction(25)
    rungs = choose_rungs(
        PictureSize(width, height),
        None,
        rate,
        is_copied=False,
        codecs=("h264", "av1") if av1 else ("h264",),
    )
    return LadderPlan(
        duration_s=120,
        source_pixels=width * height,
        rate_numerator=25,
        rate_denominator=1,
        timescale=12_800,
        picture_count=3000,
        picture_offset=0,
        reorder_delay=0,
        segment_starts=tuple(range(0, 3000 * 512, 51_200)),
        piece_starts=(0, 1500 * 512),
        videos=rungs,
        sounds=(
            SoundRung(
                name="audio", stream_index=1, channels=2, language="", title="", is_default=True
            ),
        ),
    )


def test_a_piece_may_take_ten_times_its_length_at_full_size() -> None:
    small, large = plan(426, 240), plan(1920, 1080)

    little, much = (piece_limits(one, one.piece(1)) for one in (small, large))
    assert little.cpu_s < 300 < 1000 < much.cpu_s < 3000
    assert 2 * 3600 < much.timeout_s < 4 * 3600
    assert 1 << 30 < little.memory_bytes < much.memory_bytes < 3 << 30
    # 4.5 Mbit/s for a minute, twice.
    assert much.file_bytes > 2 * 4_500_000 / 8 * 60


def test_av1_may_take_more_memory() -> None:
    without, with_av1 = plan(1920, 1080), plan(1920, 1080, av1=True)

    assert piece_limits(with_av1, with_av1.piece(0)).memory_bytes > piece_limits(
        without, without.piece(0)
    ).memory_bytes + (1 << 29)


def test_sound_and_copies_go_by_their_length() -> None:
    assert sound_limits(plan(426, 240)).file_bytes > 120 * 128_000 / 8
    assert reading_limits(4 << 30).file_bytes > 4 << 30
    assert reading_limits(4 << 30).cpu_s > reading_limits(0).cpu_s + 1000
