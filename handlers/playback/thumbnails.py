"""Thumbnail endpoint: an instructor chooses a frame of the video, or uploads a picture.

The response comes after the new pictures, in all sizes and formats, have replaced the old ones.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from aiohttp import web

from db.videos.video import Video
from events.log.snapshots import VideoSnapshot
from handlers import keys
from handlers.access.rules import Right, refuse_missing
from handlers.checks.authorisation import allowed_video, require_ready
from handlers.checks.own_storage import require_own_storage
from handlers.errors import (
    EmptyUpload,
    FileTooComplex,
    InvalidRequest,
    OverQuota,
    TooLarge,
    UndecodableFile,
    UnsupportedMediaType,
)
from handlers.header_values import content_type
from handlers.messages import ThumbnailPut, answer_json, read_json
from handlers.openapi.descriptions import (
    ALLOWED,
    BODY,
    BYTES,
    JSON,
    WATCHABLE,
    Answer,
    Body,
    Operation,
    Tag,
)
from handlers.openapi.endpoints import endpoint
from handlers.people import shown_video
from storage.receiving.uploads import UploadFile, receive

ACCEPTED_TYPES = ("image/jpeg", "image/png", "image/webp")
MAX_PICTURE_BYTES = 20 * 2**20  # fits a photograph of a good camera
BODY_TIMEOUT_S = 120.0
CHUNK_BYTES = 256 * 1024


@endpoint(
    "PUT /api/v1/videos/{video_id}/thumbnail",
    Operation(
        tag=Tag.VIDEOS,
        summary="Choose the thumbnail (instructor): the frame at a second, or a picture",
        answers=(Answer(200, "The video; its pictures are the new ones.", {JSON: VideoSnapshot}),),
        body=Body({JSON: ThumbnailPut, **dict.fromkeys(ACCEPTED_TYPES, BYTES)}),
        problems=(
            *ALLOWED,
            *BODY,
            *WATCHABLE,
            EmptyUpload,
            UndecodableFile,
            FileTooComplex,
            OverQuota,
        ),
    ),
)
async def put_thumbnail(request: web.Request) -> web.Response:
    video = await allowed_video(request, Right.EDIT)
    require_ready(video)
    await require_own_storage(request)
    sent_type = content_type(request.headers)
    if sent_type in ACCEPTED_TYPES:
        changed = await _take_picture(request, video)
    elif sent_type == "application/json":
        changed = await _choose_frame(request, video)
    else:
        raise UnsupportedMediaType(f"The body must be JSON or one of {', '.join(ACCEPTED_TYPES)}.")
    request.app[keys.CATALOG].forget(video.id)
    if changed is None:  # deleted meanwhile
        refuse_missing(request[keys.VIEWER])
    return answer_json(shown_video(request, changed))


async def _choose_frame(request: web.Request, video: Video) -> Video | None:
    body = await read_json(request, ThumbnailPut)
    if body.at > video.media.duration_s:
        raise InvalidRequest(f"The video ends at {video.media.duration_s} s.")
    user_id = request[keys.VIEWER].user_id
    return await request.app[keys.PICTURES].choose_frame(video, body.at, user_id)


async def _take_picture(request: web.Request, video: Video) -> Video | None:
    max_pixels = request.app[keys.UPLOAD_SETTINGS].media_limits.max_pixels
    user_id = request[keys.VIEWER].user_id
    async with _received(request) as picture:
        return await request.app[keys.PICTURES].take_picture(video, picture, max_pixels, user_id)


@asynccontextmanager
async def _received(request: web.Request) -> AsyncIterator[Path]:
    """Yields the body as a file, removed after the block."""
    if (request.content_length or 0) > MAX_PICTURE_BYTES:
        raise _too_large()
    storage, disk = request.app[keys.STORAGE], request.app[keys.DISK]
    reserve_bytes = request.app[keys.UPLOAD_SETTINGS].reserve_bytes
    async with receive(storage, uuid4(), disk, reserve_bytes) as upload:
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                await _append_body(request, upload)
        except TimeoutError as exc:
            raise InvalidRequest("The body stalled.") from exc
        await upload.finish()
        yield upload.path


async def _append_body(request: web.Request, upload: UploadFile) -> None:
    async for chunk in request.content.iter_chunked(CHUNK_BYTES):
        if upload.offset + len(chunk) > MAX_PICTURE_BYTES:
            raise _too_large()
        await upload.append(chunk)
    if upload.offset == 0:
        raise EmptyUpload


def _too_large() -> TooLarge:
    return TooLarge(f"A picture may have at most {MAX_PICTURE_BYTES} bytes.")
