"""Temporary files of arriving uploads, removed unless published.

Memory for an upload is one batch of 1 MiB however large the file; every write goes through the
threads of the given disk. The caller limits the size of an upload.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Protocol
from uuid import UUID

from storage.concurrency.tasks import to_its_end
from storage.disk import Disk
from storage.errors import StorageFull, wrap_os_errors
from storage.file_locks import lock_descriptor, require_linked
from storage.mount.space import read_space
from storage.paths import FILE_MODE, StoragePaths

BATCH_BYTES = 1024 * 1024
# statvfs costs a thread hop: one per 16 MiB spares most writes.
_SPACE_STEP_BYTES = 16 * 1024 * 1024


class _File(Protocol):
    async def write(self, view: memoryview, /) -> int: ...
    def fileno(self) -> int: ...


class Digest(Protocol):
    """The interface of hashlib's objects."""

    def update(self, data: memoryview, /) -> None: ...
    def digest(self) -> bytes: ...


class UploadFile:
    """A temporary file being appended to; its opener closes it.

    `digest` is updated with the written bytes.
    """

    def __init__(
        self,
        path: Path,
        file: _File,
        disk: Disk,
        reserve_bytes: int,
        *,
        written_bytes: int = 0,
        digest: Digest | None = None,
    ) -> None:
        self.path = path
        self._file = file
        self._disk = disk
        self._reserve_bytes = reserve_bytes
        self._digest = digest
        # Reused: fresh memory for each batch costs more than copying into it.
        self._batch = memoryview(bytearray(BATCH_BYTES))
        self._batch_bytes = 0
        self._written_bytes = written_bytes
        self._space_known_to_bytes = 0

    @property
    def offset(self) -> int:
        """Bytes appended so far, including those in the batch."""
        return self._written_bytes + self._batch_bytes

    async def append(self, chunk: bytes | bytearray | memoryview) -> None:
        """Append `chunk`; writes whenever a batch is full.

        Raises: StorageFull, StorageReadOnly, StorageGone; the upload is then useless.
        """
        with memoryview(chunk) as view:
            position = 0
            while position < len(view):
                taken = view[position : position + BATCH_BYTES - self._batch_bytes]
                self._batch[self._batch_bytes : self._batch_bytes + len(taken)] = taken
                self._batch_bytes += len(taken)
                position += len(taken)
                if self._batch_bytes == BATCH_BYTES:
                    await self._write_batch()

    async def finish(self) -> None:
        """Write the last batch and fsync; may be called again.

        Raises: as `append`.
        """
        if self._batch_bytes:
            await self._write_batch()
        await self.sync()

    async def sync(self) -> int:
        """fsync the written bytes, without the current batch, and return their number.

        Raises: as `append`.
        """
        written_bytes = self._written_bytes
        with wrap_os_errors():
            await self._disk.run_to_its_end(os.fsync, self._file.fileno())
        return written_bytes

    async def _write_batch(self) -> None:
        await self._keep_reserve()
        with wrap_os_errors():
            await to_its_end(self._write_all(self._batch[: self._batch_bytes]))
        self._written_bytes += self._batch_bytes
        self._batch_bytes = 0

    async def _write_all(self, batch: memoryview) -> None:
        view = batch
        while view:
            view = view[await self._file.write(view) :]
        if self._digest is not None:
            await self._disk.run(self._digest.update, batch)

    async def _keep_reserve(self) -> None:
        if self._written_bytes < self._space_known_to_bytes:
            return
        wanted_bytes = self._reserve_bytes + self._batch_bytes
        await require_space(self.path.parent, wanted_bytes, self._disk)
        self._space_known_to_bytes = self._written_bytes + _SPACE_STEP_BYTES


@asynccontextmanager
async def receive(
    paths: StoragePaths, upload_id: UUID, disk: Disk, reserve_bytes: int
) -> AsyncIterator[UploadFile]:
    """Open a temporary file for an upload; removed at the end of the block unless published.

    `reserve_bytes` of the disk always stay free. Raises: StorageGone, StorageFull, StorageReadOnly.
    """
    await disk.run(paths.check)
    path = paths.upload(upload_id)
    await require_space(path.parent, reserve_bytes, disk)
    try:
        async with disk.opened(path, "xb", _open_locked) as file:
            yield UploadFile(path, file, disk, reserve_bytes)
    finally:
        # Publishing renames it, so that nothing of this name is left to remove.
        await disk.run_to_its_end(_discard, path)


def _open_locked(path: str, flags: int) -> int:
    """Open and lock; the kernel releases the lock when the process ends, however it ends."""
    readable = flags & ~os.O_WRONLY | os.O_RDWR  # for the lock, on NFS
    descriptor = os.open(path, readable, FILE_MODE)
    try:
        lock_descriptor(descriptor)
        require_linked(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


async def require_space(directory: Path, wanted_bytes: int, disk: Disk) -> None:
    """Raises: StorageFull unless `wanted_bytes` are free to an ordinary user."""
    if (await read_space(directory, disk)).free_bytes < wanted_bytes:
        raise StorageFull


def _discard(path: Path) -> None:
    # A failed removal must not hide why the upload ended; a sweep removes the file later.
    with suppress(OSError):
        path.unlink(missing_ok=True)
