"""When each of many streams is due, for a heartbeat or for its end: one wheel, no timers.

A stream stands in one slot of the wheel; who keeps the streams asks again and again who is due.
Does not decide what becomes of them.
"""

import math
import time
from collections.abc import Callable

from events.stream.subscriber import Subscriber

EARLINESS = 0.9  # of the interval: "at least every 15 s" must hold on a slow network
MAX_TICK_S = 0.25  # so late at most a stream may end


class Heartbeats:
    """`interval_s` is the longest that a stream may be silent; ask for who is `due` every `tick_s`.

    Credentials expire by `wall_clock`, which may be set; intervals go by `clock`.
    """

    def __init__(
        self,
        interval_s: float,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.tick_s = min(MAX_TICK_S, interval_s / 20)
        self._interval_s = interval_s * EARLINESS - 2 * self.tick_s
        self._clock = clock
        self._wall_clock = wall_clock
        self._slots: dict[int, set[Subscriber]] = {}
        self._slot_of: dict[Subscriber, int] = {}

    def __len__(self) -> int:
        return len(self._slot_of)

    def expect(self, subscriber: Subscriber) -> None:
        """It is due after the interval, or when it expires."""
        self.forget(subscriber)
        left_s = subscriber.expires_at - self._wall_clock()
        due_at = self._clock() + min(self._interval_s, max(left_s, 0.0))
        slot = self._slot_of[subscriber] = math.ceil(due_at / self.tick_s)
        self._slots.setdefault(slot, set()).add(subscriber)

    def forget(self, subscriber: Subscriber) -> None:
        slot = self._slot_of.pop(subscriber, None)
        if slot is None:
            return
        self._slots[slot].discard(subscriber)
        if not self._slots[slot]:
            del self._slots[slot]

    def due(self) -> list[Subscriber]:
        """Who has become due since this was asked last; forgotten until expected again."""
        now = self._clock() / self.tick_s
        passed = [slot for slot in self._slots if slot <= now]
        found = [subscriber for slot in passed for subscriber in self._slots.pop(slot)]
        for subscriber in found:
            del self._slot_of[subscriber]
        return found

    def is_expired(self, subscriber: Subscriber) -> bool:
        return subscriber.expires_at <= self._wall_clock()
