"""Incremental parser of `multipart/form-data` (RFC 7578, RFC 2046 section 5.1).

Knows nothing of HTTP: bytes come from a function, parts leave as a head and chunks. Bounded, and
linear in the input: content is scanned again only over the length of one delimiter, and a part's
head is limited to `MAX_HEAD_BYTES`. Stricter than the RFC where no client differs: lines end in
CRLF, and a part's content has no encoding of its own (RFC 7578 section 4.7).
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from handlers.header_values import OCTET_STREAM, media_type, parameters

MAX_HEAD_BYTES = 16 * 1024  # a file name of some kilobytes, and three fields
MAX_SKIPPED_BYTES = 1024  # a preamble, which no client sends

_CRLF = b"\r\n"
_END_OF_HEAD = b"\r\n\r\n"
_BOUNDARY = re.compile(r"[ -~]{0,69}[!-~]")

Read = Callable[[], Awaitable[bytes]]


class MalformedMultipart(Exception):
    """The multipart body is malformed."""


@dataclass(frozen=True, slots=True)
class PartHead:
    """Head of a part: its disposition's parameters, and its media type."""

    disposition: dict[str, str]
    media_type: str


def boundary_of(content_type: str) -> bytes | None:
    """Parse the boundary of a Content-Type; None without a usable one."""
    boundary = parameters(content_type).get("boundary", "")
    return boundary.encode() if _BOUNDARY.fullmatch(boundary) else None


class MultipartReader:
    """`next_part` returns a part's head, then `read_chunk` its content, until that is empty.

    `read` returns bytes that have arrived, and nothing at the end.
    """

    def __init__(self, read: Read, boundary: bytes) -> None:
        self._read = read
        self._delimiter = b"\r\n--" + boundary
        self._buffer = _CRLF  # as if a line had ended before the first delimiter
        self._place = 0  # the bytes before it in the buffer were consumed
        self._is_in_content = True  # the preamble belongs to no part
        self._is_over = False

    async def next_part(self) -> PartHead | None:
        """None after the last one. A short unread rest of the part before is skipped.

        Raises: MalformedMultipart, and the errors of `read`.
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
        """The next bytes of the part's content; empty at its end.

        Raises: MalformedMultipart, and the errors of `read`.
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
        """Consume buffered bytes that belong to the part for certain; notes a delimiter."""
        start, end = self._place, self._buffer.find(self._delimiter, self._place)
        if end >= 0:
            self._is_in_content = False
            self._place = end + len(self._delimiter)
        else:
            self._place = end = self._possible_delimiter()
        return self._buffer[start:end]

    def _possible_delimiter(self) -> int:
        """Position of a delimiter that may begin near the end of the buffer.

        There is mostly none, and nothing is copied then: neither the whole buffer nor the rest
        after an empty one.
        """
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
    """Unfold lines: one that begins with a space continues the one before (RFC 5322 s. 2.2.3)."""
    return text.replace("\r\n ", " ").replace("\r\n\t", " ")


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip(" \t").lower(), value
