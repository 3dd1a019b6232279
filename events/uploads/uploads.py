"""Use cases of uploads, free of HTTP.

A resumable upload is created, appended to until it is complete, and then becomes a video, or the
film of one. Bytes are durable before the row counts them; a request that is cut off keeps all that
arrived, one with a checksum nothing. The last byte is counted only with the video, so that the last
step can be retried after any failure. One holder writes at a time; what a fenced one does is not
counted (`exclusive_access`). An upload in one request is received by `receive`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from uuid import UUID, uuid4

from db import space
from db.courses import Module
from db.errors import DatabaseError
from db.pool import Database
from db.space import Reservation
from db.uploads import upload_holders, uploads
from db.uploads.uploads import NewUpload, Upload
from db.videos.replacements import NewReplacement
from db.videos.video import NewVideo, ReceivedFile
from events.media.traces import Traces
from events.uploads.checkpoints import Checkpoints
from events.uploads.checksum import Checksum
from events.uploads.completions import Completions
from events.uploads.errors import (
    UploadError,
    UploadGone,
    UploadTakenOver,
    UploadTooLarge,
    WrongOffset,
)
from events.uploads.exclusive_access import ExclusiveAccess, Held
from events.uploads.publication import NewFilm, Publication
from events.uploads.receivers import Receiver, Receivers, UploadBody
from events.uploads.settings import UploadSettings
from events.uploads.whole_upload import WholeUpload
from storage.disk import Disk
from storage.errors import FINAL, MediaInterrupted, PartialLost, SandboxBusy, StorageError
from storage.paths import StoragePaths
from storage.receiving.uploads import Digest, UploadFile, receive, require_space
from storage.sandbox.children import Sandbox

# Returns the module, or raises the reason for a refusal.
Authorize = Callable[[], Awaitable[Module]]
# Makes space for so many bytes, or raises.
Cover = Callable[[int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Arrival:
    """The bytes of one request for an upload, from `offset_bytes` on.

    `length_bytes` is None if the request does not have it. `authorize` is called again when the
    upload is complete: rights may have changed while hours of lecture arrived.
    """

    body: UploadBody
    offset_bytes: int
    length_bytes: int | None
    checksum: Checksum | None
    authorize: Authorize


class Uploads:
    def __init__(
        self,
        database: Database,
        storage: StoragePaths,
        disk: Disk,
        sandbox: Sandbox,
        settings: UploadSettings,
        traces: Traces | None = None,
    ) -> None:
        self._database = database
        self._storage = storage
        self._disk = disk
        self._settings = settings
        self._receivers = Receivers(database)
        self._access = ExclusiveAccess(database, storage, disk, self._receivers)
        self._checkpoints = Checkpoints(database, settings.expiry_s)
        self._completions = Completions(database)
        self._publication = Publication(database, storage, disk, sandbox, settings, traces)

    async def create(self, new: NewUpload, *, is_exempt: bool) -> Upload:
        """Create an upload, reserving a step of its space, or all of a small one.

        An exempt user may have any number. Raises: StorageFull, QuotaReached, TooManyUploads.
        """
        settings, life_s = self._settings, uploads.reservation_life_s(self._settings.expiry_s)
        wanted_bytes = settings.reserve_bytes + new.length_bytes
        await require_space(self._storage.unfinished, wanted_bytes, self._disk)
        async with self._database.transaction() as transaction:
            await space.open_upload(
                transaction,
                new.id,
                new.user_id,
                length_bytes=new.length_bytes,
                most_count=None if is_exempt else settings.most_per_user,
                quota_bytes=settings.quota_bytes,
                life_s=life_s,
            )
            await space.reserve(
                transaction,
                new.id,
                needed_bytes=0,
                desired_bytes=min(new.length_bytes, space.STEP_BYTES),
                quota_bytes=settings.quota_bytes,
                life_s=life_s,
            )
            return await uploads.create(transaction, new, settings.expiry_s)

    async def append(self, upload_id: UUID, arrival: Arrival) -> Upload:
        """Append the bytes of a request; older writers end.

        Raises: UploadError, PartialBusy, PartialLost, StorageError, DatabaseError, and the refusals
        of a complete file.
        """
        receiver = Receiver(arrival.body)
        return await self._receivers.run(receiver, self._append(upload_id, arrival, receiver))

    async def append_first(self, upload_id: UUID, arrival: Arrival) -> Upload:
        """Like `append`, at once; an error ends the upload, whose address no client has yet.

        If it could not be examined now it lacks its last byte: sending that retries.
        """
        receiver = Receiver(arrival.body)
        return await self._receivers.run(
            receiver, self._append_or_end(upload_id, arrival, receiver)
        )

    async def end_writers(self, upload: Upload) -> None:
        """Return once no request writes to it. Raises: UploadGone, PartialBusy, DatabaseError."""
        await self._access.end_writers(upload)

    async def terminate(self, upload_id: UUID) -> None:
        """End the upload; removes its files and reservation.

        Raises: UploadGone, UploadTakenOver, PartialBusy.
        """
        claimed = await self._access.claim(upload_id)
        if claimed.video_id is not None:
            await uploads.end(self._database, upload_id)  # nobody needs its file: the sweep's
            return
        async with self._access.hold(claimed) as held:
            await self._discard(held)

    @asynccontextmanager
    async def receive(
        self, user_id: str, *, least_bytes: int, most_bytes: int, is_exempt: bool
    ) -> AsyncIterator[WholeUpload]:
        """An upload in one request; file and reservation end with the block, but for a video's.

        Raises: TooManyUploads; QuotaReached, also if `least_bytes` cannot fit at all; StorageError,
        DatabaseError.
        """
        settings, upload_id = self._settings, uuid4()
        async with space.open_reservation(
            self._database,
            upload_id,
            quota_bytes=settings.quota_bytes,
            most_bytes=min(most_bytes, settings.max_size_bytes),
        ) as room:
            await space.open_upload(
                self._database,
                upload_id,
                user_id,
                length_bytes=least_bytes,
                most_count=None if is_exempt else settings.most_per_user,
                quota_bytes=settings.quota_bytes,
            )
            await room.cover_step(0)
            async with receive(
                self._storage, upload_id, self._disk, settings.reserve_bytes
            ) as file:
                yield WholeUpload(
                    upload_id, user_id, file, room, self._publication, settings.max_size_bytes
                )

    @property
    def are_received(self) -> asyncio.Event:
        """Set while `look` is to be called."""
        return self._receivers.are_there

    async def look(self) -> None:
        """End requests whose uploads other processes have claimed; report the others as alive.

        Raises: DatabaseError.
        """
        await self._receivers.look()
        await self._completions.refresh()

    async def close(self) -> None:
        """End all uploading requests; what had arrived is kept."""
        await self._receivers.close()

    async def _append_or_end(self, upload_id: UUID, arrival: Arrival, receiver: Receiver) -> Upload:
        try:
            return await self._append(upload_id, arrival, receiver)
        except (MediaInterrupted, SandboxBusy):
            return await self._settled(upload_id)
        except UploadTakenOver:
            raise  # by a request that found it in a list
        except Exception:
            with suppress(UploadError, DatabaseError, StorageError):  # it expires in any case
                await self.terminate(upload_id)
            raise

    async def _append(self, upload_id: UUID, arrival: Arrival, receiver: Receiver) -> Upload:
        claimed = await self._access.claim(upload_id)
        if claimed.video_id is not None and _is_complete(claimed, arrival):
            return claimed  # its holder may hang, but has nothing left to do
        async with self._access.hold(claimed, receiver) as held:
            upload = held.upload
            if _is_complete(upload, arrival):
                return upload
            _refuse_excess(upload, arrival.length_bytes)
            stored_bytes = await self._receive(receiver, held, arrival.checksum)
            upload = await self._checkpoints.advance(upload, stored_bytes)
            if stored_bytes == upload.length_bytes:
                with self._completions.during(upload):
                    return await self._become_video(held, arrival.authorize)
        if receiver.fault is not None:
            raise receiver.fault
        return upload

    async def _settled(self, upload_id: UUID) -> Upload:
        upload = await uploads.get_settled(self._database, upload_id)
        if upload is None or upload.is_gone:
            raise UploadGone
        return upload

    async def _receive(self, receiver: Receiver, held: Held, checksum: Checksum | None) -> int:
        """Receive the body; returns the durable offset."""
        upload, digest = held.upload, checksum.start() if checksum else None
        growing = await self._resumed(held, digest)
        reception = _Reception(receiver, growing, upload.length_bytes, self._room(upload))
        if checksum is None or digest is None:
            async with self._checkpoints.during(growing, upload) as consider:
                await reception.run(consider)
        else:
            await reception.run(lambda: None)
            if receiver.fault is not None:
                raise receiver.fault
            checksum.verify(digest)
        return await growing.sync()

    async def _resumed(self, held: Held, digest: Digest | None) -> UploadFile:
        upload, reserve_bytes = held.upload, self._settings.reserve_bytes
        try:
            return await held.file.resume(
                upload.offset_bytes, reserve_bytes, digest, start_bytes=upload.file_starts[-1]
            )
        except PartialLost:
            await self._discard(held)
            raise

    def _room(self, upload: Upload) -> Cover:
        """Reserve space a step ahead of the bytes, if there is a quota."""
        settings = self._settings
        if settings.quota_bytes is None:
            return _no_quota
        room = Reservation(
            self._database,
            upload.id,
            settings.quota_bytes,
            upload.length_bytes,
            life_s=uploads.reservation_life_s(settings.expiry_s),
        )
        return room.cover_step

    async def _become_video(self, held: Held, authorize: Authorize) -> Upload:
        """Publish the upload; a refusal, or a deleted module or video, ends it. Raises: it."""
        upload, file = held.upload, held.file
        try:
            await self._join(held)
            received = await self._publication.examine(
                file.path, upload.length_bytes, upload.filename, upload.user_id
            )
        except (PartialLost, *FINAL):
            await self._discard(held)
            raise
        module = await authorize()
        await self._checkpoints.require_holder(upload)  # another one's files may be gone by now
        new = _new_film(upload, module.course_id, received)
        if await self._publication.publish_resumed(file, new, upload) is None:
            await self._discard(held)
            await authorize()
        await file.remove()
        return await self._settled(upload.id)

    async def _join(self, held: Held) -> None:
        """Bring bytes that holders before have in other files into the newest one."""
        upload = held.upload
        if any(upload.file_starts):
            await held.file.join(upload.file_starts, self._settings.reserve_bytes)
            if not await upload_holders.mark_joined(self._database, upload.id, upload.holder):
                raise UploadTakenOver

    async def _discard(self, held: Held) -> None:
        """End the upload and remove its files. Raises: UploadTakenOver."""
        if not await uploads.end_held(self._database, held.upload.id, held.holder):
            with suppress(UploadGone):
                await self._checkpoints.require_holder(held.upload)
        await held.file.remove()


def _is_complete(upload: Upload, arrival: Arrival) -> bool:
    """Raises: WrongOffset."""
    if arrival.offset_bytes != upload.offset_bytes:
        raise WrongOffset(upload.offset_bytes)
    return upload.video_id is not None


async def _no_quota(_: int) -> None:
    """Considers nothing: without a quota only the disk's free space counts, while writing."""


