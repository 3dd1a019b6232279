"""HTTP byte by byte: requests go out as they are written, answers are taken apart and no more.

For what client libraries tidy up: targets, header lines, pipelines, where an answer ends. It knows
bodies that carry a Content-Length or end with the connection; no other is expected.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from multidict import CIMultiDict

LONGEST_WAIT_S = 15.0
BODILESS = (100, 204, 304)


@dataclass(frozen=True)
class WireAnswer:
    version: str
    status: int
    headers: CIMultiDict[str]
    body: bytes


class Wire:
    """One connection; every wait on it is bounded."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, *lines: str, body: bytes = b"") -> None:
        """A request of these lines; what follows the head stays as it is."""
        self.writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        await self.writer.drain()

    async def head(self) -> WireAnswer:
        """The answer without its body, which is left to be read."""
        async with asyncio.timeout(LONGEST_WAIT_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status_line, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
        version, status, _ = status_line.split(" ", 2)
        headers = CIMultiDict(line.split(": ", 1) for line in lines)
        assert "Transfer-Encoding" not in headers
        return WireAnswer(version, int(status), headers, b"")

    async def answer(self, method: str = "GET") -> WireAnswer:
        head = await self.head()
        async with asyncio.timeout(LONGEST_WAIT_S):
            return replace(head, body=await self._body(method, head.status, head.headers))

    async def ask(self, *lines: str) -> WireAnswer:
        await self.send(*lines)
        return await self.answer(lines[0].split(" ")[0])

    async def rest(self) -> bytes:
        """All that still comes before the server closes."""
        async with asyncio.timeout(LONGEST_WAIT_S):
            return await self.reader.read()

    async def _body(self, method: str, status: int, headers: CIMultiDict[str]) -> bytes:
        if method == "HEAD" or status in BODILESS:
            return b""
        if "Content-Length" not in headers:
            return await self.reader.read()
        return await self.reader.readexactly(int(headers["Content-Length"]))


@asynccontextmanager
async def connected(
    url: str,
    tls: ssl.SSLContext | None = None,
    *,
    buffer_bytes: int = 2**16,
    receive_buffer_bytes: int | None = None,
) -> AsyncIterator[Wire]:
    """A connection to the server of `url`, by TLS if it is one of `https`.

    `buffer_bytes` is how far it reads ahead of the test; `receive_buffer_bytes` what the kernel
    takes for it (twice that, on Linux), which else grows to megabytes.
    """
    own = socket.socket()
    try:
        if receive_buffer_bytes is not None:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        own.setblocking(False)
        async with asyncio.timeout(LONGEST_WAIT_S):
            await asyncio.get_running_loop().sock_connect(own, _address(url))
            reader, writer = await asyncio.open_connection(
                sock=own,
                limit=buffer_bytes,
                ssl=tls,
                server_hostname=None if tls is None else "localhost",
            )
    except BaseException:
        own.close()
        raise
    try:
        yield Wire(reader, writer)
    finally:
        writer.transport.abort()


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    return parts.hostname, parts.port
