"""Which bytes of an object are still to be fetched, cut into parts, and which have arrived."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LOOK_AGAIN_S = 0.01

Span = tuple[int, int]  # [start, stop)


@dataclass(slots=True)
class ObjectPart:
    """Bytes to be fetched in one go; `position` is how far that is."""

    start: int
    stop: int
    position: int


def missing_parts(size_bytes: int, fetched: Sequence[Span], part_bytes: int) -> list[ObjectPart]:
    """What `fetched` (in order, not touching) lacks, in parts that begin at multiples of theirs."""
    parts = []
    position = 0
    for start, stop in (*fetched, (size_bytes, size_bytes)):
        while position < start:
            end = min(start, (position // part_bytes + 1) * part_bytes)
            parts.append(ObjectPart(position, end, position))
            position = end
        position = max(position, stop)
    return parts


class Halted(Exception):
    """What was waited for will not arrive."""


def arrivals(
    parts: Sequence[ObjectPart], size_bytes: int, halted: threading.Event
) -> Iterator[int]:
    """How many bytes of the object are there without a gap, again and again until all are.

    Waits in between. Raises: Halted.
    """
    for part in parts:
        while part.position < part.stop:
            yield part.position
            if halted.wait(LOOK_AGAIN_S):
                raise Halted
    yield size_bytes
