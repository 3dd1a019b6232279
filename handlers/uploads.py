"""A video sent whole, as `multipart/form-data`: received, judged, stored, then answered.

The bytes go to a temporary file as they arrive; what is refused leaves nothing behind. 201 comes
when the file was found to be a video and is safely stored; the rest is a background job.
"""

import asyncio
import unicodedata
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from uuid import uuid4

import msgspec
from aiohttp import BodyPartReader, MultipartReader, hdrs, web

from db import courses
from db.courses import Module
from db.videos import MediaFacts, NewVideo, Video
from events import pipeline
from events.snapshots import snapshot
from handlers import keys
from handlers.access.rules import Right
from handlers.errors import (
    EmptyUpload,
    InvalidRequest,
    TooLarge,
    UnsupportedFormat,
)
from handlers.messages import Title, answer_json, identifier
from storage.errors import os_errors_wrapped
from storage.media import Probe
from storage.sniff import HEAD_BYTES, Container, check_lengths, sniff
from storage.uploads import UploadFile, receive
from storage.videos import publish_original, remove_video

CHUNK_BYTES = 256 * 1024
CHUNK_TIMEOUT_S = 120.0  # a sender that is silent for longer has gone
MAX_TITLE_BYTES = 4 * 1024
MAX_FILENAME_BYTES = 255
FORM_OVERHEAD_BYTES = 64 * 1024  # boundaries, part headers, the title


@dataclass(frozen=True, slots=True)
class FilePart:
    """The `file` part, not read yet, and what was said of it before."""

    body: BodyPartReader
    filename: str
    title: str


async def post_video(request: web.Request) -> web.Response:
    viewer = request[keys.VIEWER]
    module = await _allowed_module(request)
    _refuse_announced_size(request)
    reader = await _form(request)
    part = await _file_part(reader)
    async with receive(
        request.app[keys.STORAGE],
        uuid4(),
        request.app[keys.UPLOAD_EXECUTOR],
        request.app[keys.UPLOAD_SETTINGS].reserve_bytes,
    ) as upload:
        await _receive_file(request, part.body, upload)
        await _refuse_more_parts(reader)
        await upload.finish()
        container, probe = await _judge(request, upload.path)
        module = await _allowed_module(request)  # much can happen while hours of lecture arrive
        new = _new_video(upload, module, part, media_facts(container, probe), viewer.user_id)
        video = await _publish(request, upload, new)
    if video is None:  # the module went in the last moment
        await request.app[keys.ACCESS].require(viewer, None, Right.EDIT)
    assert video is not None
    location = f"/api/v1/videos/{video.id}"
    return answer_json(snapshot(video), status=201, headers={hdrs.LOCATION: location})


async def _allowed_module(request: web.Request) -> Module:
    module = await courses.get_module(request.app[keys.DATABASE], identifier(request, "module_id"))
    course_id = module.course_id if module else None
    await request.app[keys.ACCESS].require(request[keys.VIEWER], course_id, Right.EDIT)
    assert module is not None
    return module


def _refuse_announced_size(request: web.Request) -> None:
    announced = request.content_length
    limit = request.app[keys.UPLOAD_SETTINGS].max_size_bytes
    if announced is not None and announced > limit + FORM_OVERHEAD_BYTES:
        raise TooLarge(f"A video file may have at most {limit} bytes.")


async def _form(request: web.Request) -> MultipartReader:
    if request.content_type != "multipart/form-data":
        raise UnsupportedFormat("The body must be multipart/form-data.")
    try:
        return await request.multipart()
    except (ValueError, AssertionError) as exc:
        raise InvalidRequest("The multipart body has no usable boundary.") from exc


async def _file_part(reader: MultipartReader) -> FilePart:
    """Read up to the `file` part: `title` may come before it, nothing else."""
    title = None
    while True:
        part = await _next_part(reader)
        name, filename = _disposition(part) if part else ("", None)
        if part is None or name not in ("title", "file"):
            raise InvalidRequest("The form is `title` (optional), then `file`.")
        if name == "file":
            kept = _kept_filename(filename)
            return FilePart(part, kept, title or _title_from(kept))
        if title is not None:
            raise InvalidRequest("The form may hold one `title`.")
        title = await _read_title(part)


