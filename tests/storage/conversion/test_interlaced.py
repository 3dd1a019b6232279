"""Fields become whole pictures where the frames say that there are fields, and nowhere else."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from storage.media.facts import MediaLimits
from storage.media.probe import probe
from tests.storage.films.transcoding import Workbench, times_of

SIZE = (320, 240)
# A bar that moves between the two fields of a picture: 12 pixels each 50th of a second.
STEP_PX, BAR_PX, COUNT = 12, 40, 20


def write_fields(path: Path, codec: str, options: dict[str, str], muxer: str) -> Path:
    with av.open(str(path), "w", format=muxer) as out:
        stream = out.add_stream(codec, rate=25, options=options)
        (stream.width, stream.height), stream.pix_fmt = SIZE, "yuv420p"
        for number in range(COUNT):
            frame = av.VideoFrame.from_image(_woven(number))
            frame = frame.reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def _woven(number: int) -> Image.Image:
    """The upper field of one moment, the lower of the next."""
    upper, lower = (_bar((2 * number + field) * STEP_PX % 240) for field in (0, 1))
    for row in range(1, SIZE[1], 2):
        upper.paste(lower.crop((0, row, SIZE[0], row + 1)), (0, row))
    return upper


def _bar(x: int) -> Image.Image:
    image = Image.new("RGB", SIZE)
    image.paste((255, 255, 255), (x, 0, x + BAR_PX, SIZE[1]))
    return image


def combs(path: Path) -> float:
    """By how much each row of the tenth picture differs from those around it."""
    with av.open(str(path)) as media:
        frames = list(media.decode(video=0))
    grey = frames[10].to_image().convert("L")
    width, height = grey.size
    rows: list[Any] = [grey.crop((0, y, width, y + 1)).tobytes() for y in range(height)]
    differences = [
        abs(here - (above + below) // 2)
        for y in range(1, height - 1)
        for above, here, below in zip(rows[y - 1], rows[y], rows[y + 1], strict=True)
    ]
    return sum(differences) / len(differences)


FIELDS = [
    pytest.param("mpeg2video", {"flags": "+ildct+ilme", "field_order": "tt"}, "mp4", id="mpeg-2"),
    pytest.param(
        "libx264", {"x264-params": "interlaced=1:tff=1", "preset": "ultrafast"}, "mp4", id="h264"
    ),
    pytest.param(
        "libx264", {"x264-params": "interlaced=1:tff=1"}, "mpegts", id="h264-of-a-camcorder"
    ),
]


@pytest.mark.parametrize(("codec", "options", "muxer"), FIELDS)
def test_fields_become_whole_pictures(
    tmp_path: Path, bench: Workbench, codec: str, options: dict[str, str], muxer: str
) -> None:
    source = write_fields(tmp_path / "fields", codec, options, muxer)
    assert combs(source) > 10

    bench.make(source, "mp4", duration_s=0.8)

    assert combs(bench.target) < 2
    assert times_of(bench.target) == pytest.approx([n / 25 for n in range(COUNT)], abs=0.002)


def test_h264_with_fields_is_not_played_as_it_is(tmp_path: Path, limits: MediaLimits) -> None:
    fields = {"x264-params": "interlaced=1:tff=1"}
    whole = write_fields(tmp_path / "whole.mp4", "libx264", {}, "mp4")
    source = write_fields(tmp_path / "fields.mp4", "libx264", fields, "mp4")

    assert not probe(source, "mp4", limits).is_playable_in_browsers
    assert probe(whole, "mp4", limits).is_playable_in_browsers


def test_whole_pictures_stay_as_they_are(tmp_path: Path, bench: Workbench) -> None:
    source = write_fields(tmp_path / "a.mp4", "mpeg4", {"qscale": "2", "flags": "+qscale"}, "mp4")

    bench.make(source, "mp4", duration_s=0.8)

    assert combs(bench.target) > 10


def test_pictures_without_fields_lose_none(
    make_clip: Callable[..., Path], bench: Workbench
) -> None:
    bench.make(make_clip(video="mpeg4"), "mp4")

    assert len(times_of(bench.target)) == 25
