"""A video sent whole, as `multipart/form-data`: received, judged, stored, then answered.

The bytes go to a temporary file as they arrive; what is refused leaves nothing behind. 201 comes
when the file was found to be a video and is safely stored; the rest is a background job.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from uuid import UUID, uuid4

from aiohttp import hdrs, web

from db import space
from db.courses import Module
from db.errors import DatabaseTimeout, DatabaseUnavailable
from db.space import Reservation
from db.videos import MediaFacts, NewVideo, Video
from events.log.snapshots import VideoSnapshot, snapshot
from handlers import keys
from handlers.access.rate_limits import is_free
from handlers.access.rules import Right
from handlers.allowed import allowed_module
from handlers.errors import (
    EmptyUpload,
    FileTooComplex,
    FileWithoutVideo,
    OverQuota,
    RateLimited,
    TooLarge,
    UndecodableFile,
)
from handlers.messages import answer_json
from handlers.openapi.descriptions import ALLOWED, BODY, JSON, Answer, Body, Operation, Tag
from handlers.openapi.endpoints import endpoint
from handlers.own_storage import require_own_storage
from handlers.uploads.form import FilePart, file_part, next_chunk, open_form, refuse_more_parts
from handlers.uploads.multipart import MultipartReader
from handlers.uploads.publishing import enter, judge
from storage.uploads import UploadFile, receive
from storage.videos import publish_original

RIGHTS_AGE_S = 5.0  # so long an upload goes on at most after its user lost the right
FORM_OVERHEAD_BYTES = 64 * 1024  # boundaries, part headers, the title


FORM = {
    "type": "object",
    "properties": {
        "title": {
            "type": "string",
            "minLength": 1,
            "maxLength": 200,
            "description": "Comes before `file`; without it the file name is the title.",
        },
        "file": {"contentMediaType": "application/octet-stream"},
    },
    "required": ["file"],
}


@endpoint(
    "POST /api/v1/modules/{module_id}/videos",
    Operation(
        tag=Tag.VIDEOS,
        summary="Upload a video (instructor)",
        answers=(
            Answer(201, "Received and stored; processing.", {JSON: VideoSnapshot}, ("Location",)),
        ),
        body=Body({"multipart/form-data": FORM}),
        problems=(
            *ALLOWED,
            *BODY,
            EmptyUpload,
            UndecodableFile,
            FileWithoutVideo,
            FileTooComplex,
            OverQuota,
            RateLimited,
        ),
    ),
)
async def post_video(request: web.Request) -> web.Response:
    viewer = request[keys.VIEWER]
    module = await allowed_module(request, Right.EDIT)
    _refuse_announced_size(request)
    await require_own_storage(request.app)
    reader = open_form(request)
    upload_id = uuid4()
    async with _room(request, upload_id) as room, _file(request, upload_id) as upload:
        part = await file_part(reader)
        await _receive_file(request, module, reader, upload, room)
        await refuse_more_parts(reader)
        await upload.finish()
        media = await judge(request.app, upload.path)
        # Much can happen while hours of lecture arrive.
        module = await allowed_module(request, Right.EDIT)
        new = _new_video(upload, module, part, media, viewer.user_id)
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
    """Room in the quota for a first step, if the user may have one more upload, and what was
    announced can fit at all. Raises: TooManyUploads, QuotaReached."""
    settings, viewer = request.app[keys.UPLOAD_SETTINGS], request[keys.VIEWER]
    announced = request.content_length or 0
    async with space.reserved(
        request.app[keys.DATABASE],
        upload_id,
        quota_bytes=settings.quota_bytes,
        most_bytes=min(announced or settings.max_size_bytes, settings.max_size_bytes),
    ) as room:
        await space.open_upload(
            request.app[keys.DATABASE],
            upload_id,
            viewer.user_id,
            length_bytes=max(0, announced - FORM_OVERHEAD_BYTES),
            most_count=None if is_free(viewer.roles) else settings.most_per_user,
            quota_bytes=settings.quota_bytes,
        )
        await room.cover_step(0)
        yield room


def _file(request: web.Request, upload_id: UUID) -> AbstractAsyncContextManager[UploadFile]:
    storage, disk = request.app[keys.STORAGE], request.app[keys.DISK]
    return receive(storage, upload_id, disk, request.app[keys.UPLOAD_SETTINGS].reserve_bytes)


async def _receive_file(
    request: web.Request,
    module: Module,
    reader: MultipartReader,
    upload: UploadFile,
    room: Reservation,
) -> None:
    """Append the part chunk by chunk, so that limits and rights are decided while bytes arrive."""
    limit = request.app[keys.UPLOAD_SETTINGS].max_size_bytes
    clock = asyncio.get_running_loop().time
    due_s = clock() + RIGHTS_AGE_S
    while chunk := await next_chunk(reader):
        if upload.offset + len(chunk) > limit:
            raise TooLarge(f"A video file may have at most {limit} bytes.")
        if clock() >= due_s:
            await _require_still(request, module)
            due_s = clock() + RIGHTS_AGE_S
        await room.cover_step(upload.offset + len(chunk))
        await upload.append(chunk)
    if upload.offset == 0:
        raise EmptyUpload


async def _require_still(request: web.Request, module: Module) -> None:
    """Raises as `Access.require`; hours of upload are not worth a database that is away."""
    with suppress(DatabaseUnavailable, DatabaseTimeout):
        access, viewer = request.app[keys.ACCESS], request[keys.VIEWER]
        await access.require(viewer, module.course_id, Right.EDIT)


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
    """None, and no file either, when the module is gone."""
    storage, disk = request.app[keys.STORAGE], request.app[keys.DISK]
    container = new.media.container
    await publish_original(storage, upload, new.course_id, new.id, container, disk)
    return await enter(request.app, new, upload_id)
