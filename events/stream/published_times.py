"""Times at which events were published: the age of a backlog, by the id of its first event.

One mark a second at most, so an age is right to a second; the oldest mark stands for all before it.
"""

import math
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable

MARK_INTERVAL_S = 1.0
MOST_MARKS = 600  # a client that takes nothing is dropped long before ten minutes have passed


class PublishedTimes:
    """Ids only rise."""

    __slots__ = ("_clock", "_marks")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._marks: deque[tuple[int, float]] = deque(maxlen=MOST_MARKS)

    def note(self, event_id: int) -> None:
        """Records that the event is published now."""
        now_s = self._clock()
        if not self._marks or now_s - self._marks[-1][1] >= MARK_INTERVAL_S:
            self._marks.append((event_id, now_s))

    def age_s(self, event_id: int) -> float:
        """Returns the seconds since the event was published; 0.0 if none ever was."""
        if not self._marks:
            return 0.0
        marked = max(0, bisect_right(self._marks, (event_id, math.inf)) - 1)
        return self._clock() - self._marks[marked][1]
