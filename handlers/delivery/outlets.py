"""Two ways out of the process: the connection's own socket, or its transport (TLS).

An outlet takes text and pieces of files that are in the page cache, waits while the client reads,
counts what it handed over, and notices a client that stalls, leaves, or a file that is too short.
It knows nothing of HTTP, and it does not decide what is sent.
"""

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from fcntl import ioctl
from termios import TIOCOUTQ
from typing import Protocol

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from handlers.delivery.errors import FileTruncated
from handlers.delivery.open_files import OpenFile
from handlers.delivery.ranges import ByteSpan
from handlers.delivery.transfers import Transfer

# As much as a transport takes before it asks its writer to wait.
_TLS_CHUNK_BYTES = 64 * 1024
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Outlet(Protocol):
    """Raises: ConnectionError (the client left), TimeoutError (it stalled), FileTruncated."""

    async def send_text(self, text: bytes) -> None: ...

    async def send_file(self, file: OpenFile, span: ByteSpan) -> None: ...


@asynccontextmanager
async def open_outlet(
    request: web.Request, response: web.StreamResponse, transfer: Transfer, stall_timeout_s: float
) -> AsyncIterator[Outlet]:
    """Open the fastest way to a client whose response head has been written."""
    transport = request.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError
    if transport.get_extra_info("sslcontext") is not None:
        # Straight into the socket would be plaintext.
        yield TransportOutlet(response, transfer, stall_timeout_s)
        return
    # Ours is a duplicate, since a descriptor number that the transport closes may by the next
    # turn of the loop be the socket of another user.
    own: socket.socket = transport.get_extra_info("socket").dup()
    with own:
        outlet = SocketOutlet(own, transport, transfer, stall_timeout_s)
        try:
            await outlet.wait_for_head(request.writer)
            yield outlet
        except FileTruncated:
            raise  # What was sent is right: let it arrive.
        except BaseException:
            outlet.drop_unsent()
            raise


class SocketOutlet:
    """The kernel moves the bytes: one sendfile a wake-up, on both event loops.

    Memory in this process: none. In the kernel: the socket's send buffer.
    """

    def __init__(
        self,
        own: socket.socket,
        transport: asyncio.Transport,
        transfer: Transfer,
        stall_timeout_s: float,
    ) -> None:
        self._socket = own
        self._transport = transport
        self._transfer = transfer
        self._stall_timeout_s = stall_timeout_s

    async def wait_for_head(self, writer: AbstractStreamWriter) -> None:
        """Return when the transport's buffer is empty: what it holds must leave first."""
        if self._transport.get_write_buffer_size() == 0:
            return
        self._transport.set_write_buffer_limits(high=0)
        async with asyncio.timeout(self._stall_timeout_s):
            await writer.drain()
        self._transport.set_write_buffer_limits()

    async def send_text(self, text: bytes) -> None:
        await self._push(len(text), lambda done: self._socket.send(text[done:]))

    async def send_file(self, file: OpenFile, span: ByteSpan) -> None:
        out, source = self._socket.fileno(), file.descriptor
        await self._push(
            span.size_bytes,
            lambda done: os.sendfile(out, source, span.start + done, span.size_bytes - done),
        )

    def drop_unsent(self) -> None:
        """Have closing reset the connection, and take off the account what will never arrive."""
        unsent_bytes = min(self._unsent_bytes(), self._transfer.sent_bytes)
        self._transfer.sent_bytes -= unsent_bytes
        # Else the kernel keeps megabytes for a client that does not read, or may not any more.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)

    async def _push(self, size_bytes: int, write_from: Callable[[int], int]) -> None:
        done = 0
        while done < size_bytes:
            done += self._attempt(done, write_from)
            if done < size_bytes:  # A short write: the socket is full, no need to hear it say so.
                await self._wait_until_writable()

    def _attempt(self, done: int, write_from: Callable[[int], int]) -> int:
        if self._transport.is_closing():
            raise ConnectionResetError
        try:
            sent_bytes = write_from(done)
        except BlockingIOError:
            return 0
        if sent_bytes == 0:
            raise FileTruncated
        self._transfer.sent_bytes += sent_bytes
        return sent_bytes

    async def _wait_until_writable(self) -> None:
        """Wait for room; a slow client may take its time as long as it takes anything at all.

        The kernel tells of room only when a third of its buffer, up to megabytes, is free. So
        the stall clock goes by what the client has acknowledged.
        """
        loop = asyncio.get_running_loop()
        has_room = loop.create_future()
        unsent_bytes = self._unsent_bytes()
        loop.add_writer(self._socket.fileno(), _wake, has_room)
        try:
            while not (await asyncio.wait((has_room,), timeout=self._stall_timeout_s))[0]:
                before, unsent_bytes = unsent_bytes, self._unsent_bytes()
                if unsent_bytes >= before:
                    raise TimeoutError
        finally:
            loop.remove_writer(self._socket.fileno())

    def _unsent_bytes(self) -> int:
        """What the kernel holds and the client has not acknowledged; after a reset too."""
        answer = ioctl(self._socket.fileno(), TIOCOUTQ, bytes(4))
        return int(struct.unpack("i", answer)[0])


class TransportOutlet:
    """Through the transport, a chunk at a time; what is in its buffer counts as sent.

    Memory in this process: two chunks and what encrypting them takes. A chunk that is not taken
    within the stall time-out is a stall.
    """

    def __init__(
        self, response: web.StreamResponse, transfer: Transfer, stall_timeout_s: float
    ) -> None:
        self._response = response
        self._transfer = transfer
        self._stall_timeout_s = stall_timeout_s

    async def send_text(self, text: bytes) -> None:
        async with asyncio.timeout(self._stall_timeout_s):
            await self._response.write(text)
        self._transfer.sent_bytes += len(text)

    async def send_file(self, file: OpenFile, span: ByteSpan) -> None:
        for start in range(span.start, span.stop, _TLS_CHUNK_BYTES):
            size_bytes = min(_TLS_CHUNK_BYTES, span.stop - start)
            # A read from the page cache: the span was made resident.
            chunk = os.pread(file.descriptor, size_bytes, start)
            await self.send_text(chunk)
            if len(chunk) < size_bytes:
                raise FileTruncated


def _wake(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)
