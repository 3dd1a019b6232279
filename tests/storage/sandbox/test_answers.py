"""Checks of pictures and storyboards in a decoded answer."""

from pathlib import Path

import pytest

from storage.errors import MediaCrashed
from storage.media.facts import (
    END_SIDE_PX,
    MAX_TILES,
    EndPictures,
    Picture,
    Sheet,
    Storyboard,
    sheet_file,
)
from storage.sandbox.answers import require_end_pictures, require_requested, require_storyboard

HERE = Path(__file__).resolve().parent


@pytest.mark.parametrize(
    "files",
    [
        pytest.param([], id="too-few"),
        pytest.param([Path("/etc/passwd")], id="another-file"),
        pytest.param([Path("/out/../out/small.jpg")], id="another-spelling"),
        pytest.param([Path("/out/small.jpg")] * 2, id="too-many"),
        pytest.param([Path("/out/small.webp")], id="another-kind"),
    ],
)
def test_only_the_pictures_asked_for_are_taken(files: list[Path]) -> None:
    pictures = [
        Picture(
            name="small",
            file=file,
            extension="jpg",
            width_px=160,
            height_px=90,
            size_bytes=1,
            sha256="0" * 64,
        )
        for file in files
    ]

    with pytest.raises(MediaCrashed):
        require_requested(pictures, [("small", 160)], Path("/out"), ["jpg"])


def a_board(**fields: object) -> Storyboard:
    sheets = [Sheet(sheet_file(HERE, 0), 1, "0" * 64)]
    sound = {"tile_width_px": 160, "tile_height_px": 90, "times_s": [0.0, 2.0], "sheets": sheets}
    return Storyboard(**{**sound, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"times_s": [], "sheets": []}, id="nothing"),
        pytest.param({"times_s": [2.0, 2.0]}, id="no time between"),
        pytest.param({"times_s": [2.0, 1.0]}, id="backwards"),
        pytest.param({"times_s": [-1.0, 1.0]}, id="before the beginning"),
        pytest.param({"tile_width_px": 0}, id="no width"),
        pytest.param({"tile_height_px": -90}, id="no height"),
        pytest.param({"sheets": []}, id="no sheet"),
        pytest.param({"sheets": [Sheet(Path("/etc/passwd"), 1, "0" * 64)]}, id="another file"),
        pytest.param({"times_s": [float(n) for n in range(101)]}, id="a sheet too few"),
        pytest.param(
            {
                "times_s": [float(n) for n in range(MAX_TILES + 1)],
                "sheets": [Sheet(sheet_file(HERE, n), 1, "0" * 64) for n in range(5)],
            },
            id="too many",
        ),
    ],
)
def test_storyboard_that_cannot_be_is_refused(fields: dict[str, object]) -> None:
    require_storyboard(a_board(), HERE)

    with pytest.raises(MediaCrashed):
        require_storyboard(a_board(**fields), HERE)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        pytest.param(b"", b"", id="nothing"),
        pytest.param(bytes(END_SIDE_PX**2), b"1", id="a last one that is too small"),
        pytest.param(bytes(END_SIDE_PX**2 + 1), b"", id="a first one that is too large"),
    ],
)
def test_end_pictures_have_one_size(first: bytes, last: bytes) -> None:
    with pytest.raises(MediaCrashed):
        require_end_pictures(EndPictures(first, last))
