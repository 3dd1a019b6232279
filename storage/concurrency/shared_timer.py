"""One timer for many that are each to be looked at now and then.

A timer of its own takes 600 bytes of each connection under uvloop, and most are cancelled long
before they are due.
"""

import asyncio
from collections.abc import Callable
from itertools import takewhile
from typing import Generic, TypeVar

Member = TypeVar("Member")

TICKS_AN_INTERVAL = 8  # so that thousands are not looked at in one turn of the loop


class SharedTimer(Generic[Member]):
    """Calls `look` with a member once `interval_s` has passed since it was added, and again after
    each interval, until it is discarded. Up to an eighth of it later."""

    def __init__(self, interval_s: float, look: Callable[[Member], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._interval_s = interval_s
        self._look = look
        # All wait alike long, so who was added first is due first.
        self._due_s: dict[Member, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, member: Member) -> None:
        self._due_s[member] = self._loop.time() + self._interval_s
        if self._timer is None:
            self._set()

    def discard(self, member: Member) -> None:
        self._due_s.pop(member, None)

    def _set(self) -> None:
        self._timer = self._loop.call_later(self._interval_s / TICKS_AN_INTERVAL, self._tick)

    def _tick(self) -> None:
        now_s = self._loop.time()
        items = takewhile(lambda item: item[1] <= now_s, self._due_s.items())
        try:
            for member in [member for member, _ in items]:
                if self._due_s.pop(member, None) is not None:  # not ended by one before it
                    self._due_s[member] = now_s + self._interval_s
                    self._look(member)
        finally:  # who is behind one that failed is due at the next tick
            self._timer = None
            if self._due_s:
                self._set()
