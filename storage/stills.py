"""Decoded frames as pictures: rotation, sample aspect ratio and brightness as a player shows them.

Runs in a sandboxed child, in one thread. HDR (PQ and HLG, ITU-R BT.2100) is tone-mapped by FFmpeg's
scaler, which knows the curves and, where the file tells them, the limits of the mastering display.
"""

from typing import Any

from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.reformatter import ColorTrc, Interpolation, VideoReformatter
from av.video.stream import VideoStream
from PIL import Image

from storage.geometry import clockwise_rotation, display_size

# Four times as high as wide: more is a fault of the file, and JPEG ends at 65,535.
_MAX_HEIGHT_RATIO = 4
_TRANSPOSED = {
    90: Image.Transpose.ROTATE_270,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_90,
}
_HDR_CURVES = (ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67)
_TO_SRGB = "flags=area:out_transfer=iec61966-2-1:out_primaries=bt709:intent=perceptual"


class Stills:
    """Makes pictures of one stream's frames; keeps what takes time to prepare."""

    def __init__(self, stream: VideoStream) -> None:
        decoder = stream.codec_context
        self._sample_ratio = stream.sample_aspect_ratio or decoder.sample_aspect_ratio
        self._scaler = VideoReformatter()
        self._tone_mapping: _ToneMapping | None = None

    def shown(self, frame: VideoFrame, width_px: int) -> Image.Image:
        """The frame as a player shows it, `width_px` wide."""
        rotation = clockwise_rotation(frame.rotation)
        shown_size = display_size(frame.width, frame.height, self._sample_ratio, rotation)
        height_px = fitting_height(width_px, *shown_size)
        coded = (height_px, width_px) if rotation in (90, 270) else (width_px, height_px)
        image = _image(self._scaled(frame, *coded))
        return image.transpose(_TRANSPOSED[rotation]) if rotation else image

    def judged(self, frame: VideoFrame, width_px: int) -> Image.Image:
        """The frame as it is coded, small and grey: to look at its structure alone."""
        height_px = max(1, min(width_px * frame.height // frame.width, 4 * width_px))
        return _image(self._reformatted(frame, width_px, height_px)).convert("L")

    def _scaled(self, frame: VideoFrame, width_px: int, height_px: int) -> VideoFrame:
        if frame.color_trc not in _HDR_CURVES:
            return self._reformatted(frame, width_px, height_px)
        known = self._tone_mapping
        if known is None or not known.fits(frame, width_px, height_px):
            known = self._tone_mapping = _ToneMapping(frame, width_px, height_px)
        return known.applied(frame)

    def _reformatted(self, frame: VideoFrame, width_px: int, height_px: int) -> VideoFrame:
        area = Interpolation.AREA
        return self._scaler.reformat(
            frame, width_px, height_px, "rgb24", interpolation=area, threads=1
        )


class _ToneMapping:
    """A filter for frames of one kind; preparing it takes seconds, its frames milliseconds."""

    def __init__(self, frame: VideoFrame, width_px: int, height_px: int) -> None:
        self._kind = _kind(frame, width_px, height_px)
        self._graph = Graph()
        self._graph.threads = 1
        source = (
            f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/1"
            f":colorspace={int(frame.colorspace)}:range={int(frame.color_range)}"
        )
        self._graph.link_nodes(
            self._graph.add("buffer", source),
            self._graph.add("scale", f"{width_px}:{height_px}:{_TO_SRGB}"),
            self._graph.add("format", "rgb24"),
            self._graph.add("buffersink"),
        ).configure()

    def fits(self, frame: VideoFrame, width_px: int, height_px: int) -> bool:
        return self._kind == _kind(frame, width_px, height_px)

    def applied(self, frame: VideoFrame) -> VideoFrame:
        self._graph.push(frame)
        mapped = self._graph.pull()
        assert isinstance(mapped, VideoFrame)
        return mapped


def fitting_height(width_px: int, shown_width: int, shown_height: int) -> int:
    """The height that keeps the proportions, within reason."""
    height_px = round(width_px * shown_height / shown_width)
    return max(1, min(height_px, width_px * _MAX_HEIGHT_RATIO))


def _kind(frame: VideoFrame, *size: int) -> tuple[Any, ...]:
    colours = (frame.colorspace, frame.color_range, frame.color_trc, frame.color_primaries)
    return (frame.width, frame.height, frame.format.name, *colours, *size)


def _image(frame: Any) -> Image.Image:
    # Any: PyAV's own stub leaves to_image without types.
    image = frame.to_image()
    assert isinstance(image, Image.Image)
    return image
