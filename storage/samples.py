"""Demonstration videos: a lecture slide with a running clock, encoded on demand.

Every frame shows its number twice: as a clock for people, and for tests as a row of black and white
cells along the bottom edge (most significant bit first), which survives scaling and any codec.
Nothing here touches a user's file, so it may run outside of the sandbox. Blocks for seconds.
"""

import heapq
import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TypeAlias

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image, ImageDraw, ImageFont

FRAME_RATE = 25
CELLS = 16
"""Bits of the frame number: enough for 43 minutes."""
CELL_HEIGHT_RATIO = 1 / 12
"""Of the picture's height."""

# A string, since PyAV's packets are generic for the type checker only.
_AnyPacket: TypeAlias = "Packet[VideoStream] | Packet[AudioStream]"

_SAMPLE_RATE = 48_000
_AMPLITUDE = 0.12 * 32767
_FADE_SAMPLES = 960
# A pentatonic scale on A3: any succession of its notes is pleasant.
_TONES_HZ = (220.0, 246.94, 277.18, 329.63, 369.99)
_CLOCK_TEXT = "0123456789:."
_GOP_FRAMES = 2 * FRAME_RATE


@dataclass(frozen=True, slots=True)
class Slide:
    """Text and colours of the slide."""

    course: str = "Introduction to Astronomy"
    title: str = "Lecture 3: Light and Spectra"
    points: tuple[str, ...] = (
        "Light is all we have from the stars",
        "Each element leaves its own lines",
        "Shifted lines tell of motion",
    )
    accent: tuple[int, int, int] = (217, 119, 54)
    ground: tuple[int, int, int] = (250, 247, 240)
    ink: tuple[int, int, int] = (38, 50, 72)


def write_clock_mp4(
    path: Path,
    duration_s: float = 30,
    size: tuple[int, int] = (854, 480),
    slide: Slide | None = None,
) -> None:
    """H.264 and AAC, with the index at the end as cameras and screen recorders leave it."""
    with av.open(str(path), "w", format="mp4") as out:
        video = out.add_stream(
            "libx264", rate=FRAME_RATE, options={"preset": "ultrafast", "crf": "26"}
        )
        sound = out.add_stream("aac", rate=_SAMPLE_RATE)
        _write(out, video, sound, duration_s, size, slide or Slide())


def write_clock_webm(
    path: Path,
    duration_s: float = 30,
    size: tuple[int, int] = (854, 480),
    slide: Slide | None = None,
) -> None:
    """VP9 and Opus."""
    quick = {"deadline": "realtime", "cpu-used": "8", "crf": "34", "b": "0"}
    with av.open(str(path), "w", format="webm") as out:
        video = out.add_stream("libvpx-vp9", rate=FRAME_RATE, options=quick)
        sound = out.add_stream("libopus", rate=_SAMPLE_RATE)
        _write(out, video, sound, duration_s, size, slide or Slide())


def read_frame_number(image: Image.Image) -> int:
    """Decode the frame number from the cells along the bottom edge, at any picture size."""
    grey = image.convert("L")
    row = round(grey.height * (1 - CELL_HEIGHT_RATIO / 2))
    number = 0
    for cell in range(CELLS):
        column = int(grey.width * (cell + 0.5) / CELLS)
        luma = grey.getpixel((column, min(row, grey.height - 1)))
        assert isinstance(luma, int)
        number = number << 1 | (luma > 127)
    return number


# Picture


