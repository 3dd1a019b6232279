"""Calls that wait for the next turn of the event loop, under one handle for all of them."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any

from events.distributions import SHORT_BOUNDS_S, Distribution

Call = tuple[Callable[..., None], *tuple[Any, ...]]


class NextTurn:
    """Runs them in the order in which they were added.

    `durations_s` has, for each call, the time from the first of its turn until all were done: two
    looks at the clock for all of them.
    """

    __slots__ = ("_began_s", "_calls", "durations_s")

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._began_s = 0.0
        self.durations_s = Distribution(SHORT_BOUNDS_S)

    def add(self, loop: asyncio.AbstractEventLoop, call: Call) -> None:
        """A function and its arguments."""
        if not self._calls:
            loop.call_soon(self._run, loop)
            self._began_s = monotonic()  # uvloop's own stands still within a turn
        self._calls.append(call)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        calls, self._calls, began_s = self._calls, [], self._began_s
        following = iter(calls)
        try:
            for function, *arguments in following:
                function(*arguments)
            self.durations_s.observe_alike(monotonic() - began_s, len(calls))
        finally:
            for call in following:  # behind one that failed
                self.add(loop, call)
