"""Orientation: how a player turns and mirrors a coded picture. Only `parse_matrix` is pure.

The display matrix of a track or frame says where each coded pixel is shown (ISO/IEC 14496-12
s. 6.2.2, FFmpeg's display.h). Of all matrices the nearest of the eight counts that keep whole
pixels. `frame.rotation` alone loses the mirrors.
"""

import struct
from dataclasses import dataclass
from typing import Any

from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from storage.bitstreams.h264 import prefix_bytes, without_messages
from storage.media.demux import decode_packet


@dataclass(frozen=True, slots=True)
class Orientation:
    """Columns and rows exchanged or not, and then left and right, top and bottom."""

    is_transposed: bool = False
    is_flipped_horizontally: bool = False
    is_flipped_vertically: bool = False

    @property
    def is_mirrored(self) -> bool:
        """True if no turn alone shows the picture so."""
        flips = self.is_flipped_horizontally + self.is_flipped_vertically
        return (self.is_transposed + flips) % 2 == 1

    @property
    def rotation(self) -> int:
        """Clockwise degrees; of a mirrored picture those before it is mirrored left to right."""
        is_flipped = self.is_flipped_horizontally != self.is_mirrored
        if self.is_transposed:
            return 90 if is_flipped else 270
        return 180 if is_flipped else 0


UPRIGHT = Orientation()
_MATRIX = struct.Struct("=9i")


def orientation_of(frame: VideoFrame) -> Orientation:
    """Orientation by the frame's own display matrix, which is the track's where it has none."""
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    return UPRIGHT if matrix is None else parse_matrix(bytes(matrix))


def is_turned_by_messages(
    stream: VideoStream, packets: "list[Packet[VideoStream]]", first: VideoFrame
) -> bool:
    """True if H.264 that begins with these is shown otherwise than its track says.

    Display orientation messages (ITU-T H.264 s. D.2.27) turn it then; browsers heed none.
    Leaves the decoder at its beginning.
    """
    shown = orientation_of(first)
    return shown != UPRIGHT and _without_messages(stream, packets) != shown


def _without_messages(
    stream: VideoStream, packets: "list[Packet[VideoStream]]"
) -> Orientation | None:
    """Orientation by the track alone; None if nothing can be decoded."""
    prefix = prefix_bytes(stream.codec_context.extradata or b"")
    bare = (Packet(without_messages(bytes(packet), prefix)) for packet in packets)
    stream.codec_context.flush_buffers()
    frames = (frame for packet in bare for frame in decode_packet(stream, packet))
    first = next(frames, None)
    stream.codec_context.flush_buffers()
    return None if first is None else orientation_of(first)


def parse_matrix(matrix: bytes) -> Orientation:
    """The nearest orientation; upright where there is none."""
    if len(matrix) != _MATRIX.size:
        return UPRIGHT
    # x' = ax + cy, y' = bx + dy
    a, b, _, c, d, *_ = _MATRIX.unpack(matrix)
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(False, a < 0, d < 0)
    return Orientation(True, c < 0, b < 0)
