"""Uploads of whole videos as `multipart/form-data`: received, examined, stored, then answered.

The bytes go to a temporary file as they arrive; a refused upload leaves nothing behind. 201 is sent
once the file is known to be a video and is safely stored; the rest is a background job.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from uuid import uuid4

from aiohttp import hdrs, web

from db.errors import DatabaseTimeout, DatabaseUnavailable
from db.videos.video import NewVideo, ReceivedFile
from events.log.snapshots import VideoSnapshot
from events.uploads.whole_upload import WholeUpload, too_large
from handlers import keys
from handlers.access.rate_limits import is_free
from handlers.access.rules import Right, refuse_missing
from handlers.checks.authorisation import allowed_module
from handlers.checks.own_storage import require_own_storage
from handlers.errors import (
    EmptyUpload,
    FileTooComplex,
    FileWithoutVideo,
    OverQuota,
    RateLimited,
    UndecodableFile,
)
from handlers.messages import answer_json
from handlers.openapi.descriptions import ALLOWED, BODY, JSON, Answer, Body, Operation, Tag
from handlers.openapi.endpoints import endpoint
from handlers.people import shown_video
from handlers.uploads.form import file_part, next_chunk, open_form, refuse_more_parts
from handlers.uploads.multipart import MultipartReader

RIGHTS_AGE_S = 5.0  # how long an upload may go on after its user lost the right
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


REFUSALS = (
    *ALLOWED,
    *BODY,
    EmptyUpload,
    UndecodableFile,
    FileWithoutVideo,
    FileTooComplex,
    OverQuota,
    RateLimited,
)


@dataclass(frozen=True, slots=True)
class ReceivedForm:
    """The file of a form, all of which is durable, and its title."""

    upload: WholeUpload
    title: str
    file: ReceivedFile


@endpoint(
    "POST /api/v1/modules/{module_id}/videos",
    Operation(
        tag=Tag.VIDEOS,
        summary="Upload a video (instructor)",
        answers=(
            Answer(201, "Received and stored; processing.", {JSON: VideoSnapshot}, ("Location",)),
        ),
        body=Body({"multipart/form-data": FORM}),
        problems=REFUSALS,
    ),
)
async def post_video(request: web.Request) -> web.Response:
    module = await allowed_module(request, Right.EDIT)
    async with receive_form(request, module.course_id) as form:
        # Rights may have changed while hours of lecture arrived.
        module = await allowed_module(request, Right.EDIT)
        new = NewVideo(uuid4(), module.course_id, module.id, form.title, form.file)
        video = await form.upload.publish(new)
    if video is None:  # the module was deleted in the last moment
        refuse_missing(request[keys.VIEWER])
    location = f"/api/v1/videos/{video.id}"
    return answer_json(shown_video(request, video), status=201, headers={hdrs.LOCATION: location})


@asynccontextmanager
async def receive_form(request: web.Request, course_id: str) -> AsyncIterator[ReceivedForm]:
    """Receives and examines the file of a form; it goes with the block unless it is published.

    Raises: the refusals of a file, and as `Access.require` when the right is lost meanwhile.
    """
    _refuse_announced_size(request)
    await require_own_storage(request)
    reader = open_form(request)
    async with _receiving(request) as upload:
        part = await file_part(reader)
        await _append_file(request, course_id, reader, upload)
        await refuse_more_parts(reader)
        yield ReceivedForm(upload, part.title, await upload.finish(part.filename))


def _refuse_announced_size(request: web.Request) -> None:
    announced = request.content_length
    limit = request.app[keys.UPLOAD_SETTINGS].max_size_bytes
    if announced is not None and announced > limit + FORM_OVERHEAD_BYTES:
        raise too_large(limit)


def _receiving(request: web.Request) -> AbstractAsyncContextManager[WholeUpload]:
    """Begin the upload of this request; its announced length has to fit the quota."""
    limit, viewer = request.app[keys.UPLOAD_SETTINGS].max_size_bytes, request[keys.VIEWER]
    announced = request.content_length or 0
    return request.app[keys.UPLOADS].receive(
        viewer.user_id,
        least_bytes=max(0, announced - FORM_OVERHEAD_BYTES),
        most_bytes=announced or limit,
        is_exempt=is_free(viewer.roles),
    )


async def _append_file(
    request: web.Request, course_id: str, reader: MultipartReader, upload: WholeUpload
) -> None:
    """Append the part chunk by chunk, so that limits and rights are checked while bytes arrive."""
    clock = asyncio.get_running_loop().time
    due_s = clock() + RIGHTS_AGE_S
    while chunk := await next_chunk(reader):
        if clock() >= due_s:
            await _require_still(request, course_id)
            due_s = clock() + RIGHTS_AGE_S
        await upload.append(chunk)
    if upload.size_bytes == 0:
        raise EmptyUpload


async def _require_still(request: web.Request, course_id: str) -> None:
    """Raises: as `Access.require`; an upload of hours survives an outage of the database."""
    with suppress(DatabaseUnavailable, DatabaseTimeout):
        access, viewer = request.app[keys.ACCESS], request[keys.VIEWER]
        await access.require(viewer, course_id, Right.EDIT)
