"""Films whose colours are tagged otherwise from some picture on, as in joined recordings."""

from fractions import Fraction
from pathlib import Path

import av
import pytest
from PIL import Image

from tests.storage.ladder.films import SIZE, make_ladder

COLOUR = (200, 90, 40)
RATE, HALF = 25, 75
BT709, BT601 = 1, 6
TAGS = ((BT709, BT709, BT709), (BT601, BT601, BT601))


@pytest.mark.parametrize("tags", [TAGS, TAGS[::-1]], ids=["to BT.601", "to BT.709"])
def test_a_ladder_fits_and_shows_the_same_colour_throughout(
    tmp_path: Path, tags: tuple[tuple[int, int, int], ...]
) -> None:
    film = _write_joined(tmp_path / "film.webm", tags)

    ladder = make_ladder(film, tmp_path, heights=(48,))

    with av.open(str(ladder.path("v48"))) as media:
        frames = [*media.decode(video=0)]
    assert len(frames) == 2 * HALF
    assert {frame.colorspace for frame in frames} == {tags[0][0]}
    for frame in (frames[0], frames[HALF - 1], frames[HALF], frames[-1]):
        shown = frame.to_image().getpixel((SIZE[0] // 2, SIZE[1] // 2))
        assert shown == pytest.approx(COLOUR, abs=8)


def _write_joined(path: Path, tags: tuple[tuple[int, int, int], ...]) -> Path:
    """Three seconds with the first tags, then three with the others."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libvpx-vp9", rate=RATE)
        (stream.width, stream.height), stream.pix_fmt = SIZE, "yuv420p"
        for part, (matrix, transfer, primaries) in enumerate(tags):
            coder = av.CodecContext.create("libvpx-vp9", "w")
            (coder.width, coder.height), coder.pix_fmt = SIZE, "yuv420p"
            coder.time_base = Fraction(1, RATE)
            coder.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
            coder.colorspace, coder.color_trc, coder.color_primaries = matrix, transfer, primaries
            coder.color_range = 1
            for number in range(part * HALF, (part + 1) * HALF):
                frame = av.VideoFrame.from_image(Image.new("RGB", SIZE, COLOUR))
                frame = frame.reformat(format="yuv420p", dst_colorspace=matrix)
                frame.pts, frame.time_base = number, coder.time_base
                for packet in coder.encode(frame):
                    packet.stream = stream
                    out.mux(packet)
            for packet in coder.encode(None):
                packet.stream = stream
                out.mux(packet)
    return path
