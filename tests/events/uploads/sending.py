"""Bodies that are sent to uploads without HTTP."""

import asyncio
from typing import Any, Self
from uuid import UUID, uuid4

from db.courses import Module
from db.pool import Database
from db.uploads import uploads
from db.uploads.uploads import NewUpload, Upload
from events.uploads.settings import UploadSettings
from events.uploads.uploads import Arrival, Uploads
from storage.media.facts import Examined, MediaLimits
from storage.paths import StoragePaths
from tests.films.plain_media import CONVERTED

FILM = b"a lecture" * 1000
SETTINGS = UploadSettings(
    max_size_bytes=10**6,
    reserve_bytes=0,
    quota_bytes=10**7,
    allowed_formats=("mp4",),
    media_limits=MediaLimits(10**6, 3600.0, 8),
    expiry_s=3600.0,
    most_per_user=2,
)


class SentBody:
    """A body of these chunks; it raises an exception, or sets an event and then blocks."""

    def __init__(self, *chunks: bytes | Exception | asyncio.Event, buffered: bytes = b"") -> None:
        self._chunks = [*chunks]
        self._buffered = buffered

    async def read(self) -> bytes:
        chunk = self._chunks.pop(0) if self._chunks else b""
        if isinstance(chunk, Exception):
            raise chunk
        if isinstance(chunk, asyncio.Event):
            chunk.set()
            return await asyncio.get_running_loop().create_future()
        return chunk

    def take_buffered(self) -> bytes:
        return self._buffered


class Examiner:
    """Finds an MP4, or what the test sets."""

    found: Any = Examined("mp4", CONVERTED)

    def for_owner(self, owner: str) -> Self:
        return self

    async def examine(self, *_: Any) -> Examined:
        if isinstance(self.found, Exception):
            raise self.found
        found: Examined = self.found
        return found


async def create(made: Uploads) -> UUID:
    new = NewUpload(uuid4(), "tess", "c1", "m-c1", "Title", "a.mp4", "", len(FILM))
    return (await made.create(new, is_exempt=False)).id


async def append(
    made: Uploads,
    upload_id: UUID,
    *chunks: bytes | Exception | asyncio.Event,
    offset_bytes: int = 0,
    buffered: bytes = b"",
    **changes: Any,
) -> Upload:
    async def authorize() -> Module:
        return Module("m-c1", "c1", "M", 0)

    fields: dict[str, Any] = {"length_bytes": None, "checksum": None, "authorize": authorize}
    body = SentBody(*chunks, buffered=buffered)
    return await made.append(upload_id, Arrival(body, offset_bytes, **{**fields, **changes}))


async def row_of(database: Database, upload_id: UUID) -> Upload:
    upload = await uploads.get(database, upload_id)
    assert upload is not None
    return upload


async def offset_of(database: Database, upload_id: UUID) -> int:
    return (await row_of(database, upload_id)).offset_bytes


async def unfinished(storage: StoragePaths) -> list[str]:
    found = await asyncio.to_thread(lambda: [one.name for one in storage.unfinished.iterdir()])
    return sorted(found)
