"""An MP4 with its index in front: the index is moved, and every other byte stays as it was.

Positions of media data that the index holds follow the move (`stco` and `co64`, ISO/IEC 14496-12
s. 8.7.5). A file whose positions stand elsewhere, or whose index cannot be read, is refused: it has
to be written anew. For sandboxed children; blocks.
"""

import os
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from storage.errors import Undecodable, wrap_os_errors
from storage.mp4.boxes import Box, Node, read_index, read_top_level
from storage.mp4.chunk_positions import read_positions, write_positions
from storage.mp4.copying import copy_range

_COMPARED_BYTES = 64
# They hold positions, too: of auxiliary data, of fragments, of compressed indexes.
_POSITIONED = frozenset({b"saio", b"cmov", b"mfra", b"sidx", b"ssix", b"moof"})


def move_index_to_front(source: Path, target: Path) -> None:
    """Write `target`: `source` with its index before its media data.

    Raises: Undecodable, TooComplex, FileMissing, StorageFull.
    """
    with wrap_os_errors(), source.open("rb") as file, target.open("wb") as out:
        size = os.fstat(file.fileno()).st_size
        boxes = read_top_level(file, size)
        moov = _only_index(boxes)
        index = read_index(file, moov)
        _refuse_other_positions(file, boxes, index)
        place = _place(boxes)
        content, moves = _relocate(index, moov, place)
        copy_range(file, out, 0, place)
        out.write(content)
        copy_range(file, out, place, moov.start)
        copy_range(file, out, moov.stop, size)
        out.flush()
        _require_same_data(file, target, moov, moves)


def _only_index(boxes: list[Box]) -> Box:
    found = [box for box in boxes if box.kind == b"moov"]
    if len(found) != 1:
        raise Undecodable(f"{len(found)} moov boxes")
    return found[0]


def _refuse_other_positions(file: BinaryIO, boxes: list[Box], index: Node) -> None:
    kinds = {box.kind for box in boxes} | {node.kind for node in index.walk()}
    if found := kinds & _POSITIONED:
        raise Undecodable(f"positions in {sorted(found)}")
    metas = [node.content for node in index.walk() if node.kind == b"meta"]
    for box in boxes:
        if box.kind == b"meta":
            metas.append(_read(file, box))
    # Item locations (ISO/IEC 14496-12 s. 8.11.3) may be positions in the file.
    if any(b"iloc" in meta for meta in metas):
        raise Undecodable("positions of items")


def _read(file: BinaryIO, box: Box) -> bytes:
    if box.stop - box.content > 1 << 20:
        raise Undecodable(f"{box.kind!r} of {box.stop - box.content} bytes")
    file.seek(box.content)
    return file.read(box.stop - box.content)


def _place(boxes: list[Box]) -> int:
    """Place of the index: behind the file type, which players expect first, before the data."""
    for box in boxes:
        if box.kind == b"ftyp":
            return box.stop
        if box.kind == b"mdat":
            break
    return 0


@dataclass(frozen=True, slots=True)
class _Move:
    """Map of byte positions when the index moves from `old_start` to `place`."""

    place: int
    old_start: int
    old_stop: int
    new_bytes: int

    def by(self, position: int) -> int:
        if position < self.place:
            return 0
        if position < self.old_stop:
            return self.new_bytes
        return self.new_bytes - (self.old_stop - self.old_start)


def _relocate(index: Node, moov: Box, place: int) -> tuple[bytes, list[tuple[int, int]]]:
    """The index with the positions after the move, and where the first and last chunk of each track
    was and is. Wider positions move everything further.
    """
    tables = [node for node in index.walk() if node.kind in (b"stco", b"co64")]
    positions = [read_positions(node) for node in tables]
    new_bytes = len(index.serialize())
    while True:
        move = _Move(place, moov.start, moov.stop, new_bytes)
        ends: list[tuple[int, int]] = []
        for node, old in zip(tables, positions, strict=True):
            new = _moved(old, move)
            write_positions(node, new)
            ends += zip([*old[:1], *old[-1:]], [*new[:1], *new[-1:]], strict=True)
        content = index.serialize()
        if len(content) == new_bytes:
            return content, ends
        new_bytes = len(content)


def _require_same_data(
    file: BinaryIO, target: Path, moov: Box, moves: list[tuple[int, int]]
) -> None:
    """Refuses a copy whose index leads elsewhere. What lies before the old place of the index moved
    by one distance, the rest by another, so the media data needs no second reading.
    """
    with target.open("rb") as made:
        for old, new in moves:
            count = min(_COMPARED_BYTES, moov.start - old) if old < moov.start else _COMPARED_BYTES
            file.seek(old)
            made.seek(new)
            if file.read(count) != made.read(count):
                raise Undecodable(f"other media data at {new} than at {old}")


def _moved(positions: "array[int]", move: _Move) -> "array[int]":
    if not positions:
        return positions
    first, last = move.by(min(positions)), move.by(max(positions))
    if first == last:
        return array("Q", [position + first for position in positions])
    by: Callable[[int], int] = move.by
    return array("Q", [position + by(position) for position in positions])
