"""Exclusive access to an upload: one request at a time holds its file, the newest.

The newer request claims the upload in the database, which ends the older one (`receivers`), and
waits for the lock of its file, which is released once the older one has ended. One that has not
ended by then hangs, with its machine or its disk: the newer request fences it
(`db.uploads.upload_holders`) and goes on in a file of its own, for the other may wake in the middle
of a write.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar
from uuid import UUID

from db.pool import Database
from db.uploads import upload_holders, uploads
from db.uploads.uploads import Upload
from events.uploads.errors import UploadGone, UploadTakenOver
from events.uploads.receivers import Receiver, Receivers
from storage.disk import Disk
from storage.errors import PartialBusy
from storage.paths import StoragePaths
from storage.receiving.partials import PartialFile, hold_partial, require_free

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

# The contract's limit for a takeover is 2 s, and a writer that lives notices within 0.25 s.
PATIENCE_S = 1.5
RETRY_S = 0.02


@dataclass(frozen=True, slots=True)
class Held:
    """A held upload: its row as it was then, of which the caller is the holder, and its file."""

    upload: Upload
    file: PartialFile

    @property
    def holder(self) -> int:
        return self.upload.holder


class ExclusiveAccess:
    """Holds files of uploads; `receivers` are the requests of this process."""

    def __init__(
        self, database: Database, storage: StoragePaths, disk: Disk, receivers: Receivers
    ) -> None:
        self._database = database
        self._storage = storage
        self._disk = disk
        self._receivers = receivers

    async def claim(self, upload_id: UUID) -> Upload:
        """End older requests for the upload, in any process. Raises: UploadGone, DatabaseError."""
        upload = await uploads.claim(self._database, upload_id)
        if upload is None or upload.is_gone:
            raise UploadGone
        self._receivers.end_older(upload.id, upload.claims)
        return upload

    @asynccontextmanager
    async def hold(self, claimed: Upload, receiver: Receiver | None = None) -> AsyncIterator[Held]:
        """Lock the upload's file after ending, or fencing, its older writers.

        A newer request ends the receiver.
        Raises: UploadGone, UploadTakenOver, PartialBusy, StorageError, DatabaseError.
        """
        async with AsyncExitStack() as stack:
            if receiver is not None:
                stack.enter_context(self._receivers.claimed(receiver, claimed.id, claimed.claims))
            try:
                file = await _patiently(lambda: self._enter(stack, claimed))
            except PartialBusy:
                claimed = await self._fence(claimed)
                file = await self._enter(stack, claimed)
            held = await upload_holders.hold(self._database, claimed)
            if held is None:
                raise UploadTakenOver
            if held.is_gone:
                raise UploadGone
            yield Held(held, file)

    async def end_writers(self, upload: Upload) -> None:
        """Return once no request writes to it, and its row has the final offset.

        Raises: UploadGone, PartialBusy, DatabaseError.
        """
        try:
            await self._require_free(upload)
        except PartialBusy:
            claimed = await self.claim(upload.id)
            try:
                await _patiently(lambda: self._require_free(claimed))
            except PartialBusy:
                await self._fence(claimed)

    async def _require_free(self, upload: Upload) -> None:
        await self._disk.run(require_free, self._storage, upload.id, upload.file_number)

    def _enter(self, stack: AsyncExitStack, claimed: Upload) -> Awaitable[PartialFile]:
        holding = partial(hold_partial, self._storage, claimed.id, self._disk)
        return stack.enter_async_context(holding(claimed.file_number))

    async def _fence(self, claimed: Upload) -> Upload:
        """Raises: PartialBusy while the holder completes it, or to another, newer request."""
        fenced = await upload_holders.fence(self._database, claimed)
        if fenced is None:
            raise PartialBusy
        logger.warning(
            "upload %s taken over at byte %d from a request that hangs",
            fenced.id,
            fenced.offset_bytes,
        )
        return fenced


async def _patiently(try_: Callable[[], Awaitable[_T]]) -> _T:
    """Retry while other requests hold the upload. Raises: PartialBusy."""
    clock = asyncio.get_running_loop().time
    deadline_s = clock() + PATIENCE_S
    while True:
        try:
            return await try_()
        except PartialBusy:
            if clock() > deadline_s:
                raise
            await asyncio.sleep(RETRY_S)
