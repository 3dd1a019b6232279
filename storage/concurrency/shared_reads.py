"""Readings that everyone shares who asks for the same key while one is under way.

Whoever asks first reads, in its own task and under its own
time-outs; if it is cancelled, the next of those who wait reads in its place.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Generic, TypeVar

from storage.concurrency.tasks import end

MOST_AHEAD = 32  # begun for nobody yet; what is beyond them is read when it is asked for

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
Read = Callable[[], Awaitable[Value]]


class SharedReads(Generic[Key, Value]):
    """One reading of each key at a time. A failure is shared, too. Ended by `stop`."""

    def __init__(self) -> None:
        self._under_way: dict[Key, asyncio.Future[Value]] = {}
        self._ahead: set[asyncio.Task[Any]] = set()

    async def get(self, key: Key, read: Read[Value]) -> Value:
        """The value of the reading under way, or else of `read`. Raises as the reading does."""
        while (reading := self._under_way.get(key)) is not None:
            await asyncio.wait([reading])
            if not reading.cancelled():
                return reading.result()
        return await self._read(key, read)

    def begin(self, key: Key, read: Read[Value]) -> None:
        """Read ahead of who will ask; its failure is nobody's."""
        if key in self._under_way or len(self._ahead) >= MOST_AHEAD:
            return
        task = asyncio.create_task(self.get(key, read), name=f"reading ahead {key}")
        self._ahead.add(task)
        task.add_done_callback(self._have_read_ahead)

    def forget(self, key: Key) -> None:
        """Lets nobody share a reading that began before."""
        self._under_way.pop(key, None)

    def forget_all(self) -> None:
        self._under_way.clear()

    async def stop(self) -> None:
        """End what was begun ahead."""
        for task in list(self._ahead):
            await end(task)

    async def _read(self, key: Key, read: Read[Value]) -> Value:
        reading = self._under_way[key] = asyncio.get_running_loop().create_future()
        try:
            value = await read()
        except Exception as exc:
            reading.set_exception(exc)
            reading.exception()  # seen, should nobody else wait
            raise
        else:
            reading.set_result(value)
            return value
        finally:
            reading.cancel()  # of no effect unless this task is cancelled
            if self._under_way.get(key) is reading:
                del self._under_way[key]

    def _have_read_ahead(self, task: asyncio.Task[Any]) -> None:
        self._ahead.discard(task)
        if not task.cancelled():
            task.exception()  # seen: whoever needs the value meets the fault
