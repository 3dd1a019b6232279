"""Byte ranges of an object: the missing ones, cut into parts, and the contiguous prefix."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LOOK_AGAIN_S = 0.01

Span = tuple[int, int]  # [start, stop)


@dataclass(slots=True)
class ObjectPart:
    """A byte range to be fetched in one go; `position` is how far the fetch is."""

    start: int
    stop: int
    position: int


def missing_parts(size_bytes: int, fetched: Sequence[Span], part_bytes: int) -> list[ObjectPart]:
    """Gaps of `fetched` (sorted, not touching), in parts aligned to the part size."""
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
    """The awaited bytes will not arrive."""


def arrivals(
    parts: Sequence[ObjectPart], size_bytes: int, halted: threading.Event
) -> Iterator[int]:
    """Yield the length of the contiguous prefix each time it grows, until the object is complete.

    Waits in between. Raises: Halted.
    """
    for part in parts:
        while part.position < part.stop:
            yield part.position
            if halted.wait(LOOK_AGAIN_S):
                raise Halted
    yield size_bytes
