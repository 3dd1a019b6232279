"""Completeness of a WebM or Matroska file: its EBML elements.

Reads element headers only (RFC 8794, RFC 9559). What follows a whole segment belongs to nobody, and
so do a few bytes behind a live recording that are no element. For sandboxed children; blocks.
"""

from collections.abc import Iterator
from typing import BinaryIO

from storage.containers.ebml import HEADER_BYTES, Element, NoElement, known_stop, parse_element
from storage.errors import TooComplex, Truncated

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


def doc_type(head: bytes) -> bytes | None:
    """The document type in the header of an EBML file that begins so; None of another file."""
    try:
        header = parse_element(head)
        if header.id != _EBML or header.stop is None:
            return None
        return _find_doc_type(head[: header.stop], header.content)
    except NoElement:
        return None


def check_elements(file: BinaryIO, size: int) -> None:
    """Raises: Truncated, Undecodable, TooComplex."""
    has_cluster, tiny, position = False, 0, 0
    try:
        for element in _elements(file, size):
            has_cluster = has_cluster or element.id == _CLUSTER
            if element.stop is None:
                position = element.content
                continue
            if element.stop > size:
                _refuse_cut(element, size, is_needed=element.id in _KNOWN or not has_cluster)
                return
            if element.id == _SEGMENT:
                return
            position = element.stop
            tiny += element.stop - element.content < _TINY_BYTES
            if tiny > _MAX_TINY:
                raise TooComplex(f"more than {_MAX_TINY} elements with next to nothing in them")
    except NoElement:
        if not has_cluster or size - position > _MAX_STRAY_BYTES:
            raise
    if not has_cluster:
        raise Truncated("no cluster")


def _refuse_cut(element: Element, size: int, *, is_needed: bool) -> None:
    if is_needed or size - element.content > _MAX_STRAY_BYTES:
        raise Truncated(f"element {element.id:#x} ends at {element.stop} of {size} bytes")


def _find_doc_type(head: bytes, position: int) -> bytes:
    while position < len(head):
        element = parse_element(head, position)
        if element.stop is None:
            break
        if element.id == _DOC_TYPE:
            # RFC 8794 s. 13: a string may be padded with zero bytes.
            return head[element.content : element.stop].rstrip(b"\0")
        position = element.stop
    return b""


def _elements(file: BinaryIO, size: int) -> Iterator[Element]:
    """Top-level elements, and what is inside of those whose size is unknown.

    Past the bound the rest is taken as it is: cut there, a live recording is a shorter one.
    Raises: NoElement.
    """
    position = 0
    for _ in range(_MAX_ELEMENTS):
        if position >= size:
            return
        file.seek(position)
        element = parse_element(file.read(HEADER_BYTES), offset=position)
        is_live = element.stop is None and element.id in (_SEGMENT, _CLUSTER)
        position = element.content if is_live else known_stop(element)
        yield element
