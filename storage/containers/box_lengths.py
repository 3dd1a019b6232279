"""Completeness of an MP4 or QuickTime file: its top-level boxes, and their order.

Reads box headers only (ISO/IEC 14496-12 s. 4.2). Bytes behind the last box that are none, or a box
there that nothing needs, are no reason to miss anything: every player passes over them. For
sandboxed children; blocks.
"""

import os
from collections.abc import Iterator
from typing import BinaryIO

from storage.errors import Truncated
from storage.mp4.boxes import Box, iterate_top_level, leading_kind

_NEEDED = frozenset({b"moov", b"mdat"})
# Cut short, these are missed wherever they stand.
_NEEDED_WHOLE = frozenset({b"moov", b"moof", b"mdat"})
# QuickTime files of before 2001 have no ftyp (Apple's "QuickTime File Format", "The file type").
QUICKTIME_STARTS = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
STARTS = QUICKTIME_STARTS | {b"ftyp"}


def check_boxes(file: BinaryIO, size: int) -> None:
    """Raises: Truncated, TooComplex."""
    kinds: set[bytes] = set()
    for box in iterate_top_level(file, size):
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
    return leading_kind(_boxes(file)) == b"mdat"


def is_fragmented(file: BinaryIO) -> bool:
    """True if the MP4 comes in fragments, so that its header does not know its length.

    Raises: TooComplex.
    """
    return any(box.kind == b"moof" for box in _boxes(file))


def _boxes(file: BinaryIO) -> Iterator[Box]:
    """All boxes; none of a file that does not consist of boxes."""
    size = file.seek(0, os.SEEK_END)
    for place, box in enumerate(iterate_top_level(file, size)):
        if place == 0 and box.kind not in STARTS:
            return
        yield box
