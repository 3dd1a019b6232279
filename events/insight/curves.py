"""Retention curves: viewers and plays of each step of a video. Pure.

A step is as many whole seconds as give at most 600 of them. Its middle stands for it: whoever has
seen the middle has seen the step, and each pass over it is one play, however reports cut the time.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

from db.insight.changes import Piece

MOST_STEPS = 600


class Steps:
    """The steps of a video; the last one ends with it."""

    def __init__(self, duration_cs: int) -> None:
        self.step_s = max(1, -(-duration_cs // (MOST_STEPS * 100)))
        self.count = -(-duration_cs // (self.step_s * 100))
        self.last_middle_cs = ((self.count - 1) * self.step_s * 100 + duration_cs) // 2

    def before(self, at_cs: int) -> int:
        """Returns the number of steps whose middle lies before that time."""
        if at_cs > self.last_middle_cs:
            return self.count
        full = (at_cs + self.step_s * 50 - 1) // (self.step_s * 100)
        return full if full < self.count else self.count - 1

    def counted(self, pieces: Iterable[Piece]) -> list[int]:
        """Returns for each step the number of pieces that hold its middle."""
        changes = [0] * (self.count + 1)
        before = self.before
        for start, stop in pieces:
            changes[before(start)] += 1
            changes[before(stop)] -= 1
        return list(accumulate(changes))[:-1]

    def summed(self, changes: Mapping[int, int]) -> list[int]:
        """Returns the curve of which the changes from step to step are given."""
        return list(accumulate(changes.get(step, 0) for step in range(self.count)))


def added(one: Sequence[int], other: Sequence[int]) -> list[int]:
    return [first + second for first, second in zip(one, other, strict=True)]
