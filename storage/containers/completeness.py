"""Completeness of an uploaded file, as far as its container states.

Reads only headers of boxes, elements and chunks; what is inside them is for FFmpeg, in a sandbox,
which opens a cut faststart MP4 without a word. Time is linear in the number of headers, and that
number is bounded: two microseconds each, some seconds for the longest recordings. Transport and
program streams, AAC and FLAC tell no size: the first three are what is there, and the samples of
the last are counted by the probe. For sandboxed children; blocks.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

from storage.containers.box_lengths import check_boxes
from storage.containers.chunk_lengths import (
    check_asf,
    check_flv,
    check_mp3,
    check_mxf,
    check_ogg,
    check_riff,
)
from storage.containers.element_lengths import check_elements
from storage.containers.sniff import HEAD_BYTES, sniff
from storage.errors import wrap_os_errors
from storage.formats import SourceFormat

_CHECKS: Mapping[SourceFormat, Callable[[BinaryIO, int], None]] = {
    "mp4": check_boxes,
    "3gp": check_boxes,
    "m4a": check_boxes,
    "mov": check_boxes,
    "webm": check_elements,
    "mkv": check_elements,
    "avi": check_riff,
    "wav": check_riff,
    "wmv": check_asf,
    "flv": check_flv,
    "mxf": check_mxf,
    "ogg": check_ogg,
    "mp3": check_mp3,
}


def check_file(path: Path) -> None:
    """All of the file is there. Raises: as `check_lengths`, FileMissing."""
    with wrap_os_errors(), path.open("rb") as file:
        check_lengths(file, path.stat().st_size)


def check_lengths(file: BinaryIO, size: int) -> None:
    """All that the container declares lies inside the `size` bytes of the file.

    Raises: Truncated, Undecodable, TooComplex, UnsupportedFormat.
    """
    file.seek(0)
    if check := _CHECKS.get(sniff(file.read(HEAD_BYTES))):
        check(file, size)
