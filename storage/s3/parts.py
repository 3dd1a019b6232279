"""Which bytes of an object are still to be fetched, cut into parts."""

from collections.abc import Sequence
from dataclasses import dataclass

Span = tuple[int, int]  # [start, stop)


@dataclass(slots=True)
class Part:
    """Bytes to be fetched in one go; `position` is how far that is."""

    start: int
    stop: int
    position: int


def missing_parts(size_bytes: int, fetched: Sequence[Span], part_bytes: int) -> list[Part]:
    """What `fetched` (in order, not touching) lacks, in parts that begin at multiples of theirs."""
    parts = []
    position = 0
    for start, stop in (*fetched, (size_bytes, size_bytes)):
        while position < start:
            end = min(start, (position // part_bytes + 1) * part_bytes)
            parts.append(Part(position, end, position))
            position = end
        position = max(position, stop)
    return parts
