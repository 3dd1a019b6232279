"""Films of which each picture tells its number (`storage.samples.read_frame_number`)."""

from fractions import Fraction
from pathlib import Path

import av

from storage.samples import ClockPainter, Slide

SIZE, RATE = (320, 180), 25


def write_clock(path: Path, codec: str, frames: int, muxer: str = "mp4") -> Path:
    """Writes a film without sound; its numbers can be read in any codec."""
    painter = ClockPainter(SIZE, Slide(), frames)
    options = {"preset": "ultrafast"} if codec.startswith("libx26") else {"b": "4M"}
    if codec == "libx265":
        options["x265-params"] = "log-level=none"
    with av.open(str(path), "w", format=muxer) as out:
        stream = out.add_stream(codec, rate=RATE, options=options)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for number in range(frames):
            frame = av.VideoFrame.from_image(painter.frame(number))
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path
