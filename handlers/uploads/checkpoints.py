"""How much of an upload is on the disk: noted now and then while it grows, and at its end."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import UUID

from aiohttp import web

from db import uploads
from db.errors import DatabaseError
from db.uploads import Upload
from handlers import keys
from handlers.errors import NotFound
from storage.errors import StorageError
from storage.uploads import UploadFile

logger = logging.getLogger(__name__)

# A crash costs what came since the last checkpoint, and each costs an fsync.
CHECKPOINT_BYTES = 64 * 1024 * 1024
CHECKPOINT_S = 2.0


async def advance(app: web.Application, upload_id: UUID, stored_bytes: int) -> Upload:
    """The upload with so many bytes. Raises: NotFound, DatabaseError."""
    life_s = app[keys.UPLOAD_SETTINGS].expiry_s
    upload = await uploads.advance(app[keys.DATABASE], upload_id, stored_bytes, life_s)
    if upload is None:
        raise NotFound
    return upload


@asynccontextmanager
async def checkpoints(
    app: web.Application, file: UploadFile, upload: Upload
) -> AsyncIterator[Callable[[], None]]:
    """Call what this yields now and then: in between, what has been written is noted."""
    clock = asyncio.get_running_loop().time
    noting: asyncio.Task[None] | None = None
    due_bytes, due_s = file.offset + CHECKPOINT_BYTES, clock() + CHECKPOINT_S

    def consider() -> None:
        nonlocal noting, due_bytes, due_s
        is_due = file.offset >= due_bytes or clock() >= due_s
        if is_due and (noting is None or noting.done()):
            noting = asyncio.create_task(_note(app, file, upload.id))
            due_bytes, due_s = file.offset + CHECKPOINT_BYTES, clock() + CHECKPOINT_S

    try:
        yield consider
    finally:
        if noting is not None:
            await asyncio.wait([noting])


async def _note(app: web.Application, file: UploadFile, upload_id: UUID) -> None:
    """Hours of upload are not worth a database that is away for a moment: the next one tells."""
    try:
        await advance(app, upload_id, await file.sync())
    except (DatabaseError, StorageError, NotFound) as exc:
        logger.warning("checkpoint of upload %s: %s", upload_id, exc)
