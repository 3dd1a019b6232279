"""Resumable uploads over HTTP: tus 1.0.0 with creation, creation-with-upload, expiration, checksum
and termination (https://tus.io/protocols/resumable-upload).

An upload belongs to its creator; each request needs the right to add videos to its course. Uploads
are never concatenated, and their length is known from the beginning. With `replaces` an upload is
another film for a video, whose title and place stay.
"""

from functools import partial
from typing import Any
from uuid import UUID, uuid4

import msgspec
from aiohttp import hdrs, web

from db.courses import Module
from db.uploads.uploads import NewUpload, Upload
from events.http_dates import http_date
from events.uploads.checksum import Checksum
from events.uploads.uploads import Arrival
from handlers import keys
from handlers.access.rate_limits import is_free
from handlers.access.rules import Right
from handlers.checks.authorisation import (
    allowed_module_named,
    allowed_upload,
    own_upload,
    replaceable_video,
)
from handlers.checks.own_storage import require_own_storage
from handlers.errors import (
    ChecksumMismatch,
    EmptyUpload,
    FileTooComplex,
    FileWithoutVideo,
    InvalidRequest,
    Locked,
    MethodNotAllowed,
    NotReady,
    OffsetMismatch,
    OverQuota,
    PreconditionFailed,
    RateLimited,
    TooLarge,
    UndecodableFile,
    UnsupportedMediaType,
)
from handlers.header_values import content_type, field_value
from handlers.messages import Identifier, Title
from handlers.openapi.descriptions import (
    ALLOWED,
    BYTES,
    GONE,
    UPLOAD_FACTS,
    Answer,
    Body,
    Operation,
    Tag,
)
from handlers.openapi.endpoints import endpoint
from handlers.uploads.form import kept_filename, title_from
from handlers.uploads.request_body import RequestBody
from handlers.uploads.tus_headers import (
    CHECKSUMS,
    EXTENSIONS,
    MAX_METADATA_BYTES,
    METHOD_OVERRIDE,
    OFFSET_OCTETS,
    TUS_CHECKSUM_ALGORITHM,
    TUS_EXTENSION,
    TUS_MAX_SIZE,
    TUS_RESUMABLE,
    TUS_VERSION,
    UPLOAD_CHECKSUM,
    UPLOAD_CONCAT,
    UPLOAD_DEFER_LENGTH,
    UPLOAD_EXPIRES,
    UPLOAD_LENGTH,
    UPLOAD_METADATA,
    UPLOAD_OFFSET,
    VERSION,
    VIDEO_ID,
    build_metadata,
    parse_checksum,
    parse_metadata,
    parse_size,
)

OCTETS = Body({OFFSET_OCTETS: BYTES}, is_required=False)
RECEIVING = (
    PreconditionFailed,
    TooLarge,
    UnsupportedMediaType,
    UndecodableFile,
    FileWithoutVideo,
    FileTooComplex,
    Locked,
    ChecksumMismatch,
    OverQuota,
    NotReady,
)
TUS = Operation(
    tag=Tag.VIDEOS,
    summary="What is understood of tus 1.0.0 (https://tus.io/protocols/resumable-upload)",
    answers=(
        Answer(
            204,
            "This.",
            headers=("Tus-Version", "Tus-Extension", "Tus-Max-Size", "Tus-Checksum-Algorithm"),
        ),
    ),
    access="open",
)


@endpoint("OPTIONS /api/v1/uploads", TUS)
async def describe_tus(request: web.Request) -> web.Response:
    return web.Response(
        status=204,
        headers={
            TUS_VERSION: VERSION,
            TUS_EXTENSION: EXTENSIONS,
            TUS_MAX_SIZE: str(request.app[keys.UPLOAD_SETTINGS].max_size_bytes),
            TUS_CHECKSUM_ALGORITHM: ",".join(CHECKSUMS),
        },
    )


@endpoint("OPTIONS /api/v1/uploads/{upload_id}", TUS)
async def describe_tus_at_upload(request: web.Request) -> web.Response:
    """The same answer for each upload, existing or not."""
    return await describe_tus(request)


