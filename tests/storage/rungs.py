"""Rungs of a small film, coded piece by piece; each picture shows its number in black and white."""

import math
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.packet import Packet
from av.video.frame import PictureType

RATE = 10
PICTURES = 100
SEGMENT = 20
"""Pictures."""
PIECES = (range(0, 40), range(40, 80), range(80, PICTURES))
_BITS = 8
_MOVFLAGS = {"movflags": "+cmaf+frag_keyframe+skip_trailer"}
_OPTIONS = {
    "libx264": {
        "preset": "veryfast",
        "crf": "23",
        "threads": "1",
        "x264-params": "keyint=infinite:scenecut=0:open-gop=0:bframes=3:b-adapt=0",
    },
    "libsvtav1": {"preset": "8", "crf": "20", "svtav1-params": "lp=1:scd=0:keyint=-1"},
}
_SAMPLE_RATE = 48_000
_BLACK, _WHITE = 28, 228


@dataclass(frozen=True)
class Rung:
    """One of pictures."""

    name: str
    size: tuple[int, int]
    codec: str = "libx264"
    options: dict[str, str] = field(default_factory=dict)

    def write_pieces(self, directory: Path) -> list[Path]:
        paths = [directory / f"{self.name}-{number}.mp4" for number in range(len(PIECES))]
        for path, numbers in zip(paths, PIECES, strict=True):
            self._write(path, numbers)
        return paths

    def _write(self, path: Path, numbers: Iterable[int]) -> None:
        options = _OPTIONS[self.codec] | self.options
        with av.open(str(path), "w", format="mp4", options=_MOVFLAGS) as out:
            stream = out.add_stream(self.codec, rate=RATE, options=options)
            (stream.width, stream.height), stream.pix_fmt = self.size, "yuv420p"
            for place, number in enumerate(numbers):
                frame = paint(number, self.size)
                frame.pts, frame.time_base = place, Fraction(1, RATE)
                is_keyframe = place % SEGMENT == 0
                frame.pict_type = PictureType.I if is_keyframe else PictureType.NONE
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))


def starts(timescale: int) -> list[int]:
    """Of the pieces, in ticks."""
    return [numbers[0] * timescale // RATE for numbers in PIECES]


def segment_starts(timescale: int) -> list[int]:
    return [number * timescale // RATE for number in range(0, PICTURES, SEGMENT)]


def paint(number: int, size: tuple[int, int]) -> av.VideoFrame:
    """Its bits are columns, the highest first."""
    width, height = size
    frame = av.VideoFrame(width, height, "yuv420p")
    bits = [number >> place & 1 for place in reversed(range(_BITS))]
    row = b"".join(bytes([_WHITE if bit else _BLACK]) * (width // _BITS) for bit in bits)
    luma, *chroma = frame.planes
    luma.update(row.ljust(luma.line_size, b"\0") * height)
    for plane in chroma:
        plane.update(bytes([128]) * plane.buffer_size)
    return frame


def number_of(luma: bytes, line_size: int, size: tuple[int, int]) -> int:
    """Read in the middle of each column."""
    width, height = size
    row = luma[line_size * (height // 2) :][:width]
    step = width // _BITS
    bits = [row[step * place + step // 2] > (_WHITE + _BLACK) // 2 for place in range(_BITS)]
    return sum(bit << (_BITS - 1 - place) for place, bit in enumerate(bits))


def write_sound(path: Path, tone_hz: int = 440, channels: int = 1) -> Path:
    """As long as the film; its priming packet is left out, so that no edit list is needed."""
    layout = "mono" if channels == 1 else "stereo"
    options = {"movflags": "+cmaf+skip_trailer", "frag_duration": "1985000"}
    with av.open(str(path), "w", format="mp4", options=options) as out:
        stream = out.add_stream("aac", rate=_SAMPLE_RATE, layout=layout, bit_rate=64_000)
        for packet in _code_sound(stream, tone_hz):
            if packet.pts is None or packet.pts >= 0:
                out.mux(packet)
    return path


def _code_sound(stream: AudioStream, tone_hz: int) -> Iterator[Packet]:
    wave = [0.3 * math.sin(2 * math.pi * tone_hz * n / _SAMPLE_RATE) for n in range(_SAMPLE_RATE)]
    samples = array("f", wave).tobytes()
    for start in range(0, PICTURES // RATE * _SAMPLE_RATE, _SAMPLE_RATE):
        frame = av.AudioFrame("fltp", stream.layout, _SAMPLE_RATE)
        for plane in frame.planes:
            plane.update(samples)
        frame.sample_rate, frame.time_base = _SAMPLE_RATE, Fraction(1, _SAMPLE_RATE)
        frame.pts = start
        yield from stream.encode(frame)
    yield from stream.encode(None)


def write_captions(path: Path) -> Path:
    path.write_text("WEBVTT\n\n00:00.000 --> 00:05.000\nFirst\n\n00:05.000 --> 00:10.000\nLast\n")
    return path
