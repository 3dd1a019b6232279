"""Timer wheel for the heartbeats and the expiry of event streams: one wheel, no timers.

A stream is in one slot of the wheel; the hub polls for the streams that are due and decides what
to do with them.
"""

import asyncio
import math
import time
from collections.abc import Callable

from events.stream.subscriber import Subscriber

EARLINESS = 0.9  # of the interval: "at least every 15 s" must hold on a slow network
MAX_TICK_S = 0.25  # bounds how late a stream may end


class Heartbeats:
    """Tracks due times; `interval_s` is the longest silence of a stream. Poll `due` per `tick_s`
    while `are_expected` is set.

    Credentials expire by `wall_clock`, which may be adjusted; intervals are measured by `clock`.
    """

    def __init__(
        self,
        interval_s: float,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.tick_s = min(MAX_TICK_S, interval_s / 20)
        self.are_expected = asyncio.Event()
        self._interval_s = interval_s * EARLINESS - 2 * self.tick_s
        self._clock = clock
        self._wall_clock = wall_clock
        self._slots: dict[int, set[Subscriber]] = {}
        self._slot_of: dict[Subscriber, int] = {}

    def __len__(self) -> int:
        return len(self._slot_of)

    def expect(self, subscriber: Subscriber) -> None:
        """Schedules the stream: due after the interval, or at its expiry."""
        self.forget(subscriber)
        left_s = subscriber.expires_at - self._wall_clock()
        due_at = self._clock() + min(self._interval_s, max(left_s, 0.0))
        slot = self._slot_of[subscriber] = math.ceil(due_at / self.tick_s)
        self._slots.setdefault(slot, set()).add(subscriber)
        self.are_expected.set()

    def forget(self, subscriber: Subscriber) -> None:
        slot = self._slot_of.pop(subscriber, None)
        if slot is None:
            return
        self._slots[slot].discard(subscriber)
        if not self._slots[slot]:
            del self._slots[slot]
        self._rest()

    def due(self) -> list[Subscriber]:
        """Returns and unschedules the streams that have become due since the last call."""
        now = self._clock() / self.tick_s
        passed = [slot for slot in self._slots if slot <= now]
        found = [subscriber for slot in passed for subscriber in self._slots.pop(slot)]
        for subscriber in found:
            del self._slot_of[subscriber]
        self._rest()
        return found

    def _rest(self) -> None:
        if not self._slot_of:
            self.are_expected.clear()

    def is_expired(self, subscriber: Subscriber) -> bool:
        return subscriber.expires_at <= self._wall_clock()
