"""Files of resumable uploads, which outlive requests and have one writer at a time.

The upload's row has its offset, which never exceeds the durable bytes: a request that resumes the
upload truncates the file to it, such as half a chunk from before a crash.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import UUID

from aiofiles.threadpool.binary import AsyncFileIO

from storage.disk import Disk
from storage.errors import PartialBusy, PartialLost, wrap_os_errors
from storage.file_locks import lock_descriptor, require_linked, try_exclusive_lock
from storage.paths import FILE_MODE, StoragePaths, partial_id
from storage.uploads import Digest, UploadFile, require_space


class PartialFile:
    """The locked file of one upload; made by `hold_partial`, which closes it."""

    def __init__(self, path: Path, file: AsyncFileIO, disk: Disk) -> None:
        self.path = path
        self._file = file
        self._disk = disk

    @property
    def descriptor(self) -> int:
        """For writing at any position; valid while the file is held."""
        return self._file.fileno()

    async def resume(
        self, offset_bytes: int, reserve_bytes: int, digest: Digest | None = None
    ) -> UploadFile:
        """Truncate the file to the offset. Raises: PartialLost when the file is shorter."""
        await require_space(self.path.parent, reserve_bytes, self._disk)
        with wrap_os_errors():
            await self._disk.run_to_its_end(_cut, self._file.fileno(), offset_bytes)
        return UploadFile(
            self.path,
            self._file,
            self._disk,
            reserve_bytes,
            written_bytes=offset_bytes,
            digest=digest,
        )

    async def remove(self) -> None:
        """Remove the file; if that fails, the sweep removes it."""
        with suppress(OSError):
            await self._disk.run_to_its_end(self.path.unlink, missing_ok=True)


@asynccontextmanager
async def hold_partial(
    paths: StoragePaths, upload_id: UUID, disk: Disk
) -> AsyncIterator[PartialFile]:
    """The file of an upload, locked for the block and made if there is none.

    Raises: PartialBusy while another request holds it, here or on another machine; StorageGone,
    StorageFull, StorageReadOnly.
    """
    await disk.run(paths.check)
    path = paths.partial(upload_id)
    async with disk.opened(path, "r+b", _open_exclusive) as file:
        yield PartialFile(path, file, disk)


def require_free(paths: StoragePaths, upload_id: UUID) -> None:
    """Raises: PartialBusy while the file of the upload is held. Blocks."""
    with try_exclusive_lock(paths.partial(upload_id)) as is_free:
        if not is_free:
            raise PartialBusy


def list_partials(paths: StoragePaths) -> list[UUID]:
    """Ids of the uploads that have a file. Blocks. Raises: StorageGone."""
    paths.check()
    with wrap_os_errors():
        found = (partial_id(name) for name in os.listdir(paths.unfinished))
        return [upload_id for upload_id in found if upload_id is not None]


def remove_partial(paths: StoragePaths, upload_id: UUID) -> bool:
    """Remove the file unless it is held; True if it is gone. Blocks. Raises: StorageReadOnly."""
    path = paths.partial(upload_id)
    with wrap_os_errors(), try_exclusive_lock(path) as is_free:
        if is_free:
            path.unlink(missing_ok=True)
        return is_free


def _open_exclusive(path: str, flags: int) -> int:
    descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW, FILE_MODE)
    try:
        lock_descriptor(descriptor, is_exclusive=True)
        require_linked(descriptor)
    except BaseException as exc:
        os.close(descriptor)
        if isinstance(exc, BlockingIOError | FileNotFoundError):
            raise PartialBusy from exc
        raise
    return descriptor


def _cut(descriptor: int, offset_bytes: int) -> None:
    if os.fstat(descriptor).st_size < offset_bytes:
        raise PartialLost
    os.ftruncate(descriptor, offset_bytes)
    os.lseek(descriptor, offset_bytes, os.SEEK_SET)
