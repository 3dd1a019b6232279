"""A real MP4 of a given size, made quickly: noise, which no codec makes small."""

import os
from fractions import Fraction
from pathlib import Path

import av
from av.video.frame import VideoFrame

SIZE_BYTES = 50_000_000
WIDTH, HEIGHT = 320, 180


def ensure_mp4(path: Path, size_bytes: int = SIZE_BYTES) -> Path:
    """Makes the file unless it is there from the last time."""
    if not path.exists():
        unfinished = path.with_suffix(".part")
        _write(unfinished, size_bytes)
        unfinished.rename(path)
    return path


def _write(path: Path, size_bytes: int) -> None:
    """Frames of H.264, as many as it takes."""
    written, number = 0, 0
    with av.open(str(path), "w", format="mp4") as out:
        options = {"preset": "ultrafast", "qp": "4"}
        video = out.add_stream("libx264", rate=25, options=options)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.gop_size = 1  # keyframes alone: thumbnails cost the service next to nothing
        while written < size_bytes:
            for packet in video.encode(_noise(number)):
                written += packet.size
                out.mux(packet)
            number += 1
        for packet in video.encode(None):
            out.mux(packet)


def _noise(number: int) -> VideoFrame:
    frame = VideoFrame(WIDTH, HEIGHT, "yuv420p")
    for plane in frame.planes:
        plane.update(os.urandom(plane.buffer_size))
    frame.pts, frame.time_base = number, Fraction(1, 25)
    return frame
