"""What a request does to an upload that can be resumed: bytes are appended until it is a video.

What arrives is on the disk before the row tells of it; a request that is cut leaves all that came,
one with a checksum nothing. The last byte counts once there is a video, so that whatever fails on
the way there can be tried again.
"""

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID, uuid4

from aiohttp import web

from db import uploads
from db.errors import DatabaseError
from db.space import Reservation
from db.uploads import Upload
from db.videos import MediaFacts, NewVideo
from handlers import keys
from handlers.access.rules import Right
from handlers.allowed import allowed_module_named
from handlers.errors import (
    ChecksumMismatch,
    NotFound,
    OffsetMismatch,
    TooLarge,
    UnsupportedMediaType,
)
from handlers.uploads.checkpoints import advance, checkpoints
from handlers.uploads.claiming import alone
from handlers.uploads.publishing import enter, judge
from handlers.uploads.receivers import Receiver
from handlers.uploads.tus_headers import UPLOAD_OFFSET, Checksum
from storage.errors import FINAL, MediaInterrupted, PartialLost, SandboxBusy, StorageError
from storage.partials import PartialFile
from storage.uploads import Digest, UploadFile
from storage.videos import publish_partial

REFUSED = (*FINAL, UnsupportedMediaType)

Cover = Callable[[int], Awaitable[None]]  # has room for so many bytes, or raises


async def append(
    request: web.Request, upload: Upload, offset_bytes: int, checksum: Checksum | None
) -> Upload:
    """Append the body of the request; the upload as it is then.

    Raises: NotFound, OffsetMismatch, TooLarge, ChecksumMismatch, PartialBusy, StorageFull, and what
    refuses a video when it is complete.
    """
    receiver = Receiver(request.content)
    work = _append(request, receiver, upload, offset_bytes, checksum)
    return await request.app[keys.RECEIVERS].run(receiver, work)


async def append_first(request: web.Request, upload: Upload, checksum: Checksum | None) -> Upload:
    """As `append`, at once; what it raises ends the upload, whose address nobody was told.

    Where it could not be examined now it lacks its last byte: who sends that has it tried again.
    """
    receiver = Receiver(request.content)
    work = _append_or_end(request, receiver, upload, checksum)
    return await request.app[keys.RECEIVERS].run(receiver, work)


async def terminate(app: web.Application, upload_id: UUID) -> None:
    """Neither row nor file nor room is left of it. Raises: PartialBusy."""
    async with alone(app, upload_id) as file:
        await _discard(app, upload_id, file)


async def _append_or_end(
    request: web.Request, receiver: Receiver, upload: Upload, checksum: Checksum | None
) -> Upload:
    try:
        return await _append(request, receiver, upload, 0, checksum)
    except (MediaInterrupted, SandboxBusy):
        return await _settled(request.app, upload.id)
    except Exception:
        with suppress(NotFound, DatabaseError, StorageError):  # it expires all the same
            await terminate(request.app, upload.id)
        raise


async def _append(
    request: web.Request,
    receiver: Receiver,
    upload: Upload,
    offset_bytes: int,
    checksum: Checksum | None,
) -> Upload:
    app = request.app
    async with alone(app, upload.id, receiver) as file:
        upload = await _settled(app, upload.id)
        if offset_bytes != upload.offset_bytes:
            raise OffsetMismatch(headers={UPLOAD_OFFSET: str(upload.offset_bytes)})
        if upload.video_id is not None:
            return upload
        _refuse_excess(request, upload)
        stored_bytes = await _receive(app, receiver, file, upload, checksum)
        upload = await advance(app, upload.id, stored_bytes)
        if stored_bytes == upload.length_bytes:
            return await _become_video(request, upload, file)
    if receiver.fault is not None:
        raise receiver.fault
    return upload


async def _settled(app: web.Application, upload_id: UUID) -> Upload:
    upload = await uploads.get_settled(app[keys.DATABASE], upload_id)
    if upload is None or upload.is_gone:
        raise NotFound
    return upload


def _refuse_excess(request: web.Request, upload: Upload) -> None:
    announced, left_bytes = request.content_length, upload.length_bytes - upload.offset_bytes
    if announced is not None and announced > left_bytes:
        raise TooLarge(f"The upload lacks {left_bytes} bytes, not {announced}.")