async def _refuse_more_parts(reader: MultipartReader) -> None:
    if await _next_part(reader) is not None:
        raise InvalidRequest("`file` must be the last part of the form, and the only one.")


async def _next_part(reader: MultipartReader) -> BodyPartReader | None:
    try:
        async with asyncio.timeout(CHUNK_TIMEOUT_S):
            part = await reader.next()
    except TimeoutError as exc:
        raise InvalidRequest("The upload stalled.") from exc
    except (ValueError, AssertionError, RuntimeError) as exc:
        raise InvalidRequest("The multipart body is malformed.") from exc
    if part is not None and not isinstance(part, BodyPartReader):
        raise InvalidRequest("The form may not be nested.")
    return part


def _disposition(part: BodyPartReader) -> tuple[str, str | None]:
    """(name, filename) of a part.

    aiohttp's own parser loses both when a quoted file name holds two semicolons; the email
    package knows quoting (RFC 2183, RFC 2231).
    """
    header = Message()
    header[hdrs.CONTENT_DISPOSITION] = part.headers.get(hdrs.CONTENT_DISPOSITION, "")
    name = header.get_param("name", "", hdrs.CONTENT_DISPOSITION)
    try:
        filename = header.get_filename()
    except ValueError:  # a charset whose own rules it breaks
        filename = None
    return (name if isinstance(name, str) else "", filename)


def _kept_filename(filename: str | None) -> str:
    """Any name is kept, as text that can be shown: at most 255 bytes, no control characters."""
    text = (filename or "").encode("utf-8", "replace").decode()
    text = text.replace("%22", '"')  # how browsers send a quote (WHATWG HTML section 4.10.22.8)
    text = "".join(one for one in text if unicodedata.category(one) != "Cc")
    text = text.encode()[:MAX_FILENAME_BYTES].decode("utf-8", "ignore")
    return text or "video"


def _title_from(filename: str) -> str:
    return filename[:200]


async def _read_title(part: BodyPartReader) -> str:
    body = b""
    while chunk := await _next_chunk(part, MAX_TITLE_BYTES):
        body += chunk
        if len(body) > MAX_TITLE_BYTES:
            raise TooLarge("The title is too long.")
    try:
        return msgspec.convert(body.decode(), Title)
    except (UnicodeDecodeError, msgspec.ValidationError) as exc:
        raise InvalidRequest(
            "A title has 1 to 200 characters, none of them a control character."
        ) from exc


async def _receive_file(request: web.Request, part: BodyPartReader, upload: UploadFile) -> None:
    """Append the part chunk by chunk, so that the size limit is decided while bytes arrive."""
    limit = request.app[keys.UPLOAD_SETTINGS].max_size_bytes
    while chunk := await _next_chunk(part, CHUNK_BYTES):
        if upload.offset + len(chunk) > limit:
            raise TooLarge(f"A video file may have at most {limit} bytes.")
        await upload.append(chunk)
    if upload.offset == 0:
        raise EmptyUpload


async def _next_chunk(part: BodyPartReader, size: int) -> bytes:
    try:
        async with asyncio.timeout(CHUNK_TIMEOUT_S):
            return await part.read_chunk(size)
    except TimeoutError as exc:
        raise InvalidRequest("The upload stalled.") from exc
    except (ValueError, AssertionError) as exc:
        raise InvalidRequest("The multipart body is malformed.") from exc


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


async def _publish(request: web.Request, upload: UploadFile, new: NewVideo) -> Video | None:
    """The file gets its place first, then the row: a crash in between leaves a stray file only.

    None, and no file either, when the module is gone.
    """
    storage, executor = request.app[keys.STORAGE], request.app[keys.UPLOAD_EXECUTOR]
    container = new.media.container
    await publish_original(storage, upload, new.course_id, new.id, container, executor)
    video = await pipeline.enter(request.app[keys.DATABASE], new)
    if video is None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(executor, remove_video, storage, new.course_id, new.id)
    return video


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
