"""Pictures are turned and mirrored as their author saw them, wherever they are shown."""

import struct
from pathlib import Path
from typing import Any

import av
import pytest
from av.bitstream import BitStreamFilterContext
from PIL import Image

from storage.media.facts import MediaLimits
from storage.media.orientation import UPRIGHT, Orientation, parse_matrix
from storage.media.probe import probe
from storage.pictures.storyboard import make_storyboard
from storage.pictures.thumbnails import make_thumbnails
from tests.storage.films.frames import write_frames
from tests.storage.films.transcoding import Workbench

COLOURS = {"R": (230, 20, 20), "G": (20, 200, 20), "B": (20, 20, 230), "W": (240, 240, 240)}
SIZE = (160, 96)
UPRIGHT_MATRIX = (1, 0, 0, 1)
# (a, b, c, d) of the matrix; red, green, blue and white corners as shown: the upper ones first.
ORIENTATIONS = [
    pytest.param(UPRIGHT_MATRIX, "RGBW", 0, id="upright"),
    pytest.param((-1, 0, 0, 1), "GRWB", 0, id="mirrored"),
    pytest.param((-1, 0, 0, -1), "WBGR", 180, id="upside-down"),
    pytest.param((1, 0, 0, -1), "BWRG", 180, id="mirrored-upside-down"),
    pytest.param((0, 1, -1, 0), "BRWG", 90, id="clockwise"),
    pytest.param((0, 1, 1, 0), "RBGW", 90, id="mirrored-clockwise"),
    pytest.param((0, -1, 1, 0), "GWRB", 270, id="counterclockwise"),
    pytest.param((0, -1, -1, 0), "WGBR", 270, id="mirrored-counterclockwise"),
]


