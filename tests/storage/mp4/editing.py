"""MP4 files whose index was edited: what cameras and editing programs write, and lies."""

import struct
from collections.abc import Callable
from pathlib import Path

from storage.mp4.boxes import Node, read_index, read_top_level

Change = Callable[[Node], None]


def edit_index(source: Path, target: Path, change: Change) -> Path:
    """`source` has its index last, as PyAV writes it, so that it may grow."""
    content = source.read_bytes()
    with source.open("rb") as file:
        box = next(one for one in read_top_level(file, len(content)) if one.kind == b"moov")
        index = read_index(file, box)
    change(index)
    target.write_bytes(content[: box.start] + index.serialize() + content[box.stop :])
    return target


def read_moov(path: Path) -> Node:
    with path.open("rb") as file:
        top = read_top_level(file, path.stat().st_size)
        return read_index(file, next(box for box in top if box.kind == b"moov"))


def traks(index: Node, handler: bytes = b"") -> list[Node]:
    found = index.all(b"trak")
    return [one for one in found if one.need(b"mdia", b"hdlr").content[8:12].startswith(handler)]


def set_edits(trak: Node, *entries: tuple[int, int]) -> None:
    """(duration in units of the movie, start in units of the track) each."""
    trak.children = [node for node in trak.children if node.kind != b"edts"]
    content = bytes(4) + len(entries).to_bytes(4, "big")
    content += b"".join(struct.pack(">Iihh", *entry, 1, 0) for entry in entries)
    trak.children.insert(1, Node(b"edts", children=[Node(b"elst", content)]))


def media_start(trak: Node) -> int:
    """Start of PyAV's own edit list, in units of the track."""
    elst = trak.find(b"edts", b"elst")
    return int.from_bytes(elst.content[12:16], "big") if elst else 0


def scale_of(trak: Node) -> int:
    return int.from_bytes(trak.need(b"mdia", b"mdhd").content[12:16], "big")


def put(node: Node, at: int, value: int, width: int = 4) -> None:
    node.content = node.content[:at] + value.to_bytes(width, "big") + node.content[at + width :]


def cut(trak: Node, start_s: float, duration_s: float) -> None:
    """Gives the track the edit list that a phone writes when a clip is trimmed."""
    start = media_start(trak) + round(start_s * scale_of(trak))
    set_edits(trak, (round(duration_s * 1000), start))
