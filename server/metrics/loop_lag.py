"""The lag of the event loop: how much later than asked a timer runs, ten times a second.

All clients of the process wait for as long. A loop that is blocked is late by the rest of the
blocking alone, so what takes less than an interval is seen in part; how often it happens, rightly.
"""

import asyncio

from events.distributions import SHORT_BOUNDS_S, Distribution

INTERVAL_S = 0.1


class LoopLag:
    """Measures from `start` to `stop`."""

    def __init__(self, interval_s: float = INTERVAL_S) -> None:
        self.seconds = Distribution(SHORT_BOUNDS_S)
        self._interval_s = interval_s
        self._longest_s = 0.0
        self._due_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._set(asyncio.get_running_loop())

    def stop(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def take_longest_s(self) -> float:
        """Returns the longest lag since the last call."""
        longest_s, self._longest_s = self._longest_s, 0.0
        return longest_s

    def _set(self, loop: asyncio.AbstractEventLoop) -> None:
        # A task would double what this costs.
        self._due_s = loop.time() + self._interval_s
        self._timer = loop.call_later(self._interval_s, self._measure, loop)

    def _measure(self, loop: asyncio.AbstractEventLoop) -> None:
        late_s = max(0.0, loop.time() - self._due_s)
        self.seconds.observe(late_s)
        self._longest_s = max(self._longest_s, late_s)
        self._set(loop)
