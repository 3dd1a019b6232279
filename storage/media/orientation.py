"""Orientation: how a player turns and mirrors a coded picture. Pure, but for `orientation_of`.

The display matrix of a track or frame says where each coded pixel is shown (ISO/IEC 14496-12
s. 6.2.2, FFmpeg's display.h). Of all matrices the nearest of the eight counts that keep whole
pixels. `frame.rotation` alone loses the mirrors.
"""

import struct
from dataclasses import dataclass
from typing import Any

from av.video.frame import VideoFrame


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
    """As the frame's own display matrix says, which is the track's where it has none."""
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    return UPRIGHT if matrix is None else parse_matrix(bytes(matrix))


def parse_matrix(matrix: bytes) -> Orientation:
    """The nearest orientation; upright where there is none."""
    if len(matrix) != _MATRIX.size:
        return UPRIGHT
    # x' = ax + cy, y' = bx + dy
    a, b, _, c, d, *_ = _MATRIX.unpack(matrix)
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(False, a < 0, d < 0)
    return Orientation(True, c < 0, b < 0)
