"""Frames as shown on screen, with the expected value of every pixel."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image

from storage.conversion import graphs
from storage.media.demux import first_frame, open_media, video_stream
from storage.pictures import stills
from storage.pictures.stills import MAX_PIXELS, Stills, fitting_height
from tests.storage.films.frames import bars, write_deep

BT709, PQ, BT2020_10, HLG = 1, 16, 14, 18
WHITE_LEVEL = 722  # 203 cd/m² in PQ, 10 bits, limited range: graphics white of ITU-R BT.2408
HLG_WHITE_LEVEL = 721  # 75 % of the signal, the same white in HLG


def still_of(path: Path, width_px: int = 160) -> Image.Image:
    with open_media(path, "mp4") as media:
        stream = video_stream(media)
        return Stills(stream).render(first_frame(media, stream, MAX_PIXELS), width_px)


@pytest.mark.parametrize(
    ("transfer", "white"), [(PQ, WHITE_LEVEL), (HLG, HLG_WHITE_LEVEL)], ids=["PQ", "HLG"]
)
def test_hdr_is_mapped_to_what_a_screen_can_show(tmp_path: Path, transfer: int, white: int) -> None:
    path = write_deep(tmp_path / "hdr.mp4", [64, 400, white, 940], transfer)

    shown = bars(still_of(path), 4)

    black, grey, paper, highlight = (level for _, level, _ in shown)
    assert black <= 4
    assert black < grey < paper < highlight
    assert 130 < paper < 235, "white paper is neither grey nor burnt out"
    assert highlight > 235
    assert all(max(pixel) - min(pixel) <= 3 for pixel in shown), "grey has got a colour"


def test_more_pixels_of_an_hdr_video_take_no_new_filter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    linked = graphs.link_filters
    monkeypatch.setattr(stills, "_TO_SRGB", "flags=area")  # mapping itself takes seconds
    monkeypatch.setattr(graphs, "link_filters", lambda *given: made.append(given) or linked(*given))
    path = write_deep(tmp_path / "hdr.mp4", [64, 940], PQ)

    with open_media(path, "mp4") as media:
        stream = video_stream(media)
        showing = Stills(stream)
        for frame in media.decode(stream):
            showing.render(frame, 80)
        assert len(made) == 1
        assert showing.render(frame, 40).size == (40, 22)

    assert len(made) == 2


@pytest.mark.parametrize("transfer", [BT709, BT2020_10], ids=["BT.709", "BT.2020"])
def test_deep_colours_alone_are_no_hdr(tmp_path: Path, transfer: int) -> None:
    path = write_deep(tmp_path / "deep.mp4", [64, 502, 940], transfer)

    shown = [level for _, level, _ in bars(still_of(path), 3)]

    assert shown == pytest.approx([0, 128, 255], abs=4)


@pytest.mark.parametrize(
    ("clip", "size", "red_at", "blue_at"),
    [
        pytest.param({}, (160, 90), (40, 45), (120, 45), id="as coded"),
        pytest.param(
            {"counterclockwise_deg": -90}, (160, 284), (80, 71), (80, 213), id="clockwise"
        ),
        pytest.param(
            {"counterclockwise_deg": 90}, (160, 284), (80, 213), (80, 71), id="counterclockwise"
        ),
        pytest.param({"counterclockwise_deg": 180}, (160, 90), (120, 45), (40, 45), id="180"),
        pytest.param(
            {"sample_ratio": Fraction(4, 3)}, (160, 68), (40, 34), (120, 34), id="wide pixels"
        ),
        pytest.param(
            {"sample_ratio": Fraction(1, 2)}, (160, 180), (40, 90), (120, 90), id="high pixels"
        ),
        pytest.param(
            {"sample_ratio": Fraction(4, 3), "counterclockwise_deg": -90},
            *((160, 379), (80, 94), (80, 284)),
            id="wide pixels turned",
        ),
    ],
)
def test_rotation_and_pixel_shape_are_applied(
    make_clip: Callable[..., Path], clip, size, red_at, blue_at
) -> None:
    image = still_of(make_clip(**clip))

    assert image.size == size
    red, blue = image.getpixel(red_at), image.getpixel(blue_at)
    assert red[0] > red[2] + 50
    assert blue[2] > blue[0] + 50


@pytest.mark.parametrize(
    ("shown", "height_px"),
    [((1600, 900), 90), ((900, 1600), 284), ((10_000, 1), 1), ((1, 99), 640)],
)
def test_height_keeps_proportions_within_reason(shown: tuple[int, int], height_px: int) -> None:
    assert fitting_height(160, *shown) == height_px
