"""A pool of threads that counts the calls waiting for one of them, and knows since when."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from storage.concurrency.waits import PoolWaits

_T = TypeVar("_T")


class Threads(ThreadPoolExecutor):
    """`size` threads, started on demand; a call has begun when a thread has taken it."""

    def __init__(self, size: int, name: str) -> None:
        super().__init__(size, name)
        self.size = size
        self.waits = PoolWaits()
        self._busy: set[object] = set()

    @property
    def busy_count(self) -> int:
        return len(self._busy)

    def submit(self, call: Callable[..., _T], /, *args: Any, **kwargs: Any) -> Future[_T]:
        wait = self.waits.begin()
        future = super().submit(self._run, wait, call, args, kwargs)
        future.add_done_callback(lambda _: self.waits.end(wait))  # cancelled before it began
        return future

    def _run(
        self, wait: object, call: Callable[..., _T], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> _T:
        self.waits.end(wait)
        self._busy.add(wait)
        try:
            return call(*args, **kwargs)
        finally:
            self._busy.discard(wait)
