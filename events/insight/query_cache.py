"""Cache of expensive queries: a result is kept for a while and shared by all who ask meanwhile.

What takes long to read is kept for long: reading takes a twentieth of the time at most, however
many pages are open.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from events.errors import FiguresNotReady
from storage.concurrency.bounded_cache import BoundedCache

KEPT_TIMES_READING = 20
MOST_WAITING_S = 10.0

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class _Reading(Generic[Value]):
    value: Value
    until_s: float


class QueryCache(Generic[Key, Value]):
    """The last few readings by key, each kept for `least_s` or more; one is made at a time."""

    def __init__(
        self,
        read: Callable[[Key], Awaitable[Value]],
        *,
        capacity: int = 1,
        least_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._least_s = least_s
        self._clock = clock
        self._readings: BoundedCache[Key, _Reading[Value]] = BoundedCache(capacity)
        self._turn = asyncio.Lock()

    async def get(self, key: Key) -> Value:
        """Raises: FiguresNotReady when other readings take too long, and as `read`."""
        if known := self._kept(key):
            return known.value
        try:
            async with asyncio.timeout(MOST_WAITING_S):
                await self._turn.acquire()
        except TimeoutError as exc:
            raise FiguresNotReady from exc
        try:
            return (self._kept(key) or await self._anew(key)).value
        finally:
            self._turn.release()

    def _kept(self, key: Key) -> _Reading[Value] | None:
        reading = self._readings.get(key)
        return reading if reading and self._clock() < reading.until_s else None

    async def _anew(self, key: Key) -> _Reading[Value]:
        begun_s = self._clock()
        value = await self._read(key)
        read_s = self._clock()
        kept_s = max(self._least_s, KEPT_TIMES_READING * (read_s - begun_s))
        reading = _Reading(value, read_s + kept_s)
        self._readings.put(key, reading)
        return reading
