"""A movie fragment's index at another place in the film: number and decode time. Pure."""

from storage.errors import MismatchedPieces, Undecodable
from storage.mp4.boxes import Node

_HAS_BASE = 0x1
_HAS_OFFSET = 0x1
# Always in 64 bits: 13 hours are more than 32 bits hold at 90 kHz.
_TIME_64_BIT = b"\1\0\0\0"


def moved_size(moof: Node) -> int:
    """Bytes of the box that `move_fragment` returns."""
    is_64_bit = moof.need(b"traf", b"tfdt").content[:1] == b"\1"
    return len(moof.serialize()) + (0 if is_64_bit else 4)


def move_fragment(moof: Node, sequence: int, shift: int, growth: int) -> bytes:
    """The moof box with this sequence number, its decode time moved by `shift` ticks.

    It has `growth` bytes more than before. Raises: MismatchedPieces for a time before 0,
    Undecodable.
    """
    mfhd, traf = moof.need(b"mfhd"), moof.need(b"traf")
    if int.from_bytes(traf.need(b"tfhd").content[1:4], "big") & _HAS_BASE:
        raise Undecodable("a fragment with positions in its file")
    mfhd.content = mfhd.content[:4] + sequence.to_bytes(4, "big")
    _move_time(traf.need(b"tfdt"), shift)
    for trun in traf.all(b"trun"):
        _move_data(trun, growth)
    return moof.serialize()


def _move_time(tfdt: Node, shift: int) -> None:
    width = 8 if tfdt.content[:1] == b"\1" else 4
    time = int.from_bytes(tfdt.content[4 : 4 + width], "big") + shift
    if time < 0:
        raise MismatchedPieces(f"a fragment would be decoded at {time}")
    tfdt.content = _TIME_64_BIT + time.to_bytes(8, "big")


def _move_data(trun: Node, growth: int) -> None:
    """Positions of samples count from the beginning of the moof."""
    content = trun.content
    if int.from_bytes(content[1:4], "big") & _HAS_OFFSET:
        offset = int.from_bytes(content[8:12], "big", signed=True) + growth
        trun.content = content[:8] + offset.to_bytes(4, "big", signed=True) + content[12:]
