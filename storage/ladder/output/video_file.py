"""Files of fragments with pictures, to be assembled.

Each fragment begins with a keyframe, and at its own time: composition offsets may be negative, and
there is no edit list. The assembler makes of that what all players show exactly. For sandboxed
children only.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from storage.conversion.graphs import PictureGraph
from storage.ladder.facts import Colours, VideoRung
from storage.remux.copied_track import AnyPacket

# B-frames that others refer to save nothing here, and delay decoding by one picture more.
_X264 = "keyint=infinite:scenecut=0:open-gop=0:b-pyramid=none"
# A preset of SVT-AV1 as quick as x264's, and what looks alike at it.
_AV1_PRESET, _AV1_CRF = 9, 40
_BUFFER_S = 2
_LIMITED_RANGE = 1  # as the filter makes it


@contextmanager
def open_fragments(path: Path, timescale: int) -> Iterator[OutputContainer]:
    """A file that begins a fragment at each keyframe."""
    options = {
        "movflags": "+cmaf+frag_keyframe+skip_trailer",
        "video_track_timescale": str(timescale),
    }
    with av.open(f"file:{path}", "w", format="mp4", options=options) as out:
        yield out


class CodedRung:
    """A rung of a piece, encoded picture by picture; `start` is its first place."""

    def __init__(
        self, out: OutputContainer, rung: VideoRung, rate: Fraction, start: int, colours: Colours
    ) -> None:
        self._out, self._rung, self._start = out, rung, start
        self._unit = rung.every / rate
        self._graph = PictureGraph(threads=1)
        self._scaled: tuple[VideoFrame, VideoFrame] | None = None
        self._stream = _open_stream(out, rung, 1 / self._unit, colours)
        self.count = 0

    def shows(self, place: int) -> bool:
        """True unless it leaves out the pictures at such a place."""
        return place % self._rung.every == 0

    def encode(self, place: int, picture: VideoFrame, *, is_key: bool) -> VideoFrame:
        """Encode a picture of its size or a larger one; returns it in the rung's size."""
        frame = self._scale(picture)
        frame.pts, frame.time_base = (place - self._start) // self._rung.every, self._unit
        frame.pict_type = PictureType.I if is_key else PictureType.NONE
        self._mux(self._stream.encode(frame))
        self.count += 1
        return frame

    def finish(self) -> None:
        self._mux(self._stream.encode(None))

    def _mux(self, packets: list[AnyPacket]) -> None:
        for packet in packets:
            # Or the last picture would have none.
            packet.duration = max(1, round(self._unit / Fraction(packet.time_base or self._unit)))
            self._out.mux(packet)

    def _scale(self, picture: VideoFrame) -> VideoFrame:
        if (picture.width, picture.height) == (self._rung.width, self._rung.height):
            return picture
        if self._scaled is None or self._scaled[0] is not picture:
            size = f"{self._rung.width}:{self._rung.height}"
            self._scaled = picture, self._graph.apply(picture, [("scale", size)])
        return self._scaled[1]


def _open_stream(
    out: OutputContainer, rung: VideoRung, rate: Fraction, colours: Colours
) -> VideoStream:
    encoder, options = _encoder(rung)
    stream = out.add_stream(encoder, rate=rate, options=options)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = rung.width, rung.height, "yuv420p"
    coder = stream.codec_context
    coder.time_base = 1 / rate
    coder.color_range, coder.colorspace = _LIMITED_RANGE, colours.matrix
    coder.color_trc, coder.color_primaries = colours.transfer, colours.primaries
    return stream


def _encoder(rung: VideoRung) -> tuple[str, dict[str, str]]:
    cap = rung.max_bitrate
    if rung.codec == "av1":
        parameters = f"lp=1:scd=0:keyint=-1:mbr={cap // 1000}"
        return "libsvtav1", {
            "preset": str(_AV1_PRESET),
            "crf": str(_AV1_CRF),
            "svtav1-params": parameters,
        }
    return "libx264", {
        "preset": "veryfast",
        "profile": "high",
        "crf": "23",
        "maxrate": str(cap),
        "bufsize": str(_BUFFER_S * cap),
        "threads": "1",
        "x264-params": _X264,
    }
