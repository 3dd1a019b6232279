"""The first and the last picture of an upload are those of its conversion, and of nothing else."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from storage.containers.sniff import sniff_file
from storage.conversion import filters
from storage.media.facts import END_SIDE_PX, EndPictures
from storage.pictures import end_pictures
from storage.pictures.end_pictures import draw_ends
from storage.remux.comparison import compare_pictures
from storage.samples import write_clock_mp4
from tests.storage.conversion.test_interlaced import write_fields
from tests.storage.films.frames import plain, write_frames
from tests.storage.films.transcoding import Workbench
from tests.storage.media.test_orientation import write_turned

MIRRORED, CLOCKWISE = (-1, 0, 0, 1), (0, 1, -1, 0)
BOTH = ["first-picture", "last-picture"]
SIDE = (END_SIDE_PX, END_SIDE_PX)


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds of a slide, on which nothing changes but a clock."""
    path = tmp_path_factory.mktemp("clock") / "a.mp4"
    write_clock_mp4(path, 4, (320, 180))
    return path


def differences(bench: Workbench, source: Path, target: Any = "mp4") -> list[str]:
    made = bench.make(source, target)
    return compare_pictures(draw_ends(source, sniff_file(source)), draw_ends(bench.target, made))


def write_transparent(path: Path) -> Path:
    """White everywhere, and transparent in the upper half."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("qtrle", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "argb"
        frame = av.VideoFrame(64, 48, "argb")
        frame.planes[0].update((b"\0" + b"\xff" * 3) * 32 * 48 + b"\xff" * 4 * 32 * 48)
        for number in range(3):
            frame.pts, frame.time_base = number, Fraction(1, 5)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("target", ["mp4", "webm"])
@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda path: write_turned(path, MIRRORED, "mpeg4"), id="mirrored"),
        pytest.param(lambda path: write_turned(path, CLOCKWISE, "mpeg4"), id="turned"),
        pytest.param(
            lambda path: write_fields(path, "mpeg2video", {"flags": "+ildct+ilme"}, "mpegts"),
            id="interlaced",
        ),
        pytest.param(lambda path: write_transparent(path.with_suffix(".mov")), id="transparent"),
    ],
)
def test_conversion_looks_like_its_upload(
    tmp_path: Path, bench: Workbench, write: Callable[[Path], Path], target: str
) -> None:
    assert differences(bench, write(tmp_path / "a.mp4"), target) == []


@pytest.mark.parametrize("matrix", [MIRRORED, CLOCKWISE], ids=["mirrored", "turned"])
def test_conversion_that_forgets_the_orientation_does_not(
    tmp_path: Path,
    bench: Workbench,
    monkeypatch: pytest.MonkeyPatch,
    matrix: tuple[int, ...],
) -> None:
    monkeypatch.setattr(filters, "_upright", lambda _: [])

    assert differences(bench, write_turned(tmp_path / "a.mp4", matrix, "mpeg4")) == BOTH


def test_conversion_without_transparency_does_not(
    tmp_path: Path, bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filters, "has_alpha", lambda _: False)

    assert differences(bench, write_transparent(tmp_path / "a.mov")) == BOTH


def test_conversion_that_loses_an_end_does_not(clock: Path, tmp_path: Path) -> None:
    whole = draw_ends(clock, "mp4")
    pictures = _pictures(clock)
    late, short, quick = (
        write_frames(
            tmp_path / f"{number}.mp4",
            ((at * 40, image) for at, image in enumerate(images)),
            size=(320, 180),
            keyframe_every=25,
        )
        for number, images in enumerate((pictures[25:], pictures[:-25], pictures))
    )

    assert compare_pictures(whole, draw_ends(late, "mp4")) == ["first-picture"]
    assert compare_pictures(whole, draw_ends(short, "mp4")) == ["last-picture"]
    assert compare_pictures(whole, draw_ends(quick, "mp4")) == []


def _pictures(path: Path) -> list[Image.Image]:
    with av.open(str(path)) as media:
        return [frame.to_image() for frame in media.decode(video=0)]


@pytest.mark.parametrize(
    ("muxer", "codec"),
    [
        ("mpegts", "mpeg2video"),
        ("mpegts", "libx264"),
        ("mpeg", "mpeg1video"),
        ("avi", "mpeg4"),
        ("flv", "flv"),
        ("asf", "wmv2"),
        ("matroska", "libx264"),
        ("webm", "libvpx-vp9"),
        ("mov", "libx264"),
    ],
)
def test_last_picture_is_found_in_each_container(tmp_path: Path, muxer: str, codec: str) -> None:
    levels = [10 * number for number in range(20)] + [250]
    frames = ((number * 40, plain(level)) for number, level in enumerate(levels))
    path = write_frames(
        tmp_path / "film", frames, keyframe_every=8, muxer=muxer, codec=codec, prepare=_set_rate
    )

    ends = draw_ends(path, sniff_file(path))

    assert ends.first[0] == pytest.approx(0, abs=8)
    assert ends.last[0] == pytest.approx(250, abs=8)


def _set_rate(stream: Any) -> None:
    stream.codec_context.time_base = Fraction(1, 25)  # MPEG knows some rates only


def test_last_picture_far_from_a_keyframe_is_not_decoded(
    clock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(end_pictures, "_MOST_DECODED_PIXELS", 320 * 180 * 20)

    ends = draw_ends(clock, "mp4")

    assert len(ends.first) == END_SIDE_PX**2
    assert ends.last == b""


def _grey(image: Image.Image) -> bytes:
    return image.convert("L").resize(SIDE).tobytes()


SLOPE = Image.linear_gradient("L")
FAINT = SLOPE.point(lambda level: 100 + level // 10)


@pytest.mark.parametrize(
    ("upload", "made", "is_same"),
    [
        pytest.param(SLOPE, SLOPE, True, id="the-same"),
        pytest.param(SLOPE, SLOPE.point(lambda level: level + 15), True, id="a-little-brighter"),
        pytest.param(SLOPE, SLOPE.rotate(180), False, id="upside-down"),
        pytest.param(SLOPE, SLOPE.rotate(90), False, id="turned"),
        pytest.param(SLOPE, Image.new("L", SIDE), False, id="black"),
        pytest.param(FAINT, FAINT.rotate(180), False, id="faint-and-upside-down"),
        pytest.param(FAINT, FAINT.point(lambda level: level + 3), True, id="faint-and-brighter"),
        pytest.param(Image.new("L", SIDE, 30), Image.new("L", SIDE), False, id="dark-and-black"),
    ],
)
def test_pictures_are_compared_by_their_contrast(
    upload: Image.Image, made: Image.Image, is_same: bool
) -> None:
    one, other = EndPictures(_grey(upload)), EndPictures(_grey(made))

    assert compare_pictures(one, other) == ([] if is_same else ["first-picture"])


def test_order_of_levels_counts_of_hdr() -> None:
    mapped = SLOPE.point(lambda level: level // 2 + 100)
    upload = EndPictures(_grey(SLOPE), is_hdr=True)

    assert compare_pictures(upload, EndPictures(_grey(mapped))) == []
    assert compare_pictures(upload, EndPictures(_grey(mapped.rotate(180)))) == ["first-picture"]
    assert compare_pictures(EndPictures(_grey(SLOPE)), EndPictures(_grey(mapped))) != []
