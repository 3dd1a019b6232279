from itertools import pairwise
from pathlib import Path

import av
import pytest
from PIL import Image

from storage.containers.box_lengths import moov_is_last
from storage.media.facts import MediaLimits
from storage.media.probe import probe
from storage.samples import (
    CELLS,
    ClockPainter,
    Slide,
    read_frame_number,
    write_clock_mp4,
    write_clock_webm,
)


@pytest.mark.parametrize(
    ("write", "container", "codecs"),
    [
        pytest.param(write_clock_mp4, "mp4", ("h264", "aac"), id="mp4"),
        pytest.param(write_clock_webm, "webm", ("vp9", "opus"), id="webm"),
    ],
)
def test_every_frame_tells_its_number(
    tmp_path: Path, limits: MediaLimits, write, container, codecs
) -> None:
    path = tmp_path / "clock"
    write(path, duration_s=2, size=(320, 180))

    found = probe(path, container, limits)
    with av.open(str(path)) as media:
        numbers = [read_frame_number(frame.to_image()) for frame in media.decode(video=0)]

    assert numbers == list(range(50))
    assert (found.video_codec, found.audio_codec) == codecs
    assert found.duration_s == pytest.approx(2, abs=0.05)
    assert found.is_playable_in_browsers


def test_mp4_has_its_index_at_the_end(tmp_path: Path) -> None:
    write_clock_mp4(tmp_path / "clock", duration_s=0.2, size=(160, 90))

    with (tmp_path / "clock").open("rb") as file:
        assert moov_is_last(file)


def test_picture_and_sound_are_interleaved(tmp_path: Path) -> None:
    write_clock_mp4(tmp_path / "clock", duration_s=3, size=(160, 90))

    with av.open(str(tmp_path / "clock")) as media:
        packets = sorted((p for p in media.demux() if p.size), key=lambda p: p.pos or 0)
    apart = [abs(a.dts * a.time_base - b.dts * b.time_base) for a, b in pairwise(packets)]
    assert max(apart) < 1.2


@pytest.mark.parametrize("size", [(854, 480), (1280, 720), (160, 90), (333, 187)])
@pytest.mark.parametrize("number", [0, 1, 333, (1 << CELLS) - 1])
def test_number_survives_any_size(size: tuple[int, int], number: int) -> None:
    picture = ClockPainter(size, Slide(), 1 << CELLS).frame(number)

    assert read_frame_number(picture) == number
    assert read_frame_number(picture.resize((160, 90), Image.Resampling.LANCZOS)) == number


def test_frame_does_not_depend_on_the_one_before() -> None:
    painter, fresh = (ClockPainter((320, 180), Slide(), 100) for _ in range(2))
    painter.frame(99)

    assert painter.frame(3).tobytes() == fresh.frame(3).tobytes()
