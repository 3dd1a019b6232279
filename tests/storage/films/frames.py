"""Videos with known pictures: plain frames at given times, and bars of HDR grey."""

import array
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from PIL import Image

MILLISECOND = Fraction(1, 1000)
SIZE = (160, 90)
QUICK = {"libx264": {"preset": "ultrafast", "crf": "10"}, "libvpx-vp9": {"cpu-used": "8"}}


def write_frames(
    path: Path,
    frames: Iterable[tuple[int, Image.Image]],
    *,
    size: tuple[int, int] = SIZE,
    keyframe_every: int = 1,
    muxer: str = "mp4",
    codec: str = "libx264",
    prepare: Any = None,
) -> Path:
    """(time in milliseconds, picture) each; `prepare` may change the stream before encoding."""
    options = QUICK.get(codec, {})
    with av.open(str(path), "w", format=muxer) as out:
        stream = out.add_stream(codec, rate=25, options=options)
        stream.width, stream.height = size
        stream.pix_fmt, stream.gop_size = "yuv420p", keyframe_every
        stream.codec_context.time_base = MILLISECOND
        if prepare:
            prepare(stream)
        for at_ms, image in frames:
            frame = av.VideoFrame.from_image(image)
            frame.pts, frame.time_base = at_ms, MILLISECOND
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def deep_frame(levels: list[int], transfer: int) -> av.VideoFrame:
    """Grey bars of these luma levels (10 bits), side by side."""
    frame = av.VideoFrame(160, 90, "yuv420p10le")
    bar = 160 // len(levels)
    row = array.array("H", [level for level in levels for _ in range(bar)])
    row.extend([levels[-1]] * (frame.planes[0].line_size // 2 - len(row)))
    frame.planes[0].update(row.tobytes() * 90)
    for plane in frame.planes[1:]:
        plane.update(array.array("H", [512] * (plane.line_size // 2)).tobytes() * plane.height)
    frame.color_trc, frame.color_primaries, frame.colorspace = transfer, 9, 9
    frame.color_range = 1
    return frame


def write_deep(path: Path, levels: list[int], transfer: int) -> Path:
    quick = {"preset": "ultrafast", "x265-params": "log-level=none:qp=4"}
    with av.open(str(path), "w", options={"movflags": "+write_colr"}) as out:
        stream = out.add_stream("libx265", rate=25, options=quick)
        stream.width, stream.height, stream.pix_fmt = 160, 90, "yuv420p10le"
        encoder = stream.codec_context
        encoder.color_primaries, encoder.color_trc, encoder.colorspace = 9, transfer, 9
        for number in range(3):
            frame = deep_frame(levels, transfer)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def bars(image: Image.Image, count: int) -> list[tuple[int, ...]]:
    pixels: Any = [image.getpixel((160 * (2 * n + 1) // (2 * count), 45)) for n in range(count)]
    return list(pixels)


def plain(level: int, size: tuple[int, int] = SIZE) -> Image.Image:
    return Image.new("RGB", size, (level,) * 3)


def level_at(image: Image.Image, place: tuple[int, int]) -> int:
    level = image.convert("L").getpixel(place)
    assert isinstance(level, int)
    return level
