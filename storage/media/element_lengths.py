"""Completeness of a WebM or Matroska file: its EBML elements.

Reads element headers only (RFC 8794, RFC 9559). What follows a whole segment belongs to nobody, and
so do a few bytes behind a live recording that are no element. For sandboxed children; blocks.
"""

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from storage.errors import TooComplex, Truncated, Undecodable

# A recorder in a browser writes clusters of unknown size, 80 blocks a second: some 7 hours.
_MAX_ELEMENTS = 2_000_000
# Smaller than any block: padding, and the times of clusters in the first minute.
_TINY_BYTES, _MAX_TINY = 3, 10_000
# Behind a live recording: line feeds, an ID3v1 tag, padding.
_MAX_STRAY_BYTES = 4096

_EBML = 0x1A45DFA3
_DOC_TYPE = 0x4282
_SEGMENT = 0x18538067
_CLUSTER = 0x1F43B675
# RFC 9559 s. 5: of a segment (SeekHead, Info, Tracks, Cues, Chapters, Attachments, Tags) and of a
# cluster (Timestamp, SilentTracks, Position, PrevSize, SimpleBlock, BlockGroup, EncryptedBlock).
_KNOWN = frozenset(
    {
        _CLUSTER,
        *(0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1043A770, 0x1941A469, 0x1254C367),
        *(0xE7, 0x5854, 0xA7, 0xAB, 0xA3, 0xA0, 0xAF),
    }
)


class _NoElement(Undecodable):
    """There is no element at this place."""


class _Element(NamedTuple):
    id: int
    start: int
    """Position of its content."""
    stop: int | None
    """None when the size is unknown, as live recorders write it."""


def doc_type(head: bytes) -> bytes | None:
    """The document type in the header of an EBML file that begins so; None of another file."""
    try:
        header = _parse_element(head, 0)
        if header.id != _EBML or header.stop is None:
            return None
        return _find_doc_type(head[: header.stop], header.start)
    except _NoElement:
        return None


def check_elements(file: BinaryIO, size: int) -> None:
    """Raises: Truncated, Undecodable, TooComplex."""
    has_cluster, tiny, position = False, 0, 0
    try:
        for element in _elements(file, size):
            has_cluster = has_cluster or element.id == _CLUSTER
            if element.stop is None:
                position = element.start
                continue
            if element.stop > size:
                _refuse_cut(element, size, is_needed=element.id in _KNOWN or not has_cluster)
                return
            if element.id == _SEGMENT:
                return
            position = element.stop
            tiny += element.stop - element.start < _TINY_BYTES
            if tiny > _MAX_TINY:
                raise TooComplex(f"more than {_MAX_TINY} elements with next to nothing in them")
    except _NoElement:
        if not has_cluster or size - position > _MAX_STRAY_BYTES:
            raise
    if not has_cluster:
        raise Truncated("no cluster")


def _refuse_cut(element: _Element, size: int, *, is_needed: bool) -> None:
    if is_needed or size - element.start > _MAX_STRAY_BYTES:
        raise Truncated(f"element {element.id:#x} ends at {element.stop} of {size} bytes")


def _find_doc_type(head: bytes, position: int) -> bytes:
    while position < len(head):
        element = _parse_element(head, position)
        if element.stop is None:
            break
        if element.id == _DOC_TYPE:
            # RFC 8794 s. 13: a string may be padded with zero bytes.
            return head[element.start : element.stop].rstrip(b"\0")
        position = element.stop
    return b""


def _elements(file: BinaryIO, size: int) -> Iterator[_Element]:
    """Top-level elements, and what is inside of those whose size is unknown.

    Past the bound the rest is taken as it is: cut there, a live recording is a shorter one.
    Raises: _NoElement.
    """
    position = 0
    for _ in range(_MAX_ELEMENTS):
        if position >= size:
            return
        file.seek(position)
        element = _parse_element(file.read(12), 0, offset=position)
        if element.stop is None and element.id not in (_SEGMENT, _CLUSTER):
            raise _NoElement(f"element {element.id:#x} has no size")
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
        raise _NoElement("the file ends inside an element header")
    width = 9 - data[position].bit_length()
    if width > longest:
        raise _NoElement("not an EBML element")
    octets = data[position : position + width]
    if len(octets) < width:
        raise _NoElement("the file ends inside an element header")
    value = int.from_bytes(octets, "big")
    return value if keep_marker else value & ((1 << 7 * width) - 1), position + width
