"""A movie fragment's index at another place in the film: number, decode time, offsets. Pure.

Pictures that are shown in another order than they are decoded in have composition offsets. Negative
ones (CMAF's `cmf2`) need no edit list, but FFmpeg shows all pictures late by the most negative one.
Positive ones with an edit list that takes the delay back (`cmfc`) are exact in all players.
"""

from storage.errors import MismatchedPieces, Undecodable
from storage.mp4.boxes import Node
from storage.mp4.edits import build_edits

_HAS_BASE = 0x1
_HAS_POSITION, _HAS_FIRST_FLAGS = 0x1, 0x4
# Duration, size and flags of each sample; its composition offset follows them.
_FIELDS = (0x100, 0x200, 0x400)
_HAS_OFFSETS = 0x800
# Always in 64 bits: 13 hours are more than 32 bits hold at 90 kHz.
_TIME_64_BIT = b"\1\0\0\0"


def moved_size(moof: Node, *, is_delayed: bool) -> int:
    """Bytes of the box that `move_fragment` returns."""
    traf = moof.need(b"traf")
    size = len(moof.serialize())
    if traf.need(b"tfdt").content[:1] != b"\1":
        size += 4
    if is_delayed:
        plain = [run for run in traf.all(b"trun") if not _flags(run) & _HAS_OFFSETS]
        size += 4 * sum(map(_count, plain))
    return size


def move_fragment(moof: Node, sequence: int, shift: int, delay: int, growth: int) -> bytes:
    """The moof box with this sequence number, its decode time moved by `shift` ticks.

    Composition offsets become `delay` ticks longer. It has `growth` bytes more than before. Raises:
    MismatchedPieces for a time before 0, Undecodable.
    """
    mfhd, traf = moof.need(b"mfhd"), moof.need(b"traf")
    if _flags(traf.need(b"tfhd")) & _HAS_BASE:
        raise Undecodable("a fragment with positions in its file")
    mfhd.content = mfhd.content[:4] + sequence.to_bytes(4, "big")
    _move_time(traf.need(b"tfdt"), shift)
    for run in traf.all(b"trun"):
        _move_data(run, growth)
        if delay:
            _delay_samples(run, delay)
    return moof.serialize()


def delay_track(moov: Node, delay: int) -> None:
    """Give the moov an edit list that takes back the delay of the samples.

    Raises: Undecodable when there is one already.
    """
    trak = moov.need(b"trak")
    if trak.find(b"edts"):
        raise Undecodable("an edit list beside negative composition offsets")
    trak.children.insert(1, build_edits(0, delay, 0))


def _flags(node: Node) -> int:
    return int.from_bytes(node.content[1:4], "big")


def _count(run: Node) -> int:
    return int.from_bytes(run.content[4:8], "big")


def _move_time(tfdt: Node, shift: int) -> None:
    width = 8 if tfdt.content[:1] == b"\1" else 4
    time = int.from_bytes(tfdt.content[4 : 4 + width], "big") + shift
    if time < 0:
        raise MismatchedPieces(f"a fragment would be decoded at {time}")
    tfdt.content = _TIME_64_BIT + time.to_bytes(8, "big")


def _move_data(run: Node, growth: int) -> None:
    """Positions of samples count from the beginning of the moof."""
    content = run.content
    if _flags(run) & _HAS_POSITION:
        position = int.from_bytes(content[8:12], "big", signed=True) + growth
        run.content = content[:8] + position.to_bytes(4, "big", signed=True) + content[12:]


def _delay_samples(run: Node, delay: int) -> None:
    flags, content = _flags(run), run.content
    start = 8 + 4 * bool(flags & _HAS_POSITION) + 4 * bool(flags & _HAS_FIRST_FLAGS)
    kept = 4 * sum(bool(flags & field) for field in _FIELDS)
    step = kept + 4 * bool(flags & _HAS_OFFSETS)
    entries = []
    for number in range(_count(run)):
        place = start + step * number
        entries.append(content[place : place + kept])
        offset = int.from_bytes(content[place + kept : place + step], "big", signed=True)
        entries.append((offset + delay).to_bytes(4, "big", signed=True))
    head = content[:1] + (flags | _HAS_OFFSETS).to_bytes(3, "big") + content[4:start]
    run.content = head + b"".join(entries)
