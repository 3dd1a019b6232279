"""Exclusive access to an upload: one request at a time holds its file, the newest.

The newer request claims the upload in the database, which ends the older one (`receivers`), and
waits for the lock of its file, which is released once the older one has ended.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TypeVar
from uuid import UUID

from db import uploads
from db.pool import Database
from db.uploads import Upload
from events.uploads.errors import UploadGone
from events.uploads.receivers import Receiver, Receivers
from storage.disk import Disk
from storage.errors import PartialBusy
from storage.partials import PartialFile, hold_partial, require_free
from storage.paths import StoragePaths

_T = TypeVar("_T")

TAKEOVER_S = 2.0  # the contract's limit; then 423
RETRY_S = 0.02


class ExclusiveAccess:
    """Holds files of uploads; `receivers` are the requests of this process."""

    def __init__(
        self, database: Database, storage: StoragePaths, disk: Disk, receivers: Receivers
    ) -> None:
        self._database = database
        self._storage = storage
        self._disk = disk
        self._receivers = receivers

    @asynccontextmanager
    async def hold(
        self, upload_id: UUID, receiver: Receiver | None = None
    ) -> AsyncIterator[PartialFile]:
        """Lock the upload's file after ending its older writers.

        A newer request ends the receiver. Raises: UploadGone, PartialBusy, DatabaseError.
        """
        claimed = await self._claim(upload_id)
        async with AsyncExitStack() as stack:
            if receiver is not None:
                stack.enter_context(self._receivers.claimed(receiver, upload_id, claimed.claims))
            holding = partial(hold_partial, self._storage, upload_id, self._disk)
            yield await _patiently(lambda: stack.enter_async_context(holding()))

    async def end_writers(self, upload_id: UUID) -> None:
        """Return once no request writes to it, and its row has the final offset.

        Raises: UploadGone, PartialBusy, DatabaseError.
        """
        look = partial(self._disk.run, require_free, self._storage, upload_id)
        try:
            await look()
        except PartialBusy:
            await self._claim(upload_id)
            await _patiently(look)

    async def _claim(self, upload_id: UUID) -> Upload:
        upload = await uploads.claim(self._database, upload_id)
        if upload is None:
            raise UploadGone
        self._receivers.end_older(upload.id, upload.claims)
        return upload


async def _patiently(try_: Callable[[], Awaitable[_T]]) -> _T:
    """Retry while other requests hold the upload. Raises: PartialBusy."""
    clock = asyncio.get_running_loop().time
    deadline_s = clock() + TAKEOVER_S
    while True:
        try:
            return await try_()
        except PartialBusy:
            if clock() > deadline_s:
                raise
            await asyncio.sleep(RETRY_S)
