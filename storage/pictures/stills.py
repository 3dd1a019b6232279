"""Still images of decoded frames, with rotation, aspect ratio and brightness as in a player.

Runs in a sandboxed child, in one thread. HDR (PQ and HLG, ITU-R BT.2100) is tone-mapped by FFmpeg's
scaler, which has the curves and, where the file carries them, the limits of the mastering display.
"""

from typing import Any

from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream
from PIL import Image

from storage.conversion.graphs import HDR_CURVES, OPAQUE, PictureGraph, has_alpha
from storage.media.geometry import display_size
from storage.media.orientation import Orientation, orientation_of
from storage.media.probe import sample_ratio

# The probe has applied the configured limit; this one enforces the memory limit.
MAX_PIXELS = 1 << 27
# Four times as high as wide: more is an error in the file, and JPEG ends at 65,535.
_MAX_HEIGHT_RATIO = 4
_TO_SRGB = "flags=area:out_transfer=iec61966-2-1:out_primaries=bt709:intent=perceptual"


class Stills:
    """Makes images of one stream's frames; caches the converters."""

    def __init__(self, stream: VideoStream) -> None:
        self._sample_ratio = sample_ratio(stream)
        self._scaler = VideoReformatter()
        self._tone_mapping = PictureGraph(threads=1)
        self._over_black = PictureGraph(threads=1)

    def render(self, frame: VideoFrame, width_px: int) -> Image.Image:
        """The frame as a player shows it, `width_px` wide."""
        orientation = orientation_of(frame)
        shown_size = display_size(
            frame.width, frame.height, self._sample_ratio, orientation.rotation
        )
        height_px = fitting_height(width_px, *shown_size)
        coded = (height_px, width_px) if orientation.is_transposed else (width_px, height_px)
        return _oriented(_image(self._scale(frame, *coded)), orientation)

    def render_grey(self, frame: VideoFrame, width_px: int) -> Image.Image:
        """The frame as coded, small and grey: for judging its structure."""
        height_px = max(1, min(width_px * frame.height // frame.width, 4 * width_px))
        return _image(self._reformat(frame, width_px, height_px)).convert("L")

    def render_square(self, frame: VideoFrame, side_px: int) -> Image.Image:
        """The frame upright, squeezed into a small grey square, for comparing; HDR not mapped."""
        drawn_px = 4 * side_px  # for exact means of areas
        shown = self._first_field(self._opaque(frame))
        image = _image(self._reformat(shown, drawn_px, drawn_px)).convert("L")
        square = image.resize((side_px, side_px), Image.Resampling.BOX)
        return _oriented(square, orientation_of(frame))

    def _scale(self, frame: VideoFrame, width_px: int, height_px: int) -> VideoFrame:
        if frame.color_trc not in HDR_CURVES:
            return self._reformat(self._opaque(frame), width_px, height_px)
        scale = f"{width_px}:{height_px}:{_TO_SRGB}"
        return self._tone_mapping.apply(frame, [("scale", scale), ("format", "rgb24")])

    def _opaque(self, frame: VideoFrame) -> VideoFrame:
        return self._over_black.apply(frame, OPAQUE) if has_alpha(frame) else frame

    def _first_field(self, frame: VideoFrame) -> VideoFrame:
        """The field whose time is that of the frame; deinterlacing keeps it."""
        if not frame.interlaced_frame:
            return frame
        fields = PictureGraph(threads=1)  # holds the second one back
        return next(fields.push(frame, [("separatefields", None)]))

    def _reformat(self, frame: VideoFrame, width_px: int, height_px: int) -> VideoFrame:
        area = Interpolation.AREA
        return self._scaler.reformat(
            frame, width_px, height_px, "rgb24", interpolation=area, threads=1
        )


def fitting_height(width_px: int, shown_width: int, shown_height: int) -> int:
    """The height that keeps the proportions, within bounds."""
    height_px = round(width_px * shown_height / shown_width)
    return max(1, min(height_px, width_px * _MAX_HEIGHT_RATIO))


def _oriented(image: Image.Image, orientation: Orientation) -> Image.Image:
    if orientation.is_transposed:
        image = image.transpose(Image.Transpose.TRANSPOSE)
    if orientation.is_flipped_horizontally:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if orientation.is_flipped_vertically:
        image = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    return image


def _image(frame: Any) -> Image.Image:
    # Any: PyAV's stub leaves to_image untyped.
    image = frame.to_image()
    assert isinstance(image, Image.Image)
    return image
