"""Pictures at a steady rate: the one that is shown at each place of a row. Pure.

A picture comes to the place nearest to its time; it stays until the next one, and of two at one
place the later is shown. The first one stands from the start, since nothing is there before.
"""

from collections.abc import Iterable, Iterator
from typing import TypeVar

_T = TypeVar("_T")


def skip_unseen(pictures: Iterable[tuple[int, _T]], start: int) -> Iterator[tuple[int, _T]]:
    """Leave out pictures that others replace by the place `start`: decoded on the way there."""
    held: tuple[int, _T] | None = None
    for one in pictures:
        if held is not None and one[0] > start:
            yield held
        held = one
    if held is not None:
        yield held


def fill(pictures: Iterable[tuple[int, _T]], start: int, stop: int) -> Iterator[tuple[int, _T]]:
    """Yields each place from `start` up to `stop` with its picture; nothing without a picture.

    `pictures` come with rising places. None is asked for after one at `stop` or later.
    """
    shown: tuple[_T] | None = None
    for place, picture in pictures:
        if shown is not None:
            for at in range(start, min(place, stop)):
                yield at, shown[0]
            start = max(start, min(place, stop))
        shown = (picture,)
        if place >= stop:
            break
    if shown is not None:
        for at in range(start, stop):
            yield at, shown[0]
