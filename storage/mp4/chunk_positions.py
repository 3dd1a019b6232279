"""Positions of a track's chunks in the file: `stco` and `co64`, ISO/IEC 14496-12 s. 8.7.5."""

from array import array

from storage.errors import Undecodable
from storage.mp4.boxes import Node

_LARGEST_32_BIT = 2**32 - 1


def read_positions(node: Node) -> "array[int]":
    """Positions of the chunks of a track. Raises: Undecodable."""
    code, width = ("I", 4) if node.kind == b"stco" else ("Q", 8)
    count = int.from_bytes(node.content[4:8], "big")
    stored = node.content[8 : 8 + count * width]
    if len(stored) != count * width:
        raise Undecodable(f"{node.kind!r} is shorter than it says")
    positions = array(code)
    positions.frombytes(stored)
    positions.byteswap()
    return positions if code == "Q" else array("Q", positions)


def write_positions(node: Node, positions: "array[int]") -> None:
    """Writes the table, in 32 bits where they suffice and the table has been such before."""
    if node.kind == b"stco" and (not positions or max(positions) <= _LARGEST_32_BIT):
        stored = array("I", positions)
    else:
        node.kind, stored = b"co64", array("Q", positions)
    stored.byteswap()
    node.content = node.content[:4] + len(positions).to_bytes(4, "big") + stored.tobytes()
