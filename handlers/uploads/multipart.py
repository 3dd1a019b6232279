"""A `multipart/form-data` body, read part by part as it arrives (RFC 7578, RFC 2046 section 5.1).

Knows nothing of HTTP: bytes come from a function, parts leave as a head and chunks. Bounded, and
linear in what arrives: of content no byte is looked at again but for the length of one delimiter,
of a part's head no more is kept than `MAX_HEAD_BYTES`. Stricter than the RFC where no client
differs: lines end in CRLF, and a part's content has no encoding of its own (RFC 7578 section 4.7).
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from handlers.header_values import OCTET_STREAM, media_type, parameters

MAX_HEAD_BYTES = 16 * 1024  # a file name of some kilobytes, and three fields
MAX_SKIPPED_BYTES = 1024  # a preamble, which nobody sends

_CRLF = b"\r\n"
_END_OF_HEAD = b"\r\n\r\n"
_BOUNDARY = re.compile(r"[ -~]{0,69}[!-~]")

Read = Callable[[], Awaitable[bytes]]


class MalformedMultipart(Exception):
    """The multipart body is malformed."""


@dataclass(frozen=True, slots=True)
class PartHead:
    """What is said of a part: its disposition's parameters, and its media type."""

    disposition: dict[str, str]
    media_type: str


def boundary_of(content_type: str) -> bytes | None:
    """The boundary of a Content-Type; None where it has none that can be used."""
    boundary = parameters(content_type).get("boundary", "")
    return boundary.encode() if _BOUNDARY.fullmatch(boundary) else None


class MultipartReader:
    """`next_part` gives a part's head, then `read_chunk` its content, until that is empty.

    `read` brings what has arrived, and nothing once nothing more will.
    """

    def __init__(self, read: Read, boundary: bytes) -> None:
        self._read = read
        self._delimiter = b"\r\n--" + boundary
        self._buffer = _CRLF  # as if a line had ended before the first delimiter
        self._place = 0  # what stands before it in the buffer was taken
        self._is_in_content = True  # the preamble is the content of no part
        self._is_over = False

    async def next_part(self) -> PartHead | None:
        """None after the last one. A little that was not read of the part before is dropped.

        Raises: MalformedMultipart, and what `read` raises.
        """
        await self._skip_content()
        if self._is_over or await self._is_closed():
            self._is_over = True
            return None
        head = await self._take_until(_END_OF_HEAD, MAX_HEAD_BYTES)
        padding, _, lines = head.partition(_CRLF)
        if padding.strip(b" \t"):
            raise MalformedMultipart
        self._is_in_content = True
        return _part_head(lines.decode("utf-8", "replace"))

    async def read_chunk(self) -> bytes:
        """Some of the part's content; empty at its end.

        Raises: MalformedMultipart, and what `read` raises.
        """
        while self._is_in_content:
            if chunk := self._take_content():
                return chunk
            if self._is_in_content:
                await self._read_more()
        return b""

    async def _skip_content(self) -> None:
        skipped_bytes = 0
        while chunk := await self.read_chunk():
            skipped_bytes += len(chunk)
            if skipped_bytes > MAX_SKIPPED_BYTES:
                raise MalformedMultipart

    def _take_content(self) -> bytes:
        """What surely belongs to the part of what is here; notes when the delimiter is."""
        start, end = self._place, self._buffer.find(self._delimiter, self._place)
        if end >= 0:
            self._is_in_content = False
            self._place = end + len(self._delimiter)
        else:
            self._place = end = self._possible_delimiter()
        return self._buffer[start:end]

    def _possible_delimiter(self) -> int:
        """Where one may begin whose end is not here. Mostly nowhere, and nothing is copied then:
        neither the whole of a buffer nor what follows an empty one is."""
        last = max(self._place, len(self._buffer) - len(self._delimiter) + 1)
        begins = self._buffer.find(b"\r", last)
        return begins if begins >= 0 else len(self._buffer)

    async def _is_closed(self) -> bool:
        while len(self._buffer) < self._place + 2:
            await self._read_more()
        return self._buffer.startswith(b"--", self._place)

    async def _take_until(self, end: bytes, most_bytes: int) -> bytes:
        searched_bytes = 0
        while (found := self._find(end, searched_bytes, most_bytes)) < 0:
            if len(self._buffer) - self._place > most_bytes:
                raise MalformedMultipart
            searched_bytes = max(0, len(self._buffer) - self._place - len(end) + 1)
            await self._read_more()
        taken, self._place = self._buffer[self._place : found], found + len(end)
        return taken

    def _find(self, end: bytes, searched_bytes: int, most_bytes: int) -> int:
        return self._buffer.find(end, self._place + searched_bytes, self._place + most_bytes)

    async def _read_more(self) -> None:
        more = await self._read()
        if not more:
            raise MalformedMultipart
        self._buffer, self._place = self._buffer[self._place :] + more, 0


def _part_head(text: str) -> PartHead:
    fields = dict(_field(line) for line in reversed(_unfolded(text).split("\r\n")))
    disposition = parameters(fields.get("content-disposition", ""))
    return PartHead(disposition, media_type(fields.get("content-type", OCTET_STREAM)))


def _unfolded(text: str) -> str:
    """A line that begins with a space goes on with the one before (RFC 5322 section 2.2.3)."""
    return text.replace("\r\n ", " ").replace("\r\n\t", " ")


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip(" \t").lower(), value
