"""Decoded pictures and sound as an encoder wants them, by FFmpeg's filters.

Pictures come out upright, with square pixels, 8-bit 4:2:0 and in the colours that screens show;
sound in one or two channels, without gaps. A source may change its size or layout on the way: the
filters are then built anew, and what comes out stays as it was. For sandboxed children only.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from typing import Any

from av.audio.frame import AudioFrame
from av.filter import Graph
from av.filter.context import FilterContext
from av.video.frame import VideoFrame

from storage.geometry import clockwise_rotation, display_size, fitted

# H.264 level 5.1, the highest that hardware decoders commonly have, ends here.
_LONGEST_SIDE_PX = 3840

# ITU-T H.273: matrix and primaries, transfer characteristics.
_RGB = 0
_PQ, _HLG = 16, 18
# Nobody hears less as a gap between lips and voice; recorders' clocks jitter by some milliseconds.
_MOST_ADRIFT_S = 0.03

_UPRIGHT: dict[int, list[tuple[str, str | None]]] = {
    0: [],
    90: [("transpose", "clock")],
    180: [("hflip", None), ("vflip", None)],
    270: [("transpose", "cclock")],
}
_TO_BT709 = "out_color_matrix=bt709:out_range=tv"
_TONE_MAPPED = f"{_TO_BT709}:out_primaries=bt709:out_transfer=bt709:intent=perceptual"

_Chain = Sequence[tuple[str, str | None]]


class PictureFilter:
    """`width` and `height` of what comes out are those of the first picture, as shown."""

    def __init__(self, first: VideoFrame, sample_ratio: Fraction | None, threads: int) -> None:
        self._rotation, self._threads = clockwise_rotation(first.rotation), threads
        shown = display_size(first.width, first.height, sample_ratio, self._rotation)
        self.width, self.height = fitted(*shown, _LONGEST_SIDE_PX)
        self._source: tuple[Any, ...] = ()
        self._graph = Graph()

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        """Raises: av.FFmpegError."""
        look = (frame.width, frame.height, frame.format.name, frame.colorspace, frame.color_range)
        source = (*look, frame.color_trc)
        if source != self._source:
            self._graph, self._source = self._built(frame), source
        self._graph.push(frame)
        made = self._graph.pull()
        assert isinstance(made, VideoFrame)
        return made

    def _built(self, frame: VideoFrame) -> Graph:
        graph = Graph()
        graph.threads = self._threads
        source = graph.add(
            "buffer",
            video_size=f"{frame.width}x{frame.height}",
            pix_fmt=frame.format.name,
            time_base=str(frame.time_base),
            colorspace=str(frame.colorspace),
            range=str(frame.color_range),
        )
        coded = [
            ("scale", f"{self.width}:{self.height}:{_colours(frame)}"),
            ("format", "yuv420p"),
            ("buffersink", None),
        ]
        return _linked(graph, source, [*_UPRIGHT[self._rotation], *coded])


class SoundFilter:
    """Sound of one format, from the time 0 on, with silence where the source has none."""

    def __init__(self, sample_format: str, layout: str, rate: int) -> None:
        self._target = f"sample_fmts={sample_format}:channel_layouts={layout}:sample_rates={rate}"
        self._source: tuple[Any, ...] = ()
        self._graph: Graph | None = None

    def __call__(self, frame: AudioFrame) -> Iterator[AudioFrame]:
        """Raises: av.FFmpegError."""
        source = (frame.format.name, frame.layout.name, frame.sample_rate, frame.time_base)
        if source != self._source:
            yield from self.ended()
            self._graph, self._source = self._built(frame), source
        assert self._graph is not None
        self._graph.push(frame)
        yield from _pulled(self._graph)

    def ended(self) -> Iterator[AudioFrame]:
        """What was held back."""
        if self._graph is not None:
            self._graph.push(None)
            yield from _pulled(self._graph)
            self._graph = None

    def _built(self, frame: AudioFrame) -> Graph:
        graph = Graph()
        source = graph.add_abuffer(
            sample_rate=frame.sample_rate,
            format=frame.format.name,
            layout=frame.layout.name,
            time_base=frame.time_base,
        )
        steady = f"async=1:min_hard_comp={_MOST_ADRIFT_S}"
        if not self._source:
            steady += ":first_pts=0"
        return _linked(
            graph, source, [("aresample", steady), ("aformat", self._target), ("abuffersink", None)]
        )


def _colours(frame: VideoFrame) -> str:
    """What is to become of them: tags of plain video stay, and so do its values."""
    if frame.color_trc in (_PQ, _HLG):
        return _TONE_MAPPED
    return _TO_BT709 if frame.colorspace == _RGB else "out_range=tv"


def _linked(graph: Graph, source: FilterContext, chain: _Chain) -> Graph:
    graph.link_nodes(source, *(graph.add(name, options) for name, options in chain)).configure()
    return graph


def _pulled(graph: Graph) -> Iterator[AudioFrame]:
    with suppress(BlockingIOError, EOFError):
        while True:
            frame = graph.pull()
            assert isinstance(frame, AudioFrame)
            yield frame
