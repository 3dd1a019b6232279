"""Calls that wait for the next turn of the event loop, under one handle for all of them."""

import asyncio
from collections.abc import Callable
from typing import Any

Call = tuple[Callable[..., None], *tuple[Any, ...]]


class NextTurn:
    """Runs them in the order in which they were added."""

    __slots__ = ("_calls",)

    def __init__(self) -> None:
        self._calls: list[Call] = []

    def add(self, loop: asyncio.AbstractEventLoop, call: Call) -> None:
        """A function and its arguments."""
        if not self._calls:
            loop.call_soon(self._run, loop)
        self._calls.append(call)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        calls, self._calls = self._calls, []
        following = iter(calls)
        try:
            for function, *arguments in following:
                function(*arguments)
        finally:
            for call in following:  # behind one that failed
                self.add(loop, call)
