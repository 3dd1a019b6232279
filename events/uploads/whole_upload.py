"""An upload in one request: received, examined, published, or removed without a trace."""

import time
from uuid import UUID

from db.space import Reservation
from db.videos.video import ReceivedFile, Video
from events.uploads.errors import UploadTooLarge
from events.uploads.publication import NewFilm, Publication
from storage.receiving.uploads import UploadFile


class WholeUpload:
    """Made by `Uploads.receive`, which removes file and reservation."""

    def __init__(
        self,
        upload_id: UUID,
        user_id: str,
        file: UploadFile,
        room: Reservation,
        publication: Publication,
        max_size_bytes: int,
    ) -> None:
        self._id = upload_id
        self._user_id = user_id
        self._file = file
        self._room = room
        self._publication = publication
        self._max_size_bytes = max_size_bytes
        self._began_ns = time.time_ns()

    @property
    def size_bytes(self) -> int:
        """Number of bytes received."""
        return self._file.offset

    async def append(self, chunk: bytes) -> None:
        """Raises: UploadTooLarge, QuotaReached, DatabaseError, StorageError."""
        size_bytes = self._file.offset + len(chunk)
        if size_bytes > self._max_size_bytes:
            raise too_large(self._max_size_bytes)
        await self._room.cover_step(size_bytes)
        await self._file.append(chunk)

    async def finish(self, filename: str) -> ReceivedFile:
        """The file, all of which is durable. Raises: StorageError, as `Publication.examine`."""
        file = self._file
        await file.finish()
        return await self._publication.examine(file.path, file.offset, filename, self._user_id)

    async def publish(self, new: NewFilm) -> Video | None:
        """Publish the film; None, and no file either, when its module or video is gone.

        Raises: StorageError, CommitUnknown, DatabaseError.
        """
        return await self._publication.publish_whole(self._file, new, self._id, self._began_ns)


def too_large(limit_bytes: int) -> UploadTooLarge:
    return UploadTooLarge(f"A video file may have at most {limit_bytes} bytes.")
