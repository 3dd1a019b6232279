"""Hashes of the pieces of published files: computed once for each file, in the background.

A request waits for them for a few seconds; a large file's come with a later one. One file is read
at a time, so that serving keeps the disk.
"""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from db.media import file_pieces
from db.pool import Database
from events.errors import DamagedFile, PiecesNotReady
from storage.concurrency.tasks import end
from storage.disk import SHARED_DISK, Disk
from storage.errors import FileMissing
from storage.hashes import PieceHashes, hash_pieces
from storage.paths import StoragePaths, asset_hash

PATIENCE_S = 5.0
MOST_WAITING = 256  # files; whoever asks for more is told to come again


class FilePieces:
    """Reads hashes from the database, and computes those that are not there yet."""

    def __init__(
        self,
        database: Database,
        storage: StoragePaths,
        disk: Disk = SHARED_DISK,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._database = database
        self._storage = storage
        self._disk = disk
        self._patience_s = patience_s
        self._one_at_a_time = asyncio.Lock()
        self._computing: dict[tuple[UUID, str], asyncio.Task[list[bytes]]] = {}
        self._is_stopping = False

    async def get(
        self, course_id: str, video_id: UUID, file_names: Sequence[str]
    ) -> dict[str, list[bytes]]:
        """The SHA-256 of each 4 MiB of these published files.

        Raises: PiecesNotReady, DamagedFile, StorageError, DatabaseError.
        """
        found = await file_pieces.list_known(self._database, video_id, file_names)
        tasks = {
            name: self._begin(course_id, video_id, name) for name in file_names if name not in found
        }
        if tasks:
            _, pending = await asyncio.wait(tasks.values(), timeout=self._patience_s)
            if pending:
                raise PiecesNotReady
        return found | {name: task.result() for name, task in tasks.items()}

    async def stop(self) -> None:
        """Ends what is being computed, after the piece that is being read."""
        self._is_stopping = True
        for task in list(self._computing.values()):
            await end(task)

    def _begin(self, course_id: str, video_id: UUID, name: str) -> asyncio.Task[list[bytes]]:
        key = (video_id, name)
        task = self._computing.get(key)
        if task is None:
            if len(self._computing) >= MOST_WAITING:
                raise PiecesNotReady
            computing = self._compute(course_id, video_id, name)
            task = self._computing[key] = asyncio.create_task(computing, name="piece hashes")
            task.add_done_callback(lambda ended: self._finish(key, ended))
        return task

    def _finish(self, key: tuple[UUID, str], task: asyncio.Task[list[bytes]]) -> None:
        del self._computing[key]
        if not task.cancelled():
            task.exception()  # retrieved: nobody may be waiting any more

    async def _compute(self, course_id: str, video_id: UUID, name: str) -> list[bytes]:
        path = self._storage.asset(course_id, video_id, name)
        try:
            async with self._one_at_a_time:
                hashes: PieceHashes = await self._disk.run(hash_pieces, path, self._is_wanted)
        except FileMissing as exc:
            raise DamagedFile(name, is_there=False) from exc
        if not hashes.whole.startswith(asset_hash(name)):
            raise DamagedFile(name, is_there=True)
        async with self._database.transaction() as transaction:
            await file_pieces.add(transaction, video_id, name, hashes.pieces)
        return hashes.pieces

    def _is_wanted(self) -> bool:
        return not self._is_stopping