def corners(image: Image.Image) -> str:
    """The colours of the four corners, by their first letters."""
    width, height = image.size
    places = [(x, y) for y in (height // 8, height - height // 8) for x in (width // 8, -1)]
    return "".join(_name(image, x if x > 0 else width - width // 8, y) for x, y in places)


def _name(image: Image.Image, x: int, y: int) -> str:
    seen: Any = image.convert("RGB").getpixel((x, y))

    def distance(name: str) -> int:
        pairs = zip(seen, COLOURS[name], strict=True)
        return sum((one - other) ** 2 for one, other in pairs)

    return min(COLOURS, key=distance)


def write_turned(
    path: Path, matrix: tuple[int, ...], codec: str, message: str | None = None
) -> Path:
    """A second with a colour in each corner, whose track says that it is shown by `matrix`.

    `message`: an option of FFmpeg's h264_metadata, for a message at each keyframe of H.264.
    """
    width, height = SIZE
    image = Image.new("RGB", SIZE)
    for place, colour in enumerate(COLOURS.values()):
        x, y = place % 2 * width // 2, place // 2 * height // 2
        image.paste(colour, (x, y, x + width // 2, y + height // 2))
    frames = ((at_ms, image) for at_ms in range(0, 1000, 100))
    write_frames(path, frames, size=SIZE, codec=codec)
    if message:
        _insert_messages(path, message)
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 44
    a, b, c, d = (value << 16 for value in matrix)
    x = width * (a < 0) + height * (c < 0)
    y = width * (b < 0) + height * (d < 0)
    content[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, x << 16, y << 16, 1 << 30)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(("matrix", "shown", "rotation"), ORIENTATIONS)
def test_conversion_shows_what_the_author_saw(
    tmp_path: Path, bench: Workbench, matrix: tuple[int, ...], shown: str, rotation: int
) -> None:
    source = write_turned(tmp_path / "a.mp4", matrix, "mpeg4")

    for target in ("mp4", "webm"):
        bench.make(source, target)

        with av.open(str(bench.target)) as media:
            image = next(media.decode(video=0)).to_image()
        assert corners(image) == shown
        assert image.size == (SIZE if rotation in (0, 180) else SIZE[::-1])


@pytest.mark.parametrize(("matrix", "shown", "rotation"), ORIENTATIONS)
def test_pictures_show_what_the_author_saw(
    tmp_path: Path, limits: MediaLimits, matrix: tuple[int, ...], shown: str, rotation: int
) -> None:
    source = write_turned(tmp_path / "a.mp4", matrix, "libx264")

    found = probe(source, "mp4", limits)
    make_thumbnails(source, "mp4", [("small", 80)], 90, tmp_path, ["jpg"])
    board = make_storyboard(source, "mp4", 90, tmp_path, 1000.0)

    assert found.rotation == rotation
    assert (found.width, found.height) == (SIZE if rotation in (0, 180) else SIZE[::-1])
    assert corners(Image.open(tmp_path / "small.jpg")) == shown
    with Image.open(board.sheets[0].file) as sheet:
        tile = sheet.crop((0, 0, board.tile_width_px, board.tile_height_px))
    assert corners(tile) == shown


@pytest.mark.parametrize(("matrix", "shown", "rotation"), ORIENTATIONS)
def test_copied_picture_keeps_its_matrix(
    tmp_path: Path, bench: Workbench, matrix: tuple[int, ...], shown: str, rotation: int
) -> None:
    source = write_turned(tmp_path / "a.mp4", matrix, "libx264")

    bench.make(source, "mp4")

    make_thumbnails(bench.target, "mp4", [("small", 80)], 90, tmp_path, ["jpg"])
    assert corners(Image.open(tmp_path / "small.jpg")) == shown


def _insert_messages(path: Path, message: str) -> None:
    plain = path.rename(path.with_stem("plain"))
    with av.open(str(plain)) as media, av.open(str(path), "w") as out:
        stream = media.streams.video[0]
        made = out.add_stream_from_template(stream)
        insert = BitStreamFilterContext(
            f"h264_metadata=display_orientation=insert:{message}", stream, made
        )
        for packet in media.demux(stream):
            for ready in insert.filter(packet if packet.size else None):
                ready.stream = made
                out.mux(ready)


# Messages of ITU-T H.264 s. D.2.27: how the film is turned and mirrored, and what its track says.
BY_MESSAGES = [
    pytest.param("rotate=90", UPRIGHT_MATRIX, "GWRB", False, id="turned"),
    pytest.param("rotate=180", UPRIGHT_MATRIX, "WBGR", False, id="upside-down"),
    pytest.param("flip=horizontal", UPRIGHT_MATRIX, "GRWB", False, id="mirrored"),
    pytest.param("rotate=90", (0, 1, -1, 0), "GWRB", False, id="the-track-says-otherwise"),
    pytest.param("rotate=90", (0, -1, 1, 0), "GWRB", True, id="the-track-says-the-same"),
    pytest.param("rotate=0", (0, 1, -1, 0), "BRWG", True, id="the-track-alone-says-so"),
]


@pytest.mark.parametrize(("message", "matrix", "shown", "is_copied"), BY_MESSAGES)
def test_film_turned_by_its_stream_is_shown_so_everywhere(
    tmp_path: Path,
    bench: Workbench,
    message: str,
    matrix: tuple[int, ...],
    shown: str,
    is_copied: bool,
) -> None:
    source = write_turned(tmp_path / "a.mp4", matrix, "libx264", message)

    found = probe(source, "mp4", bench.limits)
    assert found.is_playable_in_browsers == is_copied
    make_thumbnails(source, "mp4", [("small", 80)], 90, tmp_path, ["jpg"])
    assert corners(Image.open(tmp_path / "small.jpg")) == shown

    for target in ("mp4", "webm"):
        bench.make(source, target)

        film = probe(bench.target, target, bench.limits)
        assert (film.width, film.height) == (found.width, found.height)
        assert film.is_playable_in_browsers
        make_thumbnails(bench.target, target, [("small", 80)], 90, tmp_path, ["jpg"])
        assert corners(Image.open(tmp_path / "small.jpg")) == shown


@pytest.mark.parametrize(
    ("matrix", "orientation"),
    [
        pytest.param((65_536, 0, 0, 65_536), UPRIGHT, id="upright"),
        pytest.param((60_000, 26_000, -26_000, 60_000), UPRIGHT, id="a-little-askew"),
        pytest.param((0, 32_768, -32_768, 0), Orientation(True, True, False), id="half-as-large"),
        pytest.param((0, 0, 0, 0), UPRIGHT, id="nothing"),
    ],
)
def test_nearest_orientation_counts(matrix: tuple[int, ...], orientation: Orientation) -> None:
    a, b, c, d = matrix
    assert parse_matrix(struct.pack("=9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)) == orientation


def test_what_is_no_matrix_turns_nothing() -> None:
    assert parse_matrix(b"") == UPRIGHT
