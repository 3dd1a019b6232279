"""An upload for one request alone: whoever wrote to it before ends, wherever that is.

The newer request claims it in the database, which ends the older one (`receivers`), and
waits for the lock of its file, which tells that the older one has really ended.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TypeVar
from uuid import UUID

from aiohttp import web

from db import uploads
from db.uploads import Upload
from handlers import keys
from handlers.errors import NotFound
from handlers.uploads.receivers import Receiver
from storage.errors import PartialBusy
from storage.partials import PartialFile, hold_partial, require_free

_T = TypeVar("_T")

TAKEOVER_S = 2.0  # the contract's: then 423
RETRY_S = 0.02


@asynccontextmanager
async def alone(
    app: web.Application, upload_id: UUID, receiver: Receiver | None = None
) -> AsyncIterator[PartialFile]:
    """The file of an upload, once whoever wrote to it has ended; until somebody newer comes, who
    ends the receiver. Raises: NotFound, PartialBusy."""
    claimed = await _claim(app, upload_id)
    async with AsyncExitStack() as stack:
        if receiver is not None:
            stack.enter_context(app[keys.RECEIVERS].claimed(receiver, upload_id, claimed.claims))
        yield await _hold(app, upload_id, stack)


async def end_writers(app: web.Application, upload_id: UUID) -> None:
    """Whoever writes to the upload has ended, and noted how much there is. Raises: PartialBusy."""
    try_ = partial(app[keys.DISK].run, require_free, app[keys.STORAGE], upload_id)
    try:
        await try_()
    except PartialBusy:
        await _claim(app, upload_id)
        await _patiently(try_)


async def _claim(app: web.Application, upload_id: UUID) -> Upload:
    upload = await uploads.claim(app[keys.DATABASE], upload_id)
    if upload is None:
        raise NotFound
    app[keys.RECEIVERS].end_older(upload.id, upload.claims)
    return upload


async def _hold(app: web.Application, upload_id: UUID, stack: AsyncExitStack) -> PartialFile:
    storage, disk = app[keys.STORAGE], app[keys.DISK]
    return await _patiently(
        lambda: stack.enter_async_context(hold_partial(storage, upload_id, disk))
    )


async def _patiently(try_: Callable[[], Awaitable[_T]]) -> _T:
    """Again and again while others write to the upload. Raises: PartialBusy."""
    clock = asyncio.get_running_loop().time
    deadline_s = clock() + TAKEOVER_S
    while True:
        try:
            return await try_()
        except PartialBusy:
            if clock() > deadline_s:
                raise
            await asyncio.sleep(RETRY_S)
