"""Tells when a client has taken nothing for too long, with one timer that rarely rings.

The kernel tells of room only when a third of its buffer, up to megabytes, is free. So the clock
goes by what the client has acknowledged, and looks at it a few times within the time-out.
"""

import asyncio
from collections.abc import Callable

LOOKS_A_TIMEOUT = 4


class StallClock:
    """`read` says how many bytes the client has taken and how many wait for it to take them."""

    __slots__ = ("_loop", "_on_stall", "_read", "_taken", "_taken_at_s", "_timeout_s", "_timer")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        timeout_s: float,
        read: Callable[[], tuple[int, int]],
        on_stall: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._timeout_s = timeout_s
        self._read = read
        self._on_stall = on_stall
        self._taken: int | None = None  # not looked at yet
        self._taken_at_s = 0.0
        self._timer = self._set()

    def stop(self) -> None:
        self._timer.cancel()

    def _set(self) -> asyncio.TimerHandle:
        return self._loop.call_later(self._timeout_s / LOOKS_A_TIMEOUT, self._look)

    def _look(self) -> None:
        taken, waiting = self._read()
        now_s = self._loop.time()
        if taken != self._taken or not waiting:
            self._taken, self._taken_at_s = taken, now_s
        elif now_s - self._taken_at_s >= self._timeout_s:
            self._on_stall()
            return
        self._timer = self._set()
