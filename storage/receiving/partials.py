"""Files of resumable uploads, which outlive requests and have one writer at a time.

The upload's row has its offset, which never exceeds the durable bytes: a request that resumes the
upload truncates the file to it, such as half a chunk from before a crash. An upload that was taken
from a holder that hangs has several numbered files, for that one may still write to its own.
"""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from pathlib import Path
from uuid import UUID

from aiofiles.threadpool.binary import AsyncFileIO

from storage.disk import Disk
from storage.errors import PartialBusy, PartialLost, wrap_os_errors
from storage.file_locks import lock_descriptor, require_linked, try_exclusive_lock
from storage.paths import FILE_MODE, StoragePaths, partial_id
from storage.receiving.partial_pieces import STEP_BYTES, copy_piece
from storage.receiving.uploads import Digest, UploadFile, require_space


class PartialFile:
    """The locked newest file of one upload; made by `hold_partial`, which closes it."""

    def __init__(self, path: Path, file: AsyncFileIO, disk: Disk, earlier: Sequence[Path]) -> None:
        self.path = path
        self._file = file
        self._disk = disk
        self._earlier = earlier

    @property
    def descriptor(self) -> int:
        """Descriptor for writing at any position; valid while the file is held."""
        return self._file.fileno()

    async def resume(
        self,
        offset_bytes: int,
        reserve_bytes: int,
        digest: Digest | None = None,
        *,
        start_bytes: int = 0,
    ) -> UploadFile:
        """Truncate the file to the offset; its own bytes begin at `start_bytes`.

        Raises: PartialLost when the file is shorter.
        """
        await require_space(self.path.parent, reserve_bytes, self._disk)
        with wrap_os_errors():
            await self._disk.run_to_its_end(_cut, self._file.fileno(), offset_bytes, start_bytes)
        return UploadFile(
            self.path,
            self._file,
            self._disk,
            reserve_bytes,
            written_bytes=offset_bytes,
            digest=digest,
        )

    async def join(self, starts: Sequence[int], reserve_bytes: int) -> None:
        """Copy the bytes of earlier files, which begin at `starts`, into this one; durably.

        Raises: PartialLost when one is missing or shorter, StorageFull, StorageReadOnly.
        """
        await require_space(self.path.parent, reserve_bytes + starts[-1], self._disk)
        with wrap_os_errors():
            for source, (begin, end) in zip(self._earlier, pairwise(starts), strict=True):
                for at in range(begin, end, STEP_BYTES):
                    await self._disk.run_to_its_end(
                        copy_piece, source, self.descriptor, at, min(at + STEP_BYTES, end)
                    )
            await self._disk.run_to_its_end(os.fsync, self.descriptor)

    async def remove(self) -> None:
        """Remove the files; if that fails, the sweep removes them."""
        for path in (*self._earlier, self.path):
            with suppress(OSError):
                await self._disk.run_to_its_end(path.unlink, missing_ok=True)


@asynccontextmanager
async def hold_partial(
    paths: StoragePaths, upload_id: UUID, disk: Disk, number: int = 0
) -> AsyncIterator[PartialFile]:
    """The file of an upload with that number, locked for the block and made if there is none.

    Raises: PartialBusy while another request holds it, here or on another machine; StorageGone,
    StorageFull, StorageReadOnly.
    """
    await disk.run(paths.check)
    *earlier, path = (paths.partial(upload_id, one) for one in range(number + 1))
    async with disk.opened(path, "r+b", _open_exclusive) as file:
        yield PartialFile(path, file, disk, earlier)


def require_free(paths: StoragePaths, upload_id: UUID, number: int = 0) -> None:
    """Raises: PartialBusy while that file of the upload is held. Blocks."""
    with try_exclusive_lock(paths.partial(upload_id, number)) as is_free:
        if not is_free:
            raise PartialBusy


def list_partials(paths: StoragePaths) -> list[UUID]:
    """Ids of the uploads that have a file. Blocks. Raises: StorageGone."""
    paths.check()
    with wrap_os_errors():
        found = {partial_id(name) for name in os.listdir(paths.unfinished)}
        return [upload_id for upload_id in found if upload_id is not None]


def remove_partial(paths: StoragePaths, upload_id: UUID) -> bool:
    """Remove files that are not held; True if none is left. Blocks. Raises: StorageReadOnly."""
    with wrap_os_errors():
        names = [name for name in os.listdir(paths.unfinished) if partial_id(name) == upload_id]
        return all([_remove_unheld(paths.unfinished / name) for name in names])


def _remove_unheld(path: Path) -> bool:
    with try_exclusive_lock(path) as is_free:
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


def _cut(descriptor: int, offset_bytes: int, start_bytes: int) -> None:
    if offset_bytes > start_bytes and os.fstat(descriptor).st_size < offset_bytes:
        raise PartialLost
    os.ftruncate(descriptor, offset_bytes)
    os.lseek(descriptor, offset_bytes, os.SEEK_SET)
