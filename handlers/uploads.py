"""A video sent whole, as `multipart/form-data`: received, judged, stored, then answered.

The bytes go to a temporary file as they arrive; what is refused leaves nothing behind. 201 comes
when the file was found to be a video and is safely stored; the rest is a background job.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from uuid import UUID, uuid4

from aiohttp import BodyPartReader, hdrs, web

from db import space, videos
from db.courses import Module
from db.errors import CommitUnknown, DatabaseError
from db.space import Reservation
from db.videos import MediaFacts, NewVideo, Video
from events import pipeline
from events.snapshots import snapshot
from handlers import keys
from handlers.access.rules import Right
from handlers.allowed import allowed_module
from handlers.errors import (
    EmptyUpload,
    TooLarge,
    UnsupportedFormat,
)
from handlers.messages import answer_json
from handlers.upload_form import FilePart, file_part, next_chunk, open_form, refuse_more_parts
from storage.errors import StorageError, os_errors_wrapped
from storage.media import Probe
from storage.sniff import HEAD_BYTES, Container, check_lengths, sniff
from storage.uploads import UploadFile, receive
from storage.videos import publish_original, remove_video

CHUNK_BYTES = 256 * 1024
FORM_OVERHEAD_BYTES = 64 * 1024  # boundaries, part headers, the title


async def post_video(request: web.Request) -> web.Response:
    viewer = request[keys.VIEWER]
    module = await allowed_module(request, Right.EDIT)
    _refuse_announced_size(request)
    reader = await open_form(request)
    upload_id = uuid4()
    async with _room(request, upload_id) as room, _file(request, upload_id) as upload:
        part = await file_part(reader)
        await _receive_file(request, part.body, upload, room)
        await refuse_more_parts(reader)
        await upload.finish()
        container, probe = await _judge(request, upload.path)
        module = await allowed_module(
            request, Right.EDIT
        )  # much can happen while hours of lecture arrive
        new = _new_video(upload, module, part, media_facts(container, probe), viewer.user_id)
        video = await _publish(request, upload, new, upload_id)
    if video is None:  # the module went in the last moment
        await request.app[keys.ACCESS].require(viewer, None, Right.EDIT)
    assert video is not None
    location = f"/api/v1/videos/{video.id}"
    return answer_json(snapshot(video), status=201, headers={hdrs.LOCATION: location})


def _refuse_announced_size(request: web.Request) -> None:
    announced = request.content_length
    limit = request.app[keys.UPLOAD_SETTINGS].max_size_bytes
    if announced is not None and announced > limit + FORM_OVERHEAD_BYTES:
        raise TooLarge(f"A video file may have at most {limit} bytes.")


@asynccontextmanager
async def _room(request: web.Request, upload_id: UUID) -> AsyncIterator[Reservation]:
    """Room in the quota for what was announced, or for a first step when nothing was."""
    settings, announced = request.app[keys.UPLOAD_SETTINGS], request.content_length
    most_bytes = settings.max_size_bytes
    async with space.reserved(
        request.app[keys.DATABASE],
        upload_id,
        quota_bytes=settings.quota_bytes,
        most_bytes=most_bytes,
    ) as room:
        if announced is None:
            await room.cover_step(0)
        else:
            await room.cover(max(0, announced - FORM_OVERHEAD_BYTES), min(announced, most_bytes))
        yield room


def _file(request: web.Request, upload_id: UUID) -> AbstractAsyncContextManager[UploadFile]:
    storage, executor = request.app[keys.STORAGE], request.app[keys.UPLOAD_EXECUTOR]
    return receive(storage, upload_id, executor, request.app[keys.UPLOAD_SETTINGS].reserve_bytes)


async def _receive_file(
    request: web.Request, part: BodyPartReader, upload: UploadFile, room: Reservation
) -> None:
    """Append the part chunk by chunk, so that the size limit is decided while bytes arrive."""
    limit = request.app[keys.UPLOAD_SETTINGS].max_size_bytes
    while chunk := await next_chunk(part, CHUNK_BYTES):
        if upload.offset + len(chunk) > limit:
            raise TooLarge(f"A video file may have at most {limit} bytes.")
        await room.cover_step(upload.offset + len(chunk))
        await upload.append(chunk)
    if upload.offset == 0:
        raise EmptyUpload


async def _judge(request: web.Request, path: Path) -> tuple[Container, Probe]:
    """What the file is by its content. Raises the media errors of storage."""
    settings = request.app[keys.UPLOAD_SETTINGS]
    loop = asyncio.get_running_loop()
    container = await loop.run_in_executor(request.app[keys.UPLOAD_EXECUTOR], _sniffed, path)
    if container not in settings.allowed_formats:
        raise UnsupportedFormat(f"{container} files are not accepted here.")
    probe = await request.app[keys.SANDBOX].probe(path, container, settings.media_limits)
    return container, probe


def _sniffed(path: Path) -> Container:
    """The container, once all of it is there. Blocks."""
    with os_errors_wrapped(), path.open("rb") as file:
        container = sniff(file.read(HEAD_BYTES))
        check_lengths(file, path.stat().st_size)
    return container


def _new_video(
    upload: UploadFile, module: Module, part: FilePart, media: MediaFacts, user_id: str
) -> NewVideo:
    return NewVideo(
        id=uuid4(),
        course_id=module.course_id,
        module_id=module.id,
        title=part.title,
        original_filename=part.filename,
        media=media,
        original_size_bytes=upload.offset,
        uploaded_by=user_id,
    )


async def _publish(
    request: web.Request, upload: UploadFile, new: NewVideo, upload_id: UUID
) -> Video | None:
    """The file gets its place first, then the row: a crash in between leaves a stray file only.

    None, and no file either, when the module is gone.
    """
    storage, executor = request.app[keys.STORAGE], request.app[keys.UPLOAD_EXECUTOR]
    container = new.media.container
    await publish_original(storage, upload, new.course_id, new.id, container, executor)
    try:
        video = await pipeline.enter(request.app[keys.DATABASE], new, upload_id)
    except CommitUnknown:
        return await _perhaps_entered(request, new.id)
    except DatabaseError:
        await _unpublish(request, new)
        raise
    if video is None:
        await _unpublish(request, new)
    return video


async def _perhaps_entered(request: web.Request, video_id: UUID) -> Video:
    """The video if its commit took place after all.

    Raises: CommitUnknown. The file stays then: a row that nobody can see yet may name it, and the
    reconcile takes it when none does.
    """
    try:
        video = await videos.get(request.app[keys.DATABASE], video_id)
    except DatabaseError as exc:
        raise CommitUnknown from exc
    if video is None:
        raise CommitUnknown
    return video


async def _unpublish(request: web.Request, new: NewVideo) -> None:
    """Take back a file that no row names; what cannot be removed now the reconcile takes."""
    storage, executor = request.app[keys.STORAGE], request.app[keys.UPLOAD_EXECUTOR]
    loop = asyncio.get_running_loop()
    with suppress(StorageError):
        await loop.run_in_executor(executor, remove_video, storage, new.course_id, new.id)


def media_facts(container: Container, probe: Probe) -> MediaFacts:
    """Storage's words to the database's, which know nothing of each other."""
    return MediaFacts(
        duration_s=probe.duration_s,
        width=probe.width,
        height=probe.height,
        frame_rate=probe.frame_rate,
        rotation=probe.rotation,
        container=container,
        video_codec=probe.video_codec,
        audio_codec=probe.audio_codec,
        mime_type=probe.mime_type,
        is_playable=probe.is_playable_in_browsers,
    )