class ClockPainter:
    """Draws the frames: the slide once, then per frame only the changes."""

    def __init__(self, size: tuple[int, int], slide: Slide, frames: int) -> None:
        self._slide = slide
        self._frames = frames
        self._image = Image.new("RGB", size, slide.ground)
        self._width, self._height = size
        self._digits = self._draw_digits()
        self._draw_slide()

    def frame(self, number: int) -> Image.Image:
        """The picture of frame `number`; valid until the next call."""
        self._draw_clock(number)
        self._draw_progress(number)
        self._draw_cells(number)
        return self._image

    def _font(self, ratio: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        return ImageFont.load_default(max(8, self._height * ratio))

    def _draw_slide(self) -> None:
        draw, slide = ImageDraw.Draw(self._image), self._slide
        left, header = self._width * 0.06, self._height * 0.15
        draw.rectangle((0, 0, self._width, header), slide.ink)
        draw.rectangle((0, header, self._width, header + self._height * 0.012), slide.accent)
        draw.text((left, header / 2), slide.course, slide.ground, self._font(0.07), "lm")
        draw.text((left, self._height * 0.26), slide.title, slide.ink, self._font(0.06), "lm")
        for place, point in enumerate(slide.points):
            self._draw_point(draw, left, self._height * (0.36 + 0.075 * place), point)

    def _draw_point(self, draw: ImageDraw.ImageDraw, left: float, y: float, point: str) -> None:
        radius = self._height * 0.01
        draw.ellipse((left, y - radius, left + 2 * radius, y + radius), self._slide.accent)
        draw.text((left + 5 * radius, y), point, self._slide.ink, self._font(0.042), "lm")

    def _draw_digits(self) -> dict[str, Image.Image]:
        """Draw digits of equal width, so that the running clock does not jitter."""
        font = self._font(0.2)
        width = max(math.ceil(font.getlength(digit)) for digit in "0123456789")
        height = round(self._height * 0.2)
        digits = {}
        for sign in _CLOCK_TEXT:
            cell = width if sign.isdigit() else width // 2
            digits[sign] = Image.new("RGB", (cell, height), self._slide.ground)
            place = (cell / 2, height / 2)
            ImageDraw.Draw(digits[sign]).text(place, sign, self._slide.accent, font, "mm")
        return digits

    def _draw_clock(self, number: int) -> None:
        tenths = number * 10 // FRAME_RATE
        text = f"{tenths // 600:02}:{tenths // 10 % 60:02}.{tenths % 10}"
        x = (self._width - sum(self._digits[sign].width for sign in text)) // 2
        for sign in text:
            self._image.paste(self._digits[sign], (x, round(self._height * 0.58)))
            x += self._digits[sign].width

    def _draw_progress(self, number: int) -> None:
        draw, slide = ImageDraw.Draw(self._image), self._slide
        left, right = self._width * 0.06, self._width * 0.94
        top, bottom = self._height * 0.83, self._height * 0.85
        draw.rectangle((left, top, right, bottom), _mix(slide.ink, slide.ground, 0.85))
        reached = left + (right - left) * (number + 1) / self._frames
        draw.rectangle((left, top, reached, bottom), slide.accent)

    def _draw_cells(self, number: int) -> None:
        draw = ImageDraw.Draw(self._image)
        top = round(self._height * (1 - CELL_HEIGHT_RATIO))
        for cell in range(CELLS):
            left, right = self._width * cell // CELLS, self._width * (cell + 1) // CELLS
            bit = number >> (CELLS - 1 - cell) & 1
            draw.rectangle((left, top, right - 1, self._height), (255 * bit,) * 3)


def _mix(
    one: tuple[int, int, int], other: tuple[int, int, int], share: float
) -> tuple[int, int, int]:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


# Sound


def _second_of_tone(second: int) -> bytes:
    """One second of 16-bit samples, faded at both ends to avoid clicks."""
    step = 2 * math.pi * _TONES_HZ[second * 3 % len(_TONES_HZ)] / _SAMPLE_RATE
    return array(
        "h",
        (
            round(_AMPLITUDE * _fade_gain(n) * (math.sin(step * n) + 0.3 * math.sin(2 * step * n)))
            for n in range(_SAMPLE_RATE)
        ),
    ).tobytes()


def _fade_gain(sample: int) -> float:
    return min(1.0, sample / _FADE_SAMPLES, (_SAMPLE_RATE - sample) / _FADE_SAMPLES)


def _sound_frames(duration_s: float) -> Iterator[AudioFrame]:
    """20 ms each."""
    length = _SAMPLE_RATE // 50
    tones = [_second_of_tone(second) for second in range(len(_TONES_HZ))]
    for number in range(round(duration_s * 50)):
        frame = AudioFrame("s16", "mono", length)
        start = number % 50 * length * 2
        frame.planes[0].update(tones[number // 50 % len(tones)][start : start + length * 2])
        frame.sample_rate, frame.pts = _SAMPLE_RATE, number * length
        frame.time_base = Fraction(1, _SAMPLE_RATE)
        yield frame


# File


def _write(
    out: OutputContainer,
    video: VideoStream,
    sound: AudioStream,
    duration_s: float,
    size: tuple[int, int],
    slide: Slide,
) -> None:
    video.width, video.height = size
    video.pix_fmt, video.gop_size = "yuv420p", _GOP_FRAMES
    sound.layout = "mono"
    # Interleaved by time: a muxer given one stream first would have to buffer all of it.
    packets = heapq.merge(
        _encode_pictures(video, slide, round(duration_s * FRAME_RATE)),
        _encode_sound(sound, duration_s),
        key=_decoding_time,
    )
    for packet in packets:
        out.mux(packet)


def _encode_pictures(video: VideoStream, slide: Slide, frames: int) -> Iterator["_AnyPacket"]:
    painter = ClockPainter((video.width, video.height), slide, frames)
    for number in range(frames):
        frame: VideoFrame = VideoFrame.from_image(painter.frame(number))  # type: ignore[no-untyped-call]
        frame.pts, frame.time_base = number, Fraction(1, FRAME_RATE)
        yield from video.encode(frame)
    yield from video.encode(None)


def _encode_sound(sound: AudioStream, duration_s: float) -> Iterator["_AnyPacket"]:
    resampler = AudioResampler(sound.codec_context.format, sound.layout, _SAMPLE_RATE)
    for frame in chain[AudioFrame | None](_sound_frames(duration_s), [None]):
        for fitting in resampler.resample(frame):
            yield from sound.encode(fitting)
    yield from sound.encode(None)


def _decoding_time(packet: "_AnyPacket") -> Fraction:
    return (packet.dts or 0) * (packet.time_base or Fraction(0))
