"""The same MP4 with its boxes in another order, of other sizes, or with others between them."""

from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from storage.mp4.boxes import Box, Node, build_box, read_index, read_top_level
from storage.mp4.chunk_positions import read_positions, write_positions

SPARE = build_box(b"free", b"a note of the camera")
_JUNK = b"\n\n\0"


@dataclass(frozen=True)
class Layout:
    """`mdat64` has a 64-bit size, `half` a half of the media data each, `...0` the size 0."""

    order: list[str]
    wide_positions: bool = False
    in_index: bytes = b""
    cut_positions: bool = False


def write_layout(source: Path, layout: Layout, target: Path) -> Path:
    """`source` is an MP4 of PyAV: ftyp, free, mdat, moov."""
    content = source.read_bytes()
    with source.open("rb") as file:
        top = {box.kind: box for box in read_top_level(file, len(content))}
        index = read_index(file, top[b"moov"])
    data = content[top[b"mdat"].content : top[b"mdat"].stop]
    halves = [data[: len(data) // 2], data[len(data) // 2 :]]
    with target.open("wb") as out:
        starts = _write_boxes(out, layout, content, top, data, halves)
        _relocate(index, layout, top[b"mdat"].content, starts, len(halves[0]))
        out.seek(0)
        _write_boxes(out, layout, content, top, data, halves, index)
    return target


def _write_boxes(
    out: BinaryIO,
    layout: Layout,
    content: bytes,
    top: dict[bytes, Box],
    data: bytes,
    halves: list[bytes],
    index: Node | None = None,
) -> list[int]:
    """Positions of the media data, or of each half of it."""
    starts: list[int] = []
    left = list(halves)
    moov = _index_bytes(index, layout) if index else b""
    for name in layout.order:
        match name:
            case "ftyp":
                out.write(content[top[b"ftyp"].start : top[b"ftyp"].stop])
            case "free":
                out.write(SPARE)
            case "mdat" | "mdat64":
                is_wide = name == "mdat64"
                header = (1 if is_wide else len(data) + 8).to_bytes(4, "big") + b"mdat"
                out.write(header + ((len(data) + 16).to_bytes(8, "big") if is_wide else b""))
                starts.append(out.tell())
                out.write(data)
            case "half" | "half0":
                half = left.pop(0)
                out.write((0 if name == "half0" else len(half) + 8).to_bytes(4, "big") + b"mdat")
                starts.append(out.tell())
                out.write(half)
            case "moov":
                out.write(moov or bytes(_length_of_index(content, top, layout)))
            case "moov0":
                out.write(bytes(4) + moov[4:])
            case "junk":
                out.write(_JUNK)
            case other:
                out.write(build_box(other.encode(), b"of a camera"))
    return starts


def _length_of_index(content: bytes, top: dict[bytes, Box], layout: Layout) -> int:
    box = top[b"moov"]
    length = box.stop - box.start + len(layout.in_index)
    if layout.wide_positions:
        tables = content[box.start : box.stop]
        at = tables.find(b"stco")
        while at >= 0:
            length += 4 * int.from_bytes(tables[at + 8 : at + 12], "big")
            at = tables.find(b"stco", at + 4)
    return length


def _index_bytes(index: Node, layout: Layout) -> bytes:
    content = index.serialize()[8:] + layout.in_index
    return build_box(b"moov", content)


def _relocate(
    index: Node, layout: Layout, old_start: int, starts: list[int], half_bytes: int
) -> None:
    for node in list(index.walk()):
        if node.kind != b"stco":
            continue
        if layout.wide_positions:
            wide = array("Q", read_positions(node))
            node.kind = b"co64"
            write_positions(node, wide)
        moved = array("Q", [_at(p - old_start, starts, half_bytes) for p in read_positions(node)])
        write_positions(node, moved)
        if layout.cut_positions:
            node.content = node.content[:-4]


def _at(offset: int, starts: list[int], half_bytes: int) -> int:
    if len(starts) == 1 or offset < half_bytes:
        return starts[0] + offset
    return starts[1] + offset - half_bytes


def parts_of(content: bytes) -> list[bytes]:
    """The boxes of a small file, and what is left behind the last of them."""
    parts, position = [], 0
    while position + 8 <= len(content):
        length = int.from_bytes(content[position : position + 4], "big")
        if length == 1:
            length = int.from_bytes(content[position + 8 : position + 16], "big")
        length = length or len(content) - position
        parts.append(content[position : position + length])
        position += length
    return [*parts, content[position:]] if position < len(content) else parts


def samples_of(path: Path) -> list[bytes]:
    """The first bytes of each chunk, by the index: the same wherever the data lies."""
    with path.open("rb") as file:
        top = read_top_level(file, path.stat().st_size)
        index = read_index(file, next(box for box in top if box.kind == b"moov"))
        found = []
        for node in index.walk():
            if node.kind in (b"stco", b"co64"):
                for position in read_positions(node):
                    file.seek(position)
                    found.append(file.read(4))
        return found
