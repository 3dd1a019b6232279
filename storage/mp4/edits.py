"""Edit lists: which part of a track is shown, and when. ISO/IEC 14496-12 s. 8.6.6. Pure.

A track is shown from its beginning where it has no list. Times are exact, in seconds, or in units
of the track's time scale where they count samples.
"""

from dataclasses import dataclass
from fractions import Fraction

from storage.errors import Undecodable
from storage.mp4.boxes import Node

_EMPTY = -1
_LARGEST_32_BIT = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Edit:
    """A part of the media that is shown, or nothing for a while."""

    duration_s: Fraction | None
    """None: to the end."""
    start: int | None
    """In units of the track; None: nothing is shown."""
    is_plain: bool = True
    """At the usual rate."""


def read_edits(trak: Node, movie_scale: int) -> list[Edit]:
    """Raises: Undecodable."""
    elst = trak.find(b"edts", b"elst")
    if elst is None:
        return []
    content, wide = elst.content, elst.content[:1] == b"\1"
    width = 20 if wide else 12
    count = int.from_bytes(content[4:8], "big")
    if len(content) < 8 + width * count:
        raise Undecodable("an edit list is shorter than it says")
    return [_read_edit(content[8 + width * n :][:width], movie_scale) for n in range(count)]


def _read_edit(entry: bytes, movie_scale: int) -> Edit:
    half = (len(entry) - 4) // 2
    duration = int.from_bytes(entry[:half], "big")
    start = int.from_bytes(entry[half : 2 * half], "big", signed=True)
    # A rate of 0 shows one picture for a while, others play faster or slower.
    is_plain = entry[2 * half :] in (b"\0\1\0\0", b"\0\0\0\0") or start == _EMPTY
    duration_s = Fraction(duration, movie_scale) if duration else None
    return Edit(duration_s, None if start == _EMPTY else start, is_plain)


@dataclass(frozen=True, slots=True)
class Shown:
    """Part shown by one simple list: the media from `start` to `stop`, after `delay_s`."""

    delay_s: Fraction
    start: int
    stop: int | None
    """None: to the end."""


def simplify(edits: list[Edit], scale: int) -> Shown | None:
    """The list as one cut; None when it is more than that."""
    delay_s = Fraction(0)
    left = list(edits)
    while left and left[0].start is None:
        delay_s += left.pop(0).duration_s or 0
    while left and left[-1].start is None:
        left.pop()
    if not left:
        return Shown(delay_s, 0, None) if not edits else None
    merged = _merge(left, scale)
    if merged is None or merged.start is None:
        return None
    stop = None
    if merged.duration_s is not None:
        stop = round(merged.start + merged.duration_s * scale)
    return Shown(delay_s, merged.start, stop)


def _merge(edits: list[Edit], scale: int) -> Edit | None:
    """Lists that go on where they were cut, by a unit or two, are one."""
    first, *others = edits
    if not first.is_plain:
        return None
    for other in others:
        if not other.is_plain or other.start is None or first.start is None:
            return None
        if first.duration_s is None:
            return None
        gap_s = Fraction(other.start - first.start, scale) - first.duration_s
        if abs(gap_s) > Fraction(1, 500):
            return None
        rest_s = other.duration_s
        first = Edit(None if rest_s is None else first.duration_s + rest_s, first.start)
    return first


def build_edits(delay: int, start: int, duration: int) -> Node:
    """An edts box, durations in units of the movie's time scale."""
    is_wide = max(delay, start, duration) > _LARGEST_32_BIT // 2
    width = 8 if is_wide else 4
    entries = [(duration, start)]
    if delay:
        entries.insert(0, (delay, _EMPTY))
    content = bytes([is_wide, 0, 0, 0]) + len(entries).to_bytes(4, "big")
    for length, media in entries:
        content += length.to_bytes(width, "big") + media.to_bytes(width, "big", signed=True)
        content += b"\0\1\0\0"
    return Node(b"edts", children=[Node(b"elst", content)])
