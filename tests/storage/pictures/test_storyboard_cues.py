import pytest

from storage.media.facts import Sheet, Storyboard
from storage.pictures.storyboard_cues import write_cues


def board(times_s: list[float]) -> Storyboard:
    return Storyboard(160, 90, times_s, list[Sheet]())


def test_each_cue_lasts_to_the_next_and_points_at_its_tile() -> None:
    assert write_cues(board([0.04, 9.5, 3725.0416]), ["a.jpg"], 7200.5) == (
        "WEBVTT\n\n"
        "00:00:00.040 --> 00:00:09.500\na.jpg#xywh=0,0,160,90\n\n"
        "00:00:09.500 --> 01:02:05.042\na.jpg#xywh=160,0,160,90\n\n"
        "01:02:05.042 --> 02:00:00.500\na.jpg#xywh=320,0,160,90\n"
    )


@pytest.mark.parametrize(
    ("number", "place"),
    [
        (9, "a.jpg#xywh=1440,0,160,90"),
        (10, "a.jpg#xywh=0,90,160,90"),
        (99, "a.jpg#xywh=1440,810,160,90"),
        (100, "b.jpg#xywh=0,0,160,90"),
        (111, "b.jpg#xywh=160,90,160,90"),
    ],
)
def test_tiles_fill_rows_and_then_sheets(number: int, place: str) -> None:
    text = write_cues(board([float(n) for n in range(112)]), ["a.jpg", "b.jpg"], 112)

    assert text.split("\n\n")[1 + number].rstrip().endswith(f"\n{place}")


@pytest.mark.parametrize("duration_s", [0.0, 5.0])
def test_last_cue_ends_after_it_began(duration_s: float) -> None:
    assert "00:00:05.000 --> 00:00:05.001" in write_cues(board([5.0]), ["a.jpg"], duration_s)
