"""A bounded pool of sandboxed children, and the repetition that turns failures into a verdict."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from storage.errors import SandboxBusy, StorageError
from storage.sandbox.answers import decode_result
from storage.sandbox.child_process import Call, Child, run_child
from storage.sandbox.outcome import final_error

_T = TypeVar("_T")


class ChildPool:
    """Children, at most `max_concurrency` at once; further calls wait for up to `max_wait_s`."""

    def __init__(self, child: Child, max_concurrency: int, max_wait_s: float) -> None:
        self._child = child
        self._slots = asyncio.Semaphore(max_concurrency)
        self._max_wait_s = max_wait_s

    async def run(self, call: Call, result_type: type[_T] | None, most_interruptions: int) -> _T:
        """Start children until one succeeds or `outcome.final_error` finds a failure final.

        Raises: that failure; SandboxBusy when no slot became free in time.
        """
        failures: list[StorageError] = []
        while True:
            try:
                async with self._slot():
                    message = await run_child(self._child, call)
                return decode_result(message, result_type)
            except StorageError as exc:
                failures.append(exc)
            if final := final_error(failures, most_interruptions):
                raise final

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._max_wait_s):
                await self._slots.acquire()
        except TimeoutError:
            raise SandboxBusy from None
        try:
            yield
        finally:
            self._slots.release()
