"""Form of an upload: `title` (optional), then `file`, read part by part as it arrives.

Decides which parts the form may hold (RFC 7578, WHATWG HTML section 4.10.22.8) and cleans names: a
file name is only a name, and never a reason to refuse. Does not examine the file.
"""

import asyncio
import unicodedata
from dataclasses import dataclass

import msgspec
from aiohttp import StreamReader, hdrs, web

from handlers.errors import InvalidRequest, TooLarge, UnsupportedMediaType
from handlers.header_values import content_type, text_parameter
from handlers.messages import Title
from handlers.uploads.multipart import MalformedMultipart, MultipartReader, PartHead, boundary_of

CHUNK_TIMEOUT_S = 120.0  # a client that is silent for longer is gone
MAX_TITLE_BYTES = 4 * 1024
MAX_FILENAME_BYTES = 255


@dataclass(frozen=True, slots=True)
class FilePart:
    """File name and title of the form; the content of the `file` part is not read yet."""

    filename: str
    title: str


def open_form(request: web.Request) -> MultipartReader:
    if content_type(request.headers) != "multipart/form-data":
        raise UnsupportedMediaType("The body must be multipart/form-data.")
    boundary = boundary_of(request.headers[hdrs.CONTENT_TYPE])
    if boundary is None:
        raise InvalidRequest("The multipart body has no usable boundary.")
    return MultipartReader(lambda: _arrived(request.content), boundary)


async def file_part(reader: MultipartReader) -> FilePart:
    """Read up to the `file` part: `title` may precede it, nothing else."""
    title = None
    while True:
        part = await _next_part(reader)
        name = part.disposition.get("name") if part else None
        if part is None or name not in ("title", "file"):
            raise InvalidRequest("The form is `title` (optional), then `file`.")
        if name == "file":
            kept = kept_filename(text_parameter(part.disposition, "filename"))
            return FilePart(kept, title or title_from(kept))
        if title is not None:
            raise InvalidRequest("The form may hold one `title`.")
        title = await _read_title(reader)


async def refuse_more_parts(reader: MultipartReader) -> None:
    if await _next_part(reader) is not None:
        raise InvalidRequest("`file` must be the last part of the form, and the only one.")


async def next_chunk(reader: MultipartReader) -> bytes:
    """The next bytes of the open part; empty at its end."""
    try:
        return await reader.read_chunk()
    except MalformedMultipart as exc:
        raise InvalidRequest(exc.__doc__) from exc


async def _next_part(reader: MultipartReader) -> PartHead | None:
    try:
        part = await reader.next_part()
    except MalformedMultipart as exc:
        raise InvalidRequest(exc.__doc__) from exc
    if part is not None and part.media_type.startswith("multipart/"):
        raise InvalidRequest("The form may not be nested.")
    return part


async def _arrived(content: StreamReader) -> bytes:
    try:
        async with asyncio.timeout(CHUNK_TIMEOUT_S):
            return await content.readany()
    except TimeoutError as exc:
        raise InvalidRequest("The upload stalled.") from exc


def kept_filename(filename: str | None) -> str:
    """Clean any file name: at most 255 bytes, without control characters."""
    text = (filename or "").encode("utf-8", "replace").decode()
    text = text.replace("%22", '"')  # how browsers send a quote (WHATWG HTML section 4.10.22.8)
    text = "".join(one for one in text if unicodedata.category(one) != "Cc")
    text = text.encode()[:MAX_FILENAME_BYTES].decode("utf-8", "ignore")
    return text or "video"


def title_from(filename: str) -> str:
    return filename[:200]


async def _read_title(reader: MultipartReader) -> str:
    body = b""
    while chunk := await next_chunk(reader):
        body += chunk
        if len(body) > MAX_TITLE_BYTES:
            raise TooLarge("The title is too long.")
    try:
        return msgspec.convert(body.decode(), Title)
    except (UnicodeDecodeError, msgspec.ValidationError) as exc:
        raise InvalidRequest(
            "A title has 1 to 200 characters, none of them a control character."
        ) from exc
