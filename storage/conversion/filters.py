"""Decoded pictures and sound as an encoder wants them, by FFmpeg's filters.

Pictures come out upright, with square pixels, 8-bit 4:2:0 and in the colours that screens show;
sound in one or two channels, without gaps. A source may change its size or layout on the way: the
filters are then built anew, and what comes out stays as it was. For sandboxed children only.
"""

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from math import ceil
from typing import Any

from av.audio.frame import AudioFrame
from av.filter import Graph
from av.video.frame import VideoFrame

from storage.conversion.graphs import (
    HDR_CURVES,
    OPAQUE,
    Chain,
    PictureGraph,
    has_alpha,
    link_filters,
)
from storage.media.geometry import display_size, fit_size
from storage.media.orientation import Orientation, orientation_of

# H.264 level 5.1, the highest that hardware decoders commonly have, ends here.
_LONGEST_SIDE_PX = 3840

# Matrices, ITU-T H.273, and the filter's words for those that video has.
_RGB, _BT709 = 0, 1
_MATRICES = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020"}
# Nobody hears less as a gap between lips and voice; recorders' clocks jitter by some milliseconds.
_MOST_ADRIFT_S = 0.03

# By (left and right exchanged, top and bottom exchanged).
_FLIPS: dict[tuple[bool, bool], Chain] = {
    (False, False): [],
    (True, False): [("hflip", None)],
    (False, True): [("vflip", None)],
    (True, True): [("hflip", None), ("vflip", None)],
}
_TRANSPOSITIONS: dict[tuple[bool, bool], Chain] = {
    (False, False): [("transpose", "cclock_flip")],
    (True, False): [("transpose", "clock")],
    (False, True): [("transpose", "cclock")],
    (True, True): [("transpose", "clock_flip")],
}
# Fields become pictures at the rate of the file; what is no field passes untouched.
_DEINTERLACED: Chain = [("bwdif", "mode=send_frame:deint=interlaced")]
_TO_BT709 = "out_color_matrix=bt709:out_range=tv"
_TONE_MAPPED = f"{_TO_BT709}:out_primaries=bt709:out_transfer=bt709:intent=perceptual"


class PictureFilter:
    """`width`, `height` and `matrix` of what comes out are those of the first picture, as shown."""

    def __init__(
        self,
        first: VideoFrame,
        sample_ratio: Fraction | None,
        threads: int,
        longest_side_px: int = _LONGEST_SIDE_PX,
    ) -> None:
        orientation = orientation_of(first)
        shown = display_size(first.width, first.height, sample_ratio, orientation.rotation)
        self.width, self.height = fit_size(*shown, longest_side_px)
        self.matrix, _, _ = shown_colours(first)
        self._upright = _upright(orientation)
        self._graph = PictureGraph(threads)
        self._has_fields = False

    def __call__(self, frame: VideoFrame) -> Iterator[VideoFrame]:
        """Yields the frames that are ready, each at its own time. Raises: av.FFmpegError."""
        self._has_fields = self._has_fields or frame.interlaced_frame
        scale = f"{self.width}:{self.height}:{_colours(frame, self.matrix)}"
        chain = [
            *(_DEINTERLACED if self._has_fields else []),
            *self._upright,
            *(OPAQUE if has_alpha(frame) else []),
            ("scale", scale),
            ("format", "yuv420p"),
            ("settb", f"expr={frame.time_base}"),  # bwdif counts in halves
        ]
        return self._graph.push(frame, chain)

    def flush(self) -> Iterator[VideoFrame]:
        """Yields the frames that were held back."""
        return self._graph.flush()


class SoundFilter:
    """Sound of one format, from the time 0 on, with silence where the source has none."""

    def __init__(self, sample_format: str, layout: str, rate: int) -> None:
        self._target = f"sample_fmts={sample_format}:channel_layouts={layout}:sample_rates={rate}"
        self._source: tuple[Any, ...] = ()
        self._graph: Graph | None = None
        self._stop_s = Fraction(0)

    def __call__(self, frame: AudioFrame) -> Iterator[AudioFrame]:
        """Raises: av.FFmpegError."""
        source = (frame.format.name, frame.layout.name, frame.sample_rate, frame.time_base)
        if source != self._source:
            yield from self.flush()
            self._graph, self._source = self._build(frame), source
        assert self._graph is not None
        self._graph.push(frame)
        yield from self._pull_all(self._graph)

    def flush(self) -> Iterator[AudioFrame]:
        """Yields the frames that were held back."""
        if self._graph is not None:
            self._graph.push(None)
            yield from self._pull_all(self._graph)
            self._graph = None

    def _pull_all(self, graph: Graph) -> Iterator[AudioFrame]:
        for frame in _pull_all(graph):
            assert frame.pts is not None
            self._stop_s = Fraction(frame.pts + frame.samples, frame.sample_rate)
            yield frame

    def _build(self, frame: AudioFrame) -> Graph:
        graph = Graph()
        source = graph.add_abuffer(
            sample_rate=frame.sample_rate,
            format=frame.format.name,
            layout=frame.layout.name,
            time_base=frame.time_base,
        )
        # Joined sounds may overlap: what another format brings follows what came out.
        first_pts = ceil(self._stop_s * frame.sample_rate)
        steady = f"async=1:min_hard_comp={_MOST_ADRIFT_S}:first_pts={first_pts}"
        return link_filters(
            graph, source, [("aresample", steady), ("aformat", self._target), ("abuffersink", None)]
        )


def _upright(orientation: Orientation) -> Chain:
    flips = (orientation.is_flipped_horizontally, orientation.is_flipped_vertically)
    return (_TRANSPOSITIONS if orientation.is_transposed else _FLIPS)[flips]


def shown_colours(frame: VideoFrame) -> tuple[int, int, int]:
    """Matrix, transfer and primaries (ITU-T H.273) of what comes out for it, as first picture."""
    if frame.color_trc in HDR_CURVES:
        return _BT709, _BT709, _BT709
    is_rgb = frame.colorspace == _RGB or has_alpha(frame)
    matrix = _BT709 if is_rgb else int(frame.colorspace)
    return matrix, int(frame.color_trc), int(frame.color_primaries)


def _colours(frame: VideoFrame, matrix: int) -> str:
    """Conversion of the colours: tags of plain video stay, and so do its values, but for pictures
    of another matrix than the first one.
    """
    if frame.color_trc in HDR_CURVES:
        return _TONE_MAPPED
    found, _, _ = shown_colours(frame)
    if frame.colorspace != found:
        return _TO_BT709
    if matrix != found and matrix in _MATRICES and found in _MATRICES:
        return f"out_color_matrix={_MATRICES[matrix]}:out_range=tv"
    return "out_range=tv"


def _pull_all(graph: Graph) -> Iterator[AudioFrame]:
    with suppress(BlockingIOError, EOFError):
        while True:
            frame = graph.pull()
            assert isinstance(frame, AudioFrame)
            yield frame
