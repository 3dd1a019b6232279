"""The first and the last picture of a film, small and grey: enough to tell a picture from its
mirror or from the one a second before.

Runs in a sandboxed child. Each is drawn as a player shows it, so that those of an upload and of its
conversion are the same. Of a film whose last keyframe is far from its end the last is not decoded.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from storage.conversion.graphs import HDR_CURVES
from storage.formats import SourceFormat
from storage.media.demux import decode_packets, first_frame, open_media, video_stream
from storage.media.facts import END_SIDE_PX, EndPictures
from storage.pictures.stills import MAX_PIXELS, Stills

# Of transport streams FFmpeg finds a time, but no keyframe.
_SEEK_BACK_S = (0, 3, 15)
# 500 pictures of 1080p, some seconds of work; 10 s between keyframes are common, 20 s are not.
_MOST_DECODED_PIXELS = 1 << 30


def draw_ends(path: Path, source: SourceFormat) -> EndPictures:
    """Raises: NoVideo, TooComplex, Undecodable, FileMissing."""
    with open_media(path, source) as media:
        stream = video_stream(media)
        stills = Stills(stream)
        first = first_frame(media, stream, MAX_PIXELS)
        last = _last_frame(media, stream)
        return EndPictures(
            stills.render_square(first, END_SIDE_PX).tobytes(),
            b"" if last is None else stills.render_square(last, END_SIDE_PX).tobytes(),
            is_hdr=first.color_trc in HDR_CURVES,
        )


def _last_frame(media: InputContainer, stream: VideoStream) -> VideoFrame | None:
    """None where finding it takes too long."""
    end_s = ((media.start_time or 0) + (media.duration or 0)) / av.time_base
    for back_s in _SEEK_BACK_S:
        with suppress(av.FFmpegError):
            media.seek(round((end_s - back_s) / (stream.time_base or 1)), stream=stream)
            packets = _Packets(media, stream)
            frames = deque(decode_packets(stream, packets, MAX_PIXELS), maxlen=1)
            if frames:
                return None if packets.are_too_many else frames[0]
    return None


class _Packets:
    """From the next keyframe to the end."""

    def __init__(self, media: InputContainer, stream: VideoStream) -> None:
        self._media, self._stream = media, stream
        decoder = stream.codec_context
        self._left = _MOST_DECODED_PIXELS // max(1, decoder.width * decoder.height)
        self.are_too_many = False

    def __iter__(self) -> "Iterator[Packet[Any]]":
        is_begun = False
        for packet in self._media.demux(self._stream):
            is_begun = is_begun or packet.is_keyframe
            if is_begun or not packet.size:
                self._left -= 1
                self.are_too_many = self._left < 0
                if self.are_too_many:
                    return
                yield packet