@endpoint(
    "POST /api/v1/uploads",
    Operation(
        tag=Tag.VIDEOS,
        summary="Begin an upload that can be resumed (instructor), perhaps with its first bytes",
        answers=(Answer(201, "To be sent to `Location`.", headers=("Location", *UPLOAD_FACTS)),),
        body=OCTETS,
        parameters=("Tus-Resumable", "Upload-Length", "Upload-Metadata", "Upload-Checksum"),
        problems=(*ALLOWED, *RECEIVING, EmptyUpload, RateLimited, MethodNotAllowed),
    ),
)
async def post_upload(request: web.Request) -> web.Response:
    if (field_value(request.headers, METHOD_OVERRIDE) or hdrs.METH_POST).upper() != hdrs.METH_POST:
        raise MethodNotAllowed(headers={hdrs.ALLOW: "OPTIONS, POST"})
    _require_version(request)
    length_bytes = _length(request)
    if request.body_exists:
        _require_octets(request)
    checksum = parse_checksum(field_value(request.headers, UPLOAD_CHECKSUM))
    new = await _new_upload(request, length_bytes)
    await require_own_storage(request)
    uploads = request.app[keys.UPLOADS]
    upload = await uploads.create(new, is_exempt=is_free(request[keys.VIEWER].roles))
    location = f"/api/v1/uploads/{upload.id}"
    if request.body_exists:
        upload = await uploads.append_first(upload.id, _arrival(request, upload, 0, checksum))
    return web.Response(status=201, headers={hdrs.LOCATION: location, **_facts(upload)})


@endpoint(
    "HEAD /api/v1/uploads/{upload_id}",
    Operation(
        tag=Tag.VIDEOS,
        summary="How far the caller's upload is; ends whoever writes to it",
        answers=(
            Answer(
                200,
                "How far it is.",
                headers=("Upload-Length", "Upload-Metadata", "Cache-Control", *UPLOAD_FACTS),
            ),
        ),
        parameters=("Tus-Resumable",),
        problems=(*ALLOWED, PreconditionFailed, Locked),
    ),
)
async def head_upload(request: web.Request) -> web.Response:
    _require_version(request)
    upload = await own_upload(request)
    if upload.video_id is None:
        await request.app[keys.UPLOADS].end_writers(upload)
        upload = await own_upload(request)
    headers = {
        UPLOAD_LENGTH: str(upload.length_bytes),
        hdrs.CACHE_CONTROL: "no-store",
    }
    if len(upload.metadata) <= MAX_METADATA_BYTES:  # more was accepted before
        headers[UPLOAD_METADATA] = upload.metadata
    return web.Response(headers=headers | _facts(upload))


@endpoint(
    "PATCH /api/v1/uploads/{upload_id}",
    Operation(
        tag=Tag.VIDEOS,
        summary="Go on with the caller's upload; ends whoever writes to it",
        answers=(Answer(204, "Stored.", headers=UPLOAD_FACTS),),
        body=OCTETS,
        parameters=("Tus-Resumable", "Upload-Offset", "Upload-Checksum"),
        problems=(*ALLOWED, *RECEIVING, OffsetMismatch),
    ),
)
async def patch_upload(request: web.Request) -> web.Response:
    _require_version(request)
    _require_octets(request)
    offset_bytes = parse_size(UPLOAD_OFFSET, field_value(request.headers, UPLOAD_OFFSET))
    checksum = parse_checksum(field_value(request.headers, UPLOAD_CHECKSUM))
    upload = await own_upload(request)
    if upload.video_id is None:
        await _target_module(request, upload)
        await require_own_storage(request)
    arrival = _arrival(request, upload, offset_bytes, checksum)
    upload = await request.app[keys.UPLOADS].append(upload.id, arrival)
    return web.Response(status=204, headers=_facts(upload))


@endpoint(
    "DELETE /api/v1/uploads/{upload_id}",
    Operation(
        tag=Tag.VIDEOS,
        summary="Terminate an upload (who made it, instructor); a video that it became stays",
        answers=GONE,
        parameters=("Tus-Resumable",),
        problems=(*ALLOWED, PreconditionFailed, Locked),
    ),
)
async def delete_upload(request: web.Request) -> web.Response:
    """Allowed to its creator, and to all who may add videos to its course."""
    _require_version(request)
    upload = await allowed_upload(request)
    await request.app[keys.UPLOADS].terminate(upload.id)
    return web.Response(status=204)


