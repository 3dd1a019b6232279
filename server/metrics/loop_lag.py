"""The lag of the event loop: how much later than asked a timer runs, ten times a second.

All clients of the process wait for as long. A loop that is blocked is late by the rest of the
blocking alone, so what takes less than an interval is seen in part; how often it happens, rightly.
"""

import asyncio

from events.distributions import SHORT_BOUNDS_S, Distribution
from storage.concurrency.tasks import end

INTERVAL_S = 0.1


class LoopLag:
    """Measures from `start` to `stop`."""

    def __init__(self, interval_s: float = INTERVAL_S) -> None:
        self.seconds = Distribution(SHORT_BOUNDS_S)
        self._interval_s = interval_s
        self._longest_s = 0.0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._measure(), name="loop lag")

    async def stop(self) -> None:
        if self._task:
            await end(self._task)
            self._task = None

    def take_longest_s(self) -> float:
        """Returns the longest lag since the last call."""
        longest_s, self._longest_s = self._longest_s, 0.0
        return longest_s

    async def _measure(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + self._interval_s
            await asyncio.sleep(self._interval_s)
            late_s = max(0.0, loop.time() - due_s)
            self.seconds.observe(late_s)
            self._longest_s = max(self._longest_s, late_s)
