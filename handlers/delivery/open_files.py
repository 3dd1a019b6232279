"""Descriptors of the files that are being sent, opened off the event loop.

Bounded: the cache keeps `capacity` files, the least recently used one leaves first, and a file
that leaves while it is being sent is closed by its last transfer. It knows nothing of HTTP, and
it does not decide which file is sent.
"""

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from handlers.delivery.errors import FileUnavailable
from handlers.delivery.ranges import Headers, RepresentationFacts
from storage.concurrency.bounded_cache import BoundedCache, CacheFigures
from storage.disk import Disk


@dataclass(frozen=True, slots=True)
class Representation:
    """One file that can be served, and what is known of it without opening it.

    `etag` is opaque and strong, from the content's hash; `file_name` is what a download is called.
    """

    path: Path
    file_name: str
    size_bytes: int
    content_type: str
    etag: str
    last_modified_s: int

    def facts(
        self, cache_control: str, *, varies_by_accept: bool = False, extra_headers: Headers = ()
    ) -> RepresentationFacts:
        """The argument of `ranges.plan`, with what depends on the request."""
        return RepresentationFacts(
            self.size_bytes,
            self.content_type,
            self.etag,
            self.last_modified_s,
            cache_control,
            varies_by_accept,
            extra_headers,
        )


class OpenFile:
    """A descriptor with the number of its holders; the last one to release it closes it.

    `warm_until_s` maps the start of a block of the file to the monotonic time up to which it is
    taken to be in the page cache. `on_short` is called when it turned out to have lost bytes. It
    `is_kept` while it may be lent: not after it was deleted.
    """

    __slots__ = ("_holders", "descriptor", "is_kept", "on_short", "size_bytes", "warm_until_s")

    def __init__(self, descriptor: int, size_bytes: int) -> None:
        self.on_short: Callable[[], None] | None = None
        self.descriptor = descriptor
        self.size_bytes = size_bytes
        self.is_kept = False
        self.warm_until_s: dict[int, float] = {}
        self._holders = 1

    def hold(self) -> Self:
        self._holders += 1
        return self

    def found_short(self) -> None:
        """Its end came too early: remove it from the cache, so that no other transfer begins."""
        if self.on_short is not None:
            self.on_short()

    def release(self) -> None:
        self._holders -= 1
        if self._holders == 0:
            self.on_short = None
            os.close(self.descriptor)


class OpenFiles:
    """A bounded cache of open files; leaving its `with` block closes those not being sent."""

    def __init__(self, disk: Disk, *, capacity: int = 256) -> None:
        self._disk = disk
        self._files: BoundedCache[Path, OpenFile] = BoundedCache(capacity)
        self._opening: dict[Path, asyncio.Future[OpenFile]] = {}
        self._is_closed = False
        self._hit_count = self._miss_count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_closed = True
        for path in list(self._files):
            self.forget(path)

    def __len__(self) -> int:
        return len(self._files)

    def cache_figures(self) -> CacheFigures:
        """Figures of `open`: `held` is asked by who can do without."""
        return CacheFigures(len(self), self._hit_count, self._miss_count)

    @asynccontextmanager
    async def open(self, representation: Representation) -> AsyncIterator[OpenFile]:
        """Lend the file for as long as the block runs.

        Raises: FileUnavailable.
        """
        file = await self._take(representation)
        try:
            yield file
        finally:
            file.release()

    def held(self, representation: Representation) -> OpenFile | None:
        """The file, if it is open already."""
        file = self._files.peek(representation.path)
        if file is None or file.size_bytes != representation.size_bytes:
            return None
        self._files.renew(representation.path)
        return file

    def forget(self, path: Path) -> None:
        """Release a deleted file, so that its space is freed when its last transfer ends."""
        _let_go(self._files.forget(path))

    async def forget_removed(self) -> None:
        """Release files that were deleted or changed their length meanwhile."""
        files = [(path, file.hold()) for path, file in self._files.items()]
        if not files:
            return
        try:
            for path, file in await self._disk.run(_changed, files):
                self._drop(path, file)
        finally:
            for _, file in files:
                file.release()

    def _drop(self, path: Path, file: OpenFile) -> None:
        if self._files.peek(path) is file:
            self.forget(path)

    async def _take(self, representation: Representation) -> OpenFile:
        if (file := self.held(representation)) is not None:
            self._hit_count += 1
            return file.hold()
        self._miss_count += 1
        return await self._open_anew(representation)

    async def _open_anew(self, representation: Representation) -> OpenFile:
        # A loop, since another file may have pushed this one out before we were woken.
        while (file := self.held(representation)) is None:
            self.forget(representation.path)  # of another length, if it was open at all
            opening = self._opened(representation)
            await asyncio.shield(opening)
            # Its callback may not have run yet: awaiting a finished future does not yield.
            self._keep(representation.path, opening)
        return file.hold()

    def _opened(self, representation: Representation) -> asyncio.Future[OpenFile]:
        """Open each file once for concurrent requests, also if the first of them is cancelled."""
        path = representation.path
        if (opening := self._opening.get(path)) is not None:
            return opening
        opening = self._disk.start(_open_checked, path, representation.size_bytes)
        self._opening[path] = opening
        opening.add_done_callback(lambda done: self._keep(path, done))
        return opening

    def _keep(self, path: Path, opened: asyncio.Future[OpenFile]) -> None:
        if self._opening.get(path) is not opened:
            return
        del self._opening[path]
        if opened.cancelled() or opened.exception() is not None:
            return
        if self._is_closed:
            opened.result().release()
            return
        file = opened.result()
        file.on_short = partial(self._drop, path, file)
        file.is_kept = True
        _let_go(self._files.put(path, file))


def _let_go(file: OpenFile | None) -> None:
    """Release a file that left the cache, if one did."""
    if file is not None:
        file.is_kept = False
        file.release()


def _changed(files: Sequence[tuple[Path, OpenFile]]) -> list[tuple[Path, OpenFile]]:
    """The files that are no longer what was opened. Blocks: runs in the pool."""
    return [(path, file) for path, file in files if _is_changed(file)]


def _is_changed(file: OpenFile) -> bool:
    try:
        found = os.fstat(file.descriptor)
    except OSError:  # the mount is gone, or came back: reopened on demand
        return True
    return found.st_nlink == 0 or found.st_size != file.size_bytes


def _open_checked(path: Path, size_bytes: int) -> OpenFile:
    """Open a regular file of just this size. Blocks: runs in the pool."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as exc:
        raise FileUnavailable(path) from exc
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_size != size_bytes:
        os.close(descriptor)
        raise FileUnavailable(path)
    return OpenFile(descriptor, size_bytes)