def _refuse_excess(upload: Upload, announced_bytes: int | None) -> None:
    left_bytes = upload.length_bytes - upload.offset_bytes
    if announced_bytes is not None and announced_bytes > left_bytes:
        raise UploadTooLarge(f"The upload lacks {left_bytes} bytes, not {announced_bytes}.")


@dataclass(frozen=True, slots=True)
class _Reception:
    """A body on its way into the file of an upload that is `length_bytes` long."""

    receiver: Receiver
    file: UploadFile
    length_bytes: int
    cover: Cover

    async def run(self, consider: Callable[[], None]) -> None:
        """Append what arrives. A full disk ends it like a broken connection."""
        try:
            await self._append_chunks(consider)
            await self.file.finish()
        except StorageError as exc:
            self.receiver.end(exc)

    async def _append_chunks(self, consider: Callable[[], None]) -> None:
        """Stops at a chunk without space or past the length; earlier chunks are kept."""
        try:
            while chunk := await self.receiver.next_chunk():
                stop = self.file.offset + len(chunk)
                if stop > self.length_bytes:
                    raise UploadTooLarge(f"The upload has {self.length_bytes} bytes, not more.")
                await self.cover(stop)
                await self.file.append(chunk)
                consider()
        except (UploadTooLarge, DatabaseError) as exc:
            self.receiver.end(exc)


def _new_film(upload: Upload, course_id: str, file: ReceivedFile) -> NewFilm:
    if upload.replaces is not None:
        return NewReplacement(uuid4(), upload.replaces, course_id, file)
    return NewVideo(uuid4(), course_id, upload.module_id, upload.title, file)
