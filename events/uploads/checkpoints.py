"""Checkpoints of a growing upload: its row records the number of durable bytes.

Taken at intervals while it grows, and at its end. A row never claims more than is durable.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from db.errors import DatabaseError
from db.pool import Database
from db.uploads import uploads
from db.uploads.uploads import Upload
from events.uploads.errors import UploadGone, UploadTakenOver
from storage.errors import StorageError
from storage.receiving.uploads import UploadFile

logger = logging.getLogger(__name__)

# A crash loses the bytes since the last checkpoint, and each checkpoint costs an fsync.
CHECKPOINT_BYTES = 64 * 1024 * 1024
CHECKPOINT_S = 2.0


class Checkpoints:
    """Takes checkpoints; each extends the upload's life by `life_s`."""

    def __init__(self, database: Database, life_s: float) -> None:
        self._database = database
        self._life_s = life_s

    async def advance(self, held: Upload, stored_bytes: int) -> Upload:
        """Take a checkpoint at this size; returns the upload.

        Raises: UploadTakenOver for a holder that was fenced, UploadGone, DatabaseError.
        """
        upload = await uploads.advance(
            self._database, held.id, stored_bytes, self._life_s, held.holder
        )
        if upload is None:
            await self.require_holder(held)
            raise UploadGone
        return upload

    async def require_holder(self, held: Upload) -> None:
        """Raises: UploadTakenOver for a holder that was fenced, UploadGone, DatabaseError."""
        found = await uploads.get(self._database, held.id)
        if found is None or found.is_gone:
            raise UploadGone
        if found.holder != held.holder:
            raise UploadTakenOver

    @asynccontextmanager
    async def during(self, file: UploadFile, held: Upload) -> AsyncIterator[Callable[[], None]]:
        """Yields a function to call after each chunk: it starts a checkpoint when one is due."""
        clock = asyncio.get_running_loop().time
        noting: asyncio.Task[None] | None = None
        due_bytes, due_s = file.offset + CHECKPOINT_BYTES, clock() + CHECKPOINT_S

        def consider() -> None:
            nonlocal noting, due_bytes, due_s
            is_due = file.offset >= due_bytes or clock() >= due_s
            if is_due and (noting is None or noting.done()):
                noting = asyncio.create_task(self._note(file, held))
                due_bytes, due_s = file.offset + CHECKPOINT_BYTES, clock() + CHECKPOINT_S

        try:
            yield consider
        finally:
            if noting is not None:
                await asyncio.wait([noting])

    async def _note(self, file: UploadFile, held: Upload) -> None:
        """A failure is only logged: the next checkpoint counts, or the end of the request."""
        try:
            await self.advance(held, await file.sync())
        except (DatabaseError, StorageError, UploadGone, UploadTakenOver) as exc:
            logger.warning("checkpoint of upload %s: %s", held.id, exc)
