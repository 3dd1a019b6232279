"""What an uploaded file is by its content, and whether all of it is there.

Reads only box and element headers (ISO/IEC 14496-12 s. 4.2; RFC 8794 and RFC 9559): what is
inside them is for FFmpeg, in a sandbox. Only media files are recognised; scripts and playlists,
which would make FFmpeg open other files, are refused here for the first time.
Time is linear in the number of headers, and that number is bounded: two microseconds each, some
seconds for the longest recordings. For sandboxed children; blocks.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from storage.errors import TooComplex, Truncated, Undecodable, UnsupportedFormat, wrap_os_errors
from storage.formats import SourceFormat

# Enough for an ftyp box of 1,000 brands and any EBML header.
HEAD_BYTES = 4096
# A day in fragments of half a second, with their moof, mdat and styp.
_MAX_BOXES = 600_000
# A recorder in a browser writes clusters of unknown size, 80 blocks a second: some 7 hours.
_MAX_ELEMENTS = 2_000_000
# Smaller than any block: padding, and the times of clusters in the first minute.
_TINY_BYTES, _MAX_TINY = 3, 10_000

# HEIF and AVIF pictures are other formats in the same boxes.
_MP4_BRANDS = frozenset(
    b"isom,iso2,iso3,iso4,iso5,iso6,iso7,iso8,iso9,isoa,isob,isoc,mp41,mp42,mp71,avc1,av01,"
    b"dash,msdh,msix,cmfc,cmf2,M4V ,M4VH,M4VP,f4v ,F4V ,MSNV,XAVC,isml,piff,mp21".split(b",")
)
_SOUND_BRANDS = frozenset({b"M4A ", b"M4B ", b"M4P "})
_QUICKTIME_BRAND = b"qt  "
_3GP_BRANDS = (b"3gp", b"3gr", b"3gs", b"3ge", b"3gg", b"3g2", b"KDD")
# QuickTime files of before 2001 have no ftyp (Apple's "QuickTime File Format", "The file type").
_FIRST_BOXES = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
_DOC_TYPES: dict[bytes, SourceFormat] = {b"webm": "webm", b"matroska": "mkv"}

_EBML = 0x1A45DFA3
_DOC_TYPE = 0x4282
_SEGMENT = 0x18538067
_CLUSTER = 0x1F43B675


def sniff(head: bytes) -> SourceFormat:
    """The format whose first bytes (`HEAD_BYTES` are enough) these are.

    Raises: UnsupportedFormat.
    """
    found = _format_of_boxes(head) or _format_of_elements(head)
    if found is None:
        raise UnsupportedFormat
    return found


def sniff_file(path: Path) -> SourceFormat:
    """The format by its first bytes. Raises: UnsupportedFormat, FileMissing."""
    with wrap_os_errors(), path.open("rb") as file:
        return sniff(file.read(HEAD_BYTES))


def check_file(path: Path) -> None:
    """All of the file is there. Raises: as `check_lengths`, FileMissing."""
    with wrap_os_errors(), path.open("rb") as file:
        check_lengths(file, path.stat().st_size)


def check_lengths(file: BinaryIO, size: int) -> None:
    """Every box or element lies inside the `size` bytes of the file, and the index is there.

    FFmpeg opens a cut faststart MP4 without a word, so this has to be asked first.
    Raises: Truncated, Undecodable, TooComplex, UnsupportedFormat.
    """
    if _format_of_boxes(_head(file)):
        _check_boxes(file, size)
    elif _format_of_elements(_head(file)):
        _check_elements(file, size)
    else:
        raise UnsupportedFormat


def moov_is_last(file: BinaryIO) -> bool:
    """Whether a player would have to fetch the end of the file before it can start.

    Raises: as `check_lengths`.
    """
    for kind in _box_kinds(file):
        if kind in (b"moov", b"mdat"):
            return kind == b"mdat"
    return False


def is_fragmented(file: BinaryIO) -> bool:
    """Whether the MP4 comes in fragments, so that its header does not know its length.

    Raises: as `check_lengths`.
    """
    return any(kind == b"moof" for kind in _box_kinds(file))


# MP4


class _Box(NamedTuple):
    kind: bytes
    stop: int


def _format_of_boxes(head: bytes) -> SourceFormat | None:
    length, kind = int.from_bytes(head[:4], "big"), head[4:8]
    if kind in _FIRST_BOXES:
        return "mov"
    if kind != b"ftyp" or length < 16:
        return None
    major, compatible = head[8:12], head[16 : min(length, len(head))]
    brands = {compatible[at : at + 4] for at in range(0, len(compatible) - 3, 4)}
    return _format_of_brand(major) or next(
        (found for brand in sorted(brands) if (found := _format_of_brand(brand))), None
    )


def _format_of_brand(brand: bytes) -> SourceFormat | None:
    if brand in _MP4_BRANDS:
        return "mp4"
    if brand == _QUICKTIME_BRAND:
        return "mov"
    if brand in _SOUND_BRANDS:
        return "m4a"
    return "3gp" if brand.startswith(_3GP_BRANDS) else None


def _check_boxes(file: BinaryIO, size: int) -> None:
    kinds = set()
    for box in _boxes(file, size):
        if box.stop > size:
            raise Truncated(f"box {box.kind!r} ends at {box.stop} of {size} bytes")
        kinds.add(box.kind)
    if not {b"moov", b"mdat"} <= kinds:
        raise Truncated("no moov box or no mdat box")


def _boxes(file: BinaryIO, size: int) -> Iterator[_Box]:
    """Top-level boxes; the last one may be said to stop behind the end."""
    position = 0
    for _ in range(_MAX_BOXES):
        if position >= size:
            return
        box = _read_box(file, position, size)
        yield box
        position = box.stop
    raise TooComplex(f"more than {_MAX_BOXES} boxes")


def _read_box(file: BinaryIO, position: int, size: int) -> _Box:
    file.seek(position)
    header = file.read(16)
    if len(header) < 8:
        raise Truncated("the file ends inside a box header")
    length, kind, least = int.from_bytes(header[:4], "big"), header[4:8], 8
    if length == 0:
        # ISO/IEC 14496-12 s. 4.2: the box extends to the end of the file.
        return _Box(kind, size)
    if length == 1:
        if len(header) < 16:
            raise Truncated("the file ends inside a box header")
        length, least = int.from_bytes(header[8:], "big"), 16
    if length < least:
        raise Undecodable(f"box {kind!r} is smaller than its header")
    return _Box(kind, position + length)


def _box_kinds(file: BinaryIO) -> Iterator[bytes]:
    if _format_of_boxes(_head(file)):
        for box in _boxes(file, file.seek(0, os.SEEK_END)):
            yield box.kind


# WebM


class _Element(NamedTuple):
    id: int
    start: int
    """Where its content starts."""
    stop: int | None
    """None when the size is unknown, as live recorders write it."""


def _format_of_elements(head: bytes) -> SourceFormat | None:
    try:
        header = _parse_element(head, 0)
        if header.id != _EBML or header.stop is None:
            return None
        return _DOC_TYPES.get(_doc_type(head, header.start, min(header.stop, len(head))))
    except (Truncated, Undecodable):
        return None


def _doc_type(head: bytes, position: int, stop: int) -> bytes:
    head = head[:stop]
    while position < stop:
        element = _parse_element(head, position)
        if element.stop is None:
            break
        if element.id == _DOC_TYPE:
            # RFC 8794 s. 13: a string may be padded with zero bytes.
            return head[element.start : element.stop].rstrip(b"\0")
        position = element.stop
    return b""


def _check_elements(file: BinaryIO, size: int) -> None:
    has_segment, tiny = False, 0
    for element in _elements(file, size):
        has_segment = has_segment or element.id == _SEGMENT
        if element.stop is None:
            continue
        if element.stop > size:
            raise Truncated(f"element {element.id:#x} ends at {element.stop} of {size} bytes")
        if element.stop - element.start < _TINY_BYTES:
            tiny += 1
            if tiny > _MAX_TINY:
                raise TooComplex(f"more than {_MAX_TINY} elements with next to nothing in them")
    if not has_segment:
        raise Truncated("no segment")


def _elements(file: BinaryIO, size: int) -> Iterator[_Element]:
    """Top-level elements, and what is inside of those whose size is unknown.

    Past the bound the rest is taken as it is: cut there, a live recording is a shorter one.
    """
    position = 0
    for _ in range(_MAX_ELEMENTS):
        if position >= size:
            return
        file.seek(position)
        element = _parse_element(file.read(12), 0, offset=position)
        if element.stop is None and element.id not in (_SEGMENT, _CLUSTER):
            raise Undecodable(f"element {element.id:#x} has no size")
        yield element
        position = element.start if element.stop is None else element.stop


def _parse_element(data: bytes, position: int, offset: int = 0) -> _Element:
    identifier, after_id = _parse_vint(data, position, 4, keep_marker=True)
    length, start = _parse_vint(data, after_id, 8, keep_marker=False)
    # RFC 8794 s. 6.2: all bits of the size set mean that it is unknown.
    is_unknown = length == (1 << 7 * (start - after_id)) - 1
    stop = None if is_unknown else offset + start + length
    return _Element(identifier, offset + start, stop)


def _parse_vint(data: bytes, position: int, longest: int, *, keep_marker: bool) -> tuple[int, int]:
    """A variable-size integer (RFC 8794 s. 4) and the position behind it."""
    if position >= len(data):
        raise Truncated("the file ends inside an element header")
    width = 9 - data[position].bit_length()
    if width > longest:
        raise Undecodable("not an EBML element")
    octets = data[position : position + width]
    if len(octets) < width:
        raise Truncated("the file ends inside an element header")
    value = int.from_bytes(octets, "big")
    return value if keep_marker else value & ((1 << 7 * width) - 1), position + width


def _head(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read(HEAD_BYTES)
