"""The picture beside sound alone: its cover, or a plain poster. For sandboxed children only."""

from contextlib import suppress
from fractions import Fraction
from typing import Any

from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from PIL import Image, ImageDraw

from storage.conversion.filters import PictureFilter
from storage.errors import TooComplex, Undecodable
from storage.media.decoders import is_decodable
from storage.media.demux import first_frame

POSTER_UNIT = Fraction(1, 1000)
PLAIN_SIZE = (1280, 720)
_LONGEST_SIDE_PX, _LEAST_SIDE_PX = 1280, 64
_PLAIN_COLOUR, _BAR_COLOUR = (24, 28, 36), (96, 112, 140)
# Heights of the bars, in parts of the picture: sound as everyone draws it.
_BARS = (0.06, 0.14, 0.24, 0.12, 0.32, 0.2, 0.4, 0.26, 0.16, 0.3, 0.1, 0.18, 0.06)


def make_poster(media: InputContainer, max_pixels: int) -> VideoFrame:
    """A picture as an encoder wants it: 8-bit 4:2:0, with even sides."""
    picture = _cover(media, max_pixels) or _frame(draw_plain())
    picture.pts, picture.time_base = 0, POSTER_UNIT
    (poster,) = PictureFilter(picture, None, threads=1, longest_side_px=_LONGEST_SIDE_PX)(picture)
    return poster


def draw_plain() -> Image.Image:
    width, height = PLAIN_SIZE
    image = Image.new("RGB", PLAIN_SIZE, _PLAIN_COLOUR)
    draw = ImageDraw.Draw(image)
    step = width // (2 * len(_BARS))
    left = (width - step * (2 * len(_BARS) - 1)) // 2
    for place, part in enumerate(_BARS):
        x, half = left + 2 * step * place, round(height * part / 2)
        draw.rectangle((x, height // 2 - half, x + step, height // 2 + half), fill=_BAR_COLOUR)
    return image


def _frame(image: Any) -> VideoFrame:
    # Any: PyAV's own stub leaves from_image without types.
    frame: VideoFrame = VideoFrame.from_image(image)  # type: ignore[no-untyped-call]
    return frame


def _cover(media: InputContainer, max_pixels: int) -> VideoFrame | None:
    """A cover that cannot be read, or seen, is none."""
    for stream in media.streams.video:
        if stream.disposition & Disposition.attached_pic and is_decodable(stream):
            with suppress(Undecodable, TooComplex):
                cover = first_frame(media, stream, max_pixels)
                return cover if min(cover.width, cover.height) >= _LEAST_SIDE_PX else None
    return None
