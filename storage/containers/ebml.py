"""Elements of EBML files, WebM and Matroska: RFC 8794. Pure."""

from typing import NamedTuple

from storage.errors import Undecodable

_LONGEST_ID_BYTES, _LONGEST_SIZE_BYTES = 4, 8
HEADER_BYTES = _LONGEST_ID_BYTES + _LONGEST_SIZE_BYTES


class NoElement(Undecodable):
    """There is no element at this place."""


class Element(NamedTuple):
    """An element within a file or within bytes: where it, its content and the next one begin."""

    id: int
    start: int
    content: int
    stop: int | None
    """None when the size is unknown, as live recorders write it."""


def parse_element(data: bytes, position: int = 0, offset: int = 0) -> Element:
    """Parse the header at `position`; `offset` is added to the places. Raises: NoElement."""
    identifier, after_id = _parse_vint(data, position, _LONGEST_ID_BYTES, keep_marker=True)
    length, content = _parse_vint(data, after_id, _LONGEST_SIZE_BYTES, keep_marker=False)
    # RFC 8794 s. 6.2: all bits of the size set mean that it is unknown.
    is_unknown = length == (1 << 7 * (content - after_id)) - 1
    stop = None if is_unknown else offset + content + length
    return Element(identifier, offset + position, offset + content, stop)


def known_stop(element: Element) -> int:
    """The end of an element whose size is known. Raises: NoElement for another one."""
    if element.stop is None:
        raise NoElement(f"element {element.id:#x} has no size")
    return element.stop


def _parse_vint(data: bytes, position: int, longest: int, *, keep_marker: bool) -> tuple[int, int]:
    """A variable-size integer (RFC 8794 s. 4) and the position behind it."""
    if position >= len(data):
        raise NoElement("the file ends inside an element header")
    width = 9 - data[position].bit_length()
    if width > longest:
        raise NoElement("not an EBML element")
    octets = data[position : position + width]
    if len(octets) < width:
        raise NoElement("the file ends inside an element header")
    value = int.from_bytes(octets, "big")
    return value if keep_marker else value & ((1 << 7 * width) - 1), position + width
