"""A bounded pool of sandboxed children, and the repetition that turns failures into a verdict.

Children for one owner never take all slots, so that a script of one user cannot keep all others
waiting.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from storage.concurrency.waits import PoolWaits
from storage.errors import SandboxBusy, StorageError
from storage.sandbox.answers import decode_result
from storage.sandbox.child_process import Call, run_child
from storage.sandbox.forked_child import Child
from storage.sandbox.outcome import final_error

_T = TypeVar("_T")


@dataclass(slots=True)
class _Share:
    """The slots that one owner may take, and its calls that run or wait."""

    slots: asyncio.Semaphore
    call_count: int = 0


class ChildPool:
    """Children, at most `max_concurrency` at once; further calls wait for up to `max_wait_s`."""

    def __init__(self, child: Child, max_concurrency: int, max_wait_s: float) -> None:
        self.size = max_concurrency
        self.busy_count = 0
        self.waits = PoolWaits()
        self._child = child
        self._slots = asyncio.Semaphore(max_concurrency)
        self._slots_per_owner = max(1, max_concurrency - 1)
        self._shares: dict[str, _Share] = {}  # of owners with calls
        self._max_wait_s = max_wait_s

    async def run(
        self,
        call: Call,
        result_type: type[_T] | None,
        most_interruptions: int,
        owner: str | None = None,
    ) -> _T:
        """Start children until one succeeds or `outcome.final_error` finds a failure final.

        Raises: that failure; SandboxBusy when no slot became free in time.
        """
        failures: list[StorageError] = []
        while True:
            try:
                async with self._slot(owner):
                    message = await run_child(self._child, call)
                return decode_result(message, result_type)
            except StorageError as exc:
                failures.append(exc)
            if final := final_error(failures, most_interruptions):
                raise final

    @asynccontextmanager
    async def _slot(self, owner: str | None) -> AsyncIterator[None]:
        """Raises: SandboxBusy."""
        wait = self.waits.begin()
        try:
            async with self._share_of(owner):
                self.waits.end(wait)
                self.busy_count += 1
                try:
                    yield
                finally:
                    self.busy_count -= 1
        finally:
            self.waits.end(wait)

    @asynccontextmanager
    async def _share_of(self, owner: str | None) -> AsyncIterator[None]:
        """Raises: SandboxBusy."""
        give_up_at_s = asyncio.get_running_loop().time() + self._max_wait_s
        if owner is None:
            async with _acquired(self._slots, give_up_at_s):
                yield
            return
        share = self._shares.setdefault(owner, _Share(asyncio.Semaphore(self._slots_per_owner)))
        share.call_count += 1
        try:
            async with _acquired(share.slots, give_up_at_s), _acquired(self._slots, give_up_at_s):
                yield
        finally:
            share.call_count -= 1
            if not share.call_count:
                del self._shares[owner]


@asynccontextmanager
async def _acquired(slots: asyncio.Semaphore, give_up_at_s: float) -> AsyncIterator[None]:
    """Hold a slot for the block. Raises: SandboxBusy when none was free in time."""
    try:
        async with asyncio.timeout_at(give_up_at_s):
            await slots.acquire()
    except TimeoutError:
        raise SandboxBusy from None
    try:
        yield
    finally:
        slots.release()
