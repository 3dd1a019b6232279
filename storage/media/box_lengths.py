"""Completeness of an MP4 or QuickTime file: its top-level boxes, and their order.

Reads box headers only (ISO/IEC 14496-12 s. 4.2). Bytes behind the last box that are none, or a box
there that nothing needs, are no reason to miss anything: every player passes over them. For
sandboxed children; blocks.
"""

import os
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from storage.errors import TooComplex, Truncated

# A day in fragments of half a second, with their moof, mdat and styp.
_MAX_BOXES = 600_000
_NEEDED = frozenset({b"moov", b"mdat"})
# Cut short, these are missed wherever they stand.
_NEEDED_WHOLE = frozenset({b"moov", b"moof", b"mdat"})
# QuickTime files of before 2001 have no ftyp (Apple's "QuickTime File Format", "The file type").
QUICKTIME_STARTS = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
STARTS = QUICKTIME_STARTS | {b"ftyp"}


class _Box(NamedTuple):
    kind: bytes
    stop: int


def check_boxes(file: BinaryIO, size: int) -> None:
    """Raises: Truncated, TooComplex."""
    kinds: set[bytes] = set()
    for box in _boxes(file, size):
        if box.stop <= size:
            kinds.add(box.kind)
        elif box.kind in _NEEDED_WHOLE or not kinds >= _NEEDED:
            raise Truncated(f"box {box.kind!r} ends at {box.stop} of {size} bytes")
    if not kinds >= _NEEDED:
        raise Truncated("no moov box or no mdat box")


def moov_is_last(file: BinaryIO) -> bool:
    """True if a player would have to fetch the end of the file before it can start.

    Raises: TooComplex.
    """
    for kind in _kinds(file):
        if kind in _NEEDED:
            return kind == b"mdat"
    return False


def is_fragmented(file: BinaryIO) -> bool:
    """True if the MP4 comes in fragments, so that its header does not know its length.

    Raises: TooComplex.
    """
    return any(kind == b"moof" for kind in _kinds(file))


def _kinds(file: BinaryIO) -> Iterator[bytes]:
    """Of all boxes; none of a file that does not consist of boxes."""
    size = file.seek(0, os.SEEK_END)
    for place, box in enumerate(_boxes(file, size)):
        if place == 0 and box.kind not in STARTS:
            return
        yield box.kind


def _boxes(file: BinaryIO, size: int) -> Iterator[_Box]:
    """Top-level boxes, as far as there are any; the last one may stop behind the end."""
    position = 0
    for _ in range(_MAX_BOXES):
        box = _read_box(file, position, size)
        if box is None:
            return
        yield box
        position = box.stop
    raise TooComplex(f"more than {_MAX_BOXES} boxes")


def _read_box(file: BinaryIO, position: int, size: int) -> _Box | None:
    """None where no box begins."""
    if position >= size:
        return None
    file.seek(position)
    header = file.read(16)
    length, kind, least = int.from_bytes(header[:4], "big"), header[4:8], 8
    if length == 0:
        # ISO/IEC 14496-12 s. 4.2: the box extends to the end of the file.
        return _Box(kind, size) if len(header) >= least else None
    if length == 1:
        length, least = int.from_bytes(header[8:], "big"), 16
    if length < least or len(header) < least:
        return None
    return _Box(kind, position + length)
