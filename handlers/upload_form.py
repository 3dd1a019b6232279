"""The form of an upload: `title` (optional), then `file`, read part by part as it arrives.

Decides what the form may hold (RFC 7578, WHATWG HTML section 4.10.22.8) and what is kept of its
names: a file name is only a name, and never a reason to refuse. What the file may be is not
decided here.
"""

import asyncio
import unicodedata
from dataclasses import dataclass
from email.message import Message

import msgspec
from aiohttp import BodyPartReader, MultipartReader, hdrs, web

from handlers.errors import InvalidRequest, TooLarge, UnsupportedFormat
from handlers.messages import Title

CHUNK_TIMEOUT_S = 120.0  # a sender that is silent for longer has gone
MAX_TITLE_BYTES = 4 * 1024
MAX_FILENAME_BYTES = 255


@dataclass(frozen=True, slots=True)
class FilePart:
    """The `file` part, not read yet, and what was said of it before."""

    body: BodyPartReader
    filename: str
    title: str


async def open_form(request: web.Request) -> MultipartReader:
    if request.content_type != "multipart/form-data":
        raise UnsupportedFormat("The body must be multipart/form-data.")
    try:
        return await request.multipart()
    except (ValueError, AssertionError) as exc:
        raise InvalidRequest("The multipart body has no usable boundary.") from exc


async def file_part(reader: MultipartReader) -> FilePart:
    """Read up to the `file` part: `title` may come before it, nothing else."""
    title = None
    while True:
        part = await _next_part(reader)
        name, filename = _disposition(part) if part else ("", None)
        if part is None or name not in ("title", "file"):
            raise InvalidRequest("The form is `title` (optional), then `file`.")
        if name == "file":
            kept = kept_filename(filename)
            return FilePart(part, kept, title or title_from(kept))
        if title is not None:
            raise InvalidRequest("The form may hold one `title`.")
        title = await _read_title(part)


async def refuse_more_parts(reader: MultipartReader) -> None:
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


def kept_filename(filename: str | None) -> str:
    """Any name is kept, as text that can be shown: at most 255 bytes, no control characters."""
    text = (filename or "").encode("utf-8", "replace").decode()
    text = text.replace("%22", '"')  # how browsers send a quote (WHATWG HTML section 4.10.22.8)
    text = "".join(one for one in text if unicodedata.category(one) != "Cc")
    text = text.encode()[:MAX_FILENAME_BYTES].decode("utf-8", "ignore")
    return text or "video"


def title_from(filename: str) -> str:
    return filename[:200]


async def _read_title(part: BodyPartReader) -> str:
    body = b""
    while chunk := await next_chunk(part, MAX_TITLE_BYTES):
        body += chunk
        if len(body) > MAX_TITLE_BYTES:
            raise TooLarge("The title is too long.")
    try:
        return msgspec.convert(body.decode(), Title)
    except (UnicodeDecodeError, msgspec.ValidationError) as exc:
        raise InvalidRequest(
            "A title has 1 to 200 characters, none of them a control character."
        ) from exc


async def next_chunk(part: BodyPartReader, size: int) -> bytes:
    try:
        async with asyncio.timeout(CHUNK_TIMEOUT_S):
            return await part.read_chunk(size)
    except TimeoutError as exc:
        raise InvalidRequest("The upload stalled.") from exc
    except (ValueError, AssertionError) as exc:
        raise InvalidRequest("The multipart body is malformed.") from exc
