"""FFmpeg's filter graphs: a source, a chain of filters, and what comes out. For children only."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from av.filter import Graph
from av.filter.context import FilterContext
from av.video.frame import VideoFrame
from av.video.reformatter import ColorTrc

# PQ and HLG, ITU-R BT.2100.
HDR_CURVES = (ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67)

# (filter, its options)
Chain = Sequence[tuple[str, str | None]]

# Over black, which is what players show behind a picture.
OPAQUE: Chain = [("format", "gbrap"), ("premultiply", "inplace=1")]


class PictureGraph:
    """Keeps its filters while frames and chain stay of one kind: preparing them may take seconds,
    each frame takes milliseconds.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._kind: tuple[object, ...] = ()
        self._graph: Graph | None = None

    def apply(self, frame: VideoFrame, chain: Chain) -> VideoFrame:
        """The frame that a chain makes which holds none back. Raises: av.FFmpegError."""
        (made,) = self.push(frame, chain)
        return made

    def push(self, frame: VideoFrame, chain: Chain) -> Iterator[VideoFrame]:
        """Yields the chain's output so far, of earlier frames, too. Raises: av.FFmpegError."""
        colours = (frame.colorspace, frame.color_range, frame.color_trc, frame.color_primaries)
        size = (frame.width, frame.height, frame.format.name, frame.time_base)
        kind = (*size, *colours, *chain)
        if kind != self._kind:
            yield from self.flush()
            self._graph, self._kind = self._build(frame, chain), kind
        assert self._graph is not None
        self._graph.push(frame)
        yield from _pull_all(self._graph)

    def flush(self) -> Iterator[VideoFrame]:
        """Yields the frames that were held back. Raises: av.FFmpegError."""
        if self._graph is not None:
            self._graph.push(None)
            yield from _pull_all(self._graph)
        self._graph, self._kind = None, ()

    def _build(self, frame: VideoFrame, chain: Chain) -> Graph:
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
        return link_filters(graph, source, [*chain, ("buffersink", None)])


def has_alpha(frame: VideoFrame) -> bool:
    # A palette may hold transparent colours.
    return frame.format.has_palette or any(one.is_alpha for one in frame.format.components)


def _pull_all(graph: Graph) -> Iterator[VideoFrame]:
    with suppress(BlockingIOError, EOFError):
        while True:
            frame = graph.pull()
            assert isinstance(frame, VideoFrame)
            yield frame


def link_filters(graph: Graph, source: FilterContext, chain: Chain) -> Graph:
    graph.link_nodes(source, *(graph.add(name, options) for name, options in chain)).configure()
    return graph
