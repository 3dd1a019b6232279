"""The two ways for bytes out of a connection: into its socket, or through its transport.

Into the socket where nothing has to be encrypted: one sendfile moves a window of the file out of
the page cache, and a waiting client takes no memory of this process. Through the transport for
TLS, which encrypts what is read from the page cache: a waiting client takes some chunks of memory.
They know nothing of HTTP, and decide neither what is sent nor when.
"""

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Protocol

from handlers.delivery.open_files import OpenFile
from handlers.delivery.output.room import RoomWatch
from handlers.transfers.transfers import Transfer
from handlers.transfers.unsent import drop_unsent, unsent_bytes

# Read and encrypted at once. More than the 64 KiB up to which uvloop's transport delays a write to
# the end of its turn, and so much memory stays with a connection in OpenSSL's buffer. A client that
# does not read takes three: one half in the socket, one behind it, one encrypted and held back.
CHUNK_BYTES = 64 * 1024
# Below, holding back segments that are not full saves no packet worth two system calls (measured).
CORK_FROM_BYTES = 128 * 1024


class Outlet(Protocol):
    """Owns a duplicate of the connection's socket; `close` closes it.

    What is sent is in the kernel, or encrypted for it. Where there is no room, `send` and
    `send_file` raise BlockingIOError; less than was given means that there is no more room.
    """

    def send(self, text: bytes, *, has_more: bool) -> int: ...

    def send_file(self, file: OpenFile, start: int, stop: int) -> int:
        """Send a resident span; 0 if the file has no such bytes."""

    def send_at_once(self, head: bytes, file: OpenFile, start: int, stop: int) -> int:
        """Send as much of a head and a resident span as there is room for; errors end it early."""

    def cork(self, is_corked: bool) -> None:
        """Hold back segments that are not full."""

    def wait(self, on_room: Callable[[], None]) -> None:
        """Call back once, in a later turn of the loop in which there is room, unless `cancel` comes
        first."""

    def cancel(self) -> None: ...

    def have_room(self) -> None:
        """Called when the transport has written what it held back."""

    def unsent_bytes(self) -> int:
        """Bytes that were sent and that the client has not acknowledged."""

    def drop_unsent(self, transfer: Transfer) -> None:
        """Discard them, and subtract them from the account."""

    def close(self) -> None: ...


class SocketOutlet:
    """Past the transport, which must hold nothing of an earlier response."""

    __slots__ = ("_room", "_socket")

    def __init__(self, own: socket.socket, room: RoomWatch) -> None:
        self._socket = own
        self._room = room

    def send(self, text: bytes, *, has_more: bool) -> int:
        return self._socket.send(text, socket.MSG_MORE if has_more else 0)

    def send_file(self, file: OpenFile, start: int, stop: int) -> int:
        return os.sendfile(self._socket.fileno(), file.descriptor, start, stop - start)

    def send_at_once(self, head: bytes, file: OpenFile, start: int, stop: int) -> int:
        own, sent_bytes = self._socket, 0
        is_corked = stop - start > CORK_FROM_BYTES
        if is_corked:
            self.cork(True)
        try:
            sent_bytes = own.send(head, socket.MSG_MORE)
            if sent_bytes == len(head):
                sent_bytes += os.sendfile(own.fileno(), file.descriptor, start, stop - start)
        except OSError:
            pass
        if is_corked:
            self.cork(False)
        return sent_bytes

    def cork(self, is_corked: bool) -> None:
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, is_corked)

    def wait(self, on_room: Callable[[], None]) -> None:
        self._room.wait(self._socket.fileno(), on_room)

    def cancel(self) -> None:
        self._room.cancel(self._socket.fileno())

    def have_room(self) -> None:
        """Nothing: what it sends never is in the transport."""

    def unsent_bytes(self) -> int:
        return unsent_bytes(self._socket)

    def drop_unsent(self, transfer: Transfer) -> None:
        drop_unsent(self._socket, transfer)

    def close(self) -> None:
        self._room.forget(self._socket.fileno())
        self._socket.close()


class TransportOutlet:
    """Full from when the transport holds back anything until it has written all of it."""

    __slots__ = ("_call", "_loop", "_on_room", "_socket", "_transport")

    def __init__(self, own: socket.socket, transport: asyncio.Transport) -> None:
        self._socket = own
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._on_room: Callable[[], None] | None = None
        self._call: asyncio.Handle | None = None
        transport.set_write_buffer_limits(high=1)

    def send(self, text: bytes, *, has_more: bool) -> int:
        self._require_room()
        self._transport.write(text)
        return len(text)

    def send_file(self, file: OpenFile, start: int, stop: int) -> int:
        self._require_room()
        return self._write_file(file, start, stop)

    def send_at_once(self, head: bytes, file: OpenFile, start: int, stop: int) -> int:
        if self._transport.is_closing() or not self._has_room():
            return 0
        middle, sent_bytes = min(start + CHUNK_BYTES, stop), 0
        try:
            chunk = os.pread(file.descriptor, middle - start, start)
            self._transport.writelines((head, chunk))
            sent_bytes = len(head) + len(chunk)
            if len(chunk) == middle - start and self._has_room():
                sent_bytes += self._write_file(file, middle, stop)
        except OSError:
            pass
        return sent_bytes

    def cork(self, is_corked: bool) -> None:
        """Nothing: chunks are larger than segments."""

    def wait(self, on_room: Callable[[], None]) -> None:
        self._on_room = on_room
        self.have_room()

    def cancel(self) -> None:
        self._on_room = None

    def have_room(self) -> None:
        if self._on_room is not None and self._call is None and self._has_room():
            self._call = self._loop.call_soon(self._tell)

    def unsent_bytes(self) -> int:
        return unsent_bytes(self._socket) + self._transport.get_write_buffer_size()

    def drop_unsent(self, transfer: Transfer) -> None:
        drop_unsent(self._socket, transfer, self._transport.get_write_buffer_size())

    def close(self) -> None:
        self._socket.close()

    def _tell(self) -> None:
        self._call = None
        if self._has_room():
            on_room, self._on_room = self._on_room, None
            if on_room is not None:
                on_room()

    def _has_room(self) -> bool:
        return self._transport.get_write_buffer_size() == 0

    def _require_room(self) -> None:
        if self._transport.is_closing():
            raise ConnectionResetError
        if not self._has_room():
            raise BlockingIOError

    def _write_file(self, file: OpenFile, start: int, stop: int) -> int:
        """Chunks are objects of their own: a transport may keep what it cannot encrypt yet, so a
        buffer that is used again would be overwritten, and a mapped file may lose its bytes."""
        at = start
        while at < stop:
            asked_bytes = min(CHUNK_BYTES, stop - at)
            chunk = os.pread(file.descriptor, asked_bytes, at)
            if chunk:
                self._transport.write(chunk)
            at += len(chunk)
            if len(chunk) < asked_bytes or not self._has_room():
                break
        return at - start


def outlet_of(transport: asyncio.Transport, room: RoomWatch) -> Outlet:
    """The outlet of a connection. Its socket is a duplicate: a descriptor number that the
    transport closes may by the next turn of the loop be the socket of another user."""
    own = transport.get_extra_info("socket").dup()
    if transport.get_extra_info("sslcontext") is None:
        return SocketOutlet(own, room)
    return TransportOutlet(own, transport)