async def _receive(
    app: web.Application,
    receiver: Receiver,
    file: PartialFile,
    upload: Upload,
    checksum: Checksum | None,
) -> int:
    """How much of the upload is on the disk for sure, once nothing more comes."""
    digest = hashlib.new(checksum.algorithm) if checksum else None
    growing, cover = await _resumed(app, file, upload, digest), _room(app, upload)
    if checksum is None or digest is None:
        async with checkpoints(app, growing, upload) as consider:
            await _take(receiver, growing, upload, cover, consider)
    else:
        await _take(receiver, growing, upload, cover, lambda: None)
        _verify(receiver, digest.digest(), checksum)
    return await growing.sync()


def _verify(receiver: Receiver, digest: bytes, checksum: Checksum) -> None:
    """Raises: ChecksumMismatch, or why the bytes did not come to their end."""
    if receiver.fault is not None:
        raise receiver.fault
    if not hmac.compare_digest(digest, checksum.digest):
        raise ChecksumMismatch


async def _resumed(
    app: web.Application, file: PartialFile, upload: Upload, digest: Digest | None
) -> UploadFile:
    reserve_bytes = app[keys.UPLOAD_SETTINGS].reserve_bytes
    try:
        return await file.resume(upload.offset_bytes, reserve_bytes, digest)
    except PartialLost:
        await _discard(app, upload.id, file)
        raise


def _room(app: web.Application, upload: Upload) -> Cover:
    """Asks for room a step ahead of the bytes; where there is no quota, there is nothing to ask."""
    settings = app[keys.UPLOAD_SETTINGS]
    if settings.quota_bytes is None:
        return _no_quota
    room = Reservation(
        app[keys.DATABASE],
        upload.id,
        settings.quota_bytes,
        upload.length_bytes,
        life_s=uploads.reserved_s(settings.expiry_s),
    )
    return room.cover_step


async def _no_quota(_: int) -> None:
    """The disk alone decides, while it is written to."""


async def _take(
    receiver: Receiver,
    file: UploadFile,
    upload: Upload,
    cover: Cover,
    consider: Callable[[], None],
) -> None:
    """Append what comes. What there is no room for, or too much, ends it like a broken line."""
    try:
        await _append_chunks(receiver, file, upload, cover, consider)
        await file.finish()
    except StorageError as exc:
        receiver.end(exc)


async def _append_chunks(
    receiver: Receiver,
    file: UploadFile,
    upload: Upload,
    cover: Cover,
    consider: Callable[[], None],
) -> None:
    try:
        while chunk := await receiver.next_chunk():
            if file.offset + len(chunk) > upload.length_bytes:
                raise TooLarge(f"The upload has {upload.length_bytes} bytes, not more.")
            await cover(file.offset + len(chunk))
            await file.append(chunk)
            consider()
    except (TooLarge, DatabaseError) as exc:  # what came before is kept
        receiver.end(exc)


async def _become_video(request: web.Request, upload: Upload, file: PartialFile) -> Upload:
    """Raises what refuses it; then, and when its module is gone, it is gone, too."""
    app = request.app
    try:
        media = await judge(app, file.path)
    except REFUSED:
        await _discard(app, upload.id, file)
        raise
    # Much can happen while hours of lecture arrive.
    module = await allowed_module_named(request, upload.module_id, Right.EDIT)
    new = _new_video(upload, module.course_id, media)
    await _publish(app, file, new)
    if await enter(app, new, upload.id) is None:
        await _discard(app, upload.id, file)
        await allowed_module_named(request, upload.module_id, Right.EDIT)
    await file.remove()
    return await _settled(app, upload.id)


def _new_video(upload: Upload, course_id: str, media: MediaFacts) -> NewVideo:
    return NewVideo(
        id=uuid4(),
        course_id=course_id,
        module_id=upload.module_id,
        title=upload.title,
        original_filename=upload.filename,
        media=media,
        original_size_bytes=upload.length_bytes,
        uploaded_by=upload.user_id,
    )


async def _publish(app: web.Application, file: PartialFile, new: NewVideo) -> None:
    storage, container = app[keys.STORAGE], new.media.container
    await app[keys.DISK].run_to_its_end(
        publish_partial, storage, file.path, new.course_id, new.id, container
    )


async def _discard(app: web.Application, upload_id: UUID, file: PartialFile) -> None:
    await uploads.end(app[keys.DATABASE], upload_id)
    await file.remove()
