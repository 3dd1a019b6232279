"""Positions that give a list the order asked for, with as few changes as possible. Pure.

Things are sorted by position; those without one come last, oldest first.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TypeVar

STEP = 1024  # leaves room to put things between others later
LARGEST = 2**31 - 1

Key = TypeVar("Key")


def changed_positions(present: Mapping[Key, int | None], order: Sequence[Key]) -> dict[Key, int]:
    """Returns the new positions of those that need another one.

    `present` holds the positions in today's order, `order` the same keys in the new one.
    """
    placed = order[: _count_placed(present, order)]
    positions = _spread([present[key] for key in placed])
    pairs = zip(placed, positions, strict=True)
    return {key: position for key, position in pairs if position != present[key]}


def _count_placed(present: Mapping[Key, int | None], order: Sequence[Key]) -> int:
    """All but the end of the list whose things need no position: they stand there without one."""
    places = {key: place for place, key in enumerate(present)}
    count, next_place = len(order), len(order)
    while count and present[order[count - 1]] is None and places[order[count - 1]] < next_place:
        count -= 1
        next_place = places[order[count]]
    return count


def _spread(positions: Sequence[int | None]) -> list[int]:
    """Rising positions that keep as many of the given ones as possible."""
    kept = _longest_rising(positions)
    last = kept[-1] if kept else (-1, -1)
    end = min(LARGEST + 1, last[1] + STEP * (len(positions) - last[0]))
    spread: list[int] = []
    for (place, low), (next_place, high) in pairwise([(-1, -1), *kept, (len(positions), end)]):
        step = (high - low) // (next_place - place)
        if step == 0:  # no room between two that are kept
            return [STEP * (place + 1) for place in range(len(positions))]
        spread += [low + step * nth for nth in range(1, next_place - place)]
        spread.append(high)
    return spread[:-1]


def _longest_rising(positions: Sequence[int | None]) -> list[tuple[int, int]]:
    """The longest rising subsequence, as pairs of place and position (by patience sorting)."""
    ends: list[tuple[int, int]] = []  # position, place: the lowest end of a run of each length
    before: dict[int, tuple[int, int] | None] = {}
    for place, position in enumerate(positions):
        if position is not None:
            length = bisect_left(ends, (position, -1))
            before[place] = ends[length - 1] if length else None
            ends[length : length + 1] = [(position, place)]
    run: list[tuple[int, int]] = []
    end = ends[-1] if ends else None
    while end is not None:
        run.append((end[1], end[0]))
        end = before[end[1]]
    return run[::-1]
