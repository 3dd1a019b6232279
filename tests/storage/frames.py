"""Videos of plain frames that come when they are told to: what a picture shows tells its frame."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from PIL import Image

MILLISECOND = Fraction(1, 1000)
SIZE = (160, 90)


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
    """(time in milliseconds, picture) each; `prepare` may change the stream before it begins."""
    options = {"preset": "ultrafast", "crf": "10"} if codec == "libx264" else {"cpu-used": "8"}
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


def plain(level: int, size: tuple[int, int] = SIZE) -> Image.Image:
    return Image.new("RGB", size, (level,) * 3)


def level_at(image: Image.Image, place: tuple[int, int]) -> int:
    level = image.convert("L").getpixel(place)
    assert isinstance(level, int)
    return level