def _require_version(request: web.Request) -> None:
    if field_value(request.headers, TUS_RESUMABLE) != VERSION:
        raise PreconditionFailed(
            f"Tus-Resumable must be {VERSION}.", headers={TUS_VERSION: VERSION}
        )


def _require_octets(request: web.Request) -> None:
    if content_type(request.headers) != OFFSET_OCTETS:
        raise UnsupportedMediaType(f"The body must be {OFFSET_OCTETS}.")


def _length(request: web.Request) -> int:
    """Parse the size of the whole file in bytes. Raises: InvalidRequest, EmptyUpload, TooLarge."""
    if UPLOAD_DEFER_LENGTH in request.headers or UPLOAD_CONCAT in request.headers:
        raise InvalidRequest("An upload is one file, its length known when it begins.")
    length_bytes = parse_size(UPLOAD_LENGTH, field_value(request.headers, UPLOAD_LENGTH))
    limit = request.app[keys.UPLOAD_SETTINGS].max_size_bytes
    if length_bytes == 0:
        raise EmptyUpload
    if length_bytes > limit:
        raise TooLarge(
            f"A video file may have at most {limit} bytes.", headers={TUS_MAX_SIZE: str(limit)}
        )
    return length_bytes


async def _new_upload(request: web.Request, length_bytes: int) -> NewUpload:
    """Build the upload from the metadata; unknown pairs are only kept.

    Raises: InvalidRequest, and as `Access.require`.
    """
    pairs = parse_metadata(field_value(request.headers, UPLOAD_METADATA) or "")
    filename = kept_filename(pairs.get("filename", b"").decode("utf-8", "replace"))
    title = _text(pairs, "title", Title) if "title" in pairs else title_from(filename)
    replaces = None
    if "replaces" in pairs:
        video = await replaceable_video(request, _replaced_id(pairs))
        replaces, title, module_id, course_id = (
            video.id,
            video.title,
            video.module_id,
            video.course_id,
        )
    else:
        module_id = _text(pairs, "module_id", Identifier)
        course_id = (await allowed_module_named(request, module_id, Right.EDIT)).course_id
    return NewUpload(
        id=uuid4(),
        user_id=request[keys.VIEWER].user_id,
        course_id=course_id,
        module_id=module_id,
        title=title,
        filename=filename,
        metadata=build_metadata(pairs),
        length_bytes=length_bytes,
        replaces=replaces,
    )


async def _target_module(request: web.Request, upload: Upload) -> Module:
    """The module of the upload, or of the video whose film it replaces. Raises: as `allowed`."""
    module_id = upload.module_id
    if upload.replaces is not None:
        module_id = (await replaceable_video(request, upload.replaces)).module_id
    return await allowed_module_named(request, module_id, Right.EDIT)


def _replaced_id(pairs: dict[str, bytes]) -> UUID:
    try:
        return UUID(pairs["replaces"].decode())
    except ValueError as exc:
        raise InvalidRequest("`replaces` of Upload-Metadata must be the id of a video.") from exc


def _text(pairs: dict[str, bytes], key: str, kind: Any) -> str:
    try:
        text: str = msgspec.convert(pairs[key].decode(), kind)
    except (KeyError, UnicodeDecodeError, msgspec.ValidationError) as exc:
        raise InvalidRequest(f"Upload-Metadata must hold a proper `{key}`.") from exc
    return text


def _arrival(
    request: web.Request, upload: Upload, offset_bytes: int, checksum: Checksum | None
) -> Arrival:
    return Arrival(
        RequestBody(request.content),
        offset_bytes,
        request.content_length,
        checksum,
        partial(_target_module, request, upload),
    )


def _facts(upload: Upload) -> dict[str, str]:
    """The header fields of an upload that every response has."""
    facts = {
        UPLOAD_OFFSET: str(upload.offset_bytes),
        UPLOAD_EXPIRES: http_date(int(upload.expires_at.timestamp())),
    }
    return facts if upload.video_id is None else {**facts, VIDEO_ID: str(upload.video_id)}
