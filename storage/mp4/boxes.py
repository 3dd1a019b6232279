"""Boxes of ISO base media files, read and written: ISO/IEC 14496-12 s. 4.2.

The index of a file is read as a tree, of which everything that is not understood keeps its bytes.
Time and memory are linear in the bytes that are read. For sandboxed children; blocks.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from typing import BinaryIO, NamedTuple

from storage.errors import TooComplex, Undecodable

# The index of a day of pictures and sound has 60 MB.
MAX_INDEX_BYTES = 128 << 20
# A day in fragments of half a second, with their moof, mdat and styp.
_MAX_BOXES = 600_000
_MAX_NODES = 20_000
_LARGEST_32_BIT = 2**32 - 1

# Read as trees; the others are kept as bytes.
_BRANCHES = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"moof", b"traf"})


class Box(NamedTuple):
    """A box within a file: where its header, its content and what follows it begin."""

    kind: bytes
    start: int
    content: int
    stop: int


@dataclass(slots=True)
class Node:
    """A box within an index: `content` of a leaf, or the `children` of a branch."""

    kind: bytes
    content: bytes = b""
    children: "list[Node]" = field(default_factory=list)

    def find(self, *path: bytes) -> "Node | None":
        """The first of its descendants by this path."""
        node: Node | None = self
        for kind in path:
            node = next((one for one in node.children if one.kind == kind), None) if node else None
        return node

    def need(self, *path: bytes) -> "Node":
        """Raises: Undecodable."""
        node = self.find(*path)
        if node is None:
            raise Undecodable(f"no {b'/'.join(path)!r} box in {self.kind!r}")
        return node

    def all(self, kind: bytes) -> "list[Node]":
        return [one for one in self.children if one.kind == kind]

    def walk(self) -> "Iterator[Node]":
        """This one and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()

    def serialize(self) -> bytes:
        if self.kind in _BRANCHES:
            return build_box(self.kind, *(child.serialize() for child in self.children))
        # Bytes between boxes, too few for a header, have no kind.
        return build_box(self.kind, self.content) if self.kind else self.content


def iterate_top_level(file: BinaryIO, size: int, position: int = 0) -> Iterator[Box]:
    """The boxes of a file from `position` on, as far as there are any.

    The last one may stop behind the end of the file. Raises: TooComplex.
    """
    for _ in range(_MAX_BOXES):
        if position >= size:
            return
        file.seek(position)
        box = _parse_header(file.read(16), position, size)
        if box is None:
            return
        yield box
        position = box.stop
    raise TooComplex(f"more than {_MAX_BOXES} boxes")


def read_top_level(file: BinaryIO, size: int) -> list[Box]:
    """The boxes of a file, but for one that is cut short at its end, or is none.

    Raises: TooComplex.
    """
    return list(takewhile(lambda box: box.stop <= size, iterate_top_level(file, size)))


def leading_kind(boxes: Iterable[Box]) -> bytes | None:
    """Index or media data, `moov` or `mdat`: the one that a player finds first."""
    return next((box.kind for box in boxes if box.kind in (b"moov", b"mdat")), None)


def read_index(file: BinaryIO, box: Box) -> Node:
    """A moov or moof box as a tree. Raises: TooComplex, Undecodable."""
    if box.stop - box.content > MAX_INDEX_BYTES:
        raise TooComplex(f"{box.kind!r} of {box.stop - box.content} bytes")
    file.seek(box.content)
    content = memoryview(file.read(box.stop - box.content))
    return _Reader().read(box.kind, content)


def parse_boxes(content: bytes | memoryview, position: int = 0) -> Iterator[Box]:
    """The boxes within `content` from `position` on, as far as there are whole ones."""
    size = len(content)
    while box := _parse_header(bytes(content[position : position + 16]), position, size):
        if box.stop > size:
            return
        yield box
        position = box.stop


def build_box(kind: bytes, *contents: bytes) -> bytes:
    return build_header(kind, sum(map(len, contents))) + b"".join(contents)


def build_header(kind: bytes, content_bytes: int) -> bytes:
    if content_bytes + 8 > _LARGEST_32_BIT:
        return (1).to_bytes(4, "big") + kind + (content_bytes + 16).to_bytes(8, "big")
    return (content_bytes + 8).to_bytes(4, "big") + kind


class _Reader:
    def __init__(self) -> None:
        self._count = 0

    def read(self, kind: bytes, content: memoryview) -> Node:
        self._count += 1
        if self._count > _MAX_NODES:
            raise TooComplex(f"more than {_MAX_NODES} boxes in an index")
        if kind not in _BRANCHES:
            return Node(kind, bytes(content))
        position, children = 0, []
        for box in parse_boxes(content):
            children.append(self.read(box.kind, content[box.content : box.stop]))
            position = box.stop
        if position < len(content):
            children.append(Node(b"", bytes(content[position:])))
        return Node(kind, children=children)


def _parse_header(header: bytes, position: int, size: int) -> Box | None:
    """The box at `position`, which may stop behind `size`; None when none begins there."""
    if len(header) < 8:
        return None
    length, kind, content = int.from_bytes(header[:4], "big"), header[4:8], 8
    if length == 0:
        # Extends to the end, of the file or of the box around it.
        return Box(kind, position, position + content, size) if any(kind) else None
    if length == 1:
        length, content = int.from_bytes(header[8:16], "big"), 16
    if length < content or len(header) < content:
        return None
    return Box(kind, position, position + content, position + length)
