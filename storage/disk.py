"""Threads for storage work, the only way to files off the event loop.

A thread cannot be interrupted. `run` abandons it when its caller is cancelled; `run_to_its_end`
waits for it first, which writers need: the file may be closed or removed next.
"""

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Literal, ParamSpec, TypeVar

import aiofiles
from aiofiles.threadpool.binary import AsyncFileIO

from storage.concurrency.tasks import to_its_end
from storage.concurrency.threads import Threads
from storage.errors import wrap_os_errors

_P = ParamSpec("_P")
_T = TypeVar("_T")

Opener = Callable[[str, int], int]


class Disk:
    """Runs blocking calls on the threads of `executor`; without one, on the loop's own."""

    def __init__(self, executor: Executor | None = None) -> None:
        self._executor = executor

    @property
    def threads(self) -> Executor | None:
        return self._executor

    def start(
        self, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> asyncio.Future[_T]:
        """Begin `call` and return its future, to be shared or awaited with a time-out."""
        # With the caller's context, as `asyncio.to_thread`: log lines keep their request id.
        work = partial(contextvars.copy_context().run, call, *args, **kwargs)
        return asyncio.get_running_loop().run_in_executor(self._executor, work)

    async def run(self, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Result of `call`; when cancelled, its thread is left to end by itself."""
        return await self.start(call, *args, **kwargs)

    async def run_to_its_end(
        self, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """Like `run`, but a cancellation takes effect only once `call` has ended."""
        return await to_its_end(self.start(call, *args, **kwargs))

    @asynccontextmanager
    async def opened(
        self, path: Path, mode: Literal["xb", "r+b"], opener: Opener
    ) -> AsyncIterator[AsyncFileIO]:
        """An unbuffered file, closed with the block. Raises: StorageError."""
        with wrap_os_errors():
            opening = asyncio.ensure_future(self._open(path, mode, opener))
            try:
                file = await asyncio.shield(opening)
            except asyncio.CancelledError:
                await (await opening).close()
                raise
        try:
            yield file
        finally:
            with wrap_os_errors():
                await to_its_end(file.close())

    async def _open(self, path: Path, mode: Literal["xb", "r+b"], opener: Opener) -> AsyncFileIO:
        return await aiofiles.open(path, mode, buffering=0, executor=self._executor, opener=opener)


# On the loop's own threads, which name look-ups share: for background and start-up work.
SHARED_DISK = Disk()


@asynccontextmanager
async def open_disk(count: int, name: str) -> AsyncIterator[Disk]:
    """A disk with `count` threads of its own, closed as `open_threads`."""
    async with open_threads(count, name) as threads:
        yield Disk(threads)


@asynccontextmanager
async def open_threads(count: int, name: str) -> AsyncIterator[Threads]:
    """An executor of its own; running work is awaited at the end, off the loop."""
    executor = Threads(count, name)
    try:
        yield executor
    finally:
        await asyncio.to_thread(executor.shutdown, cancel_futures=True)
