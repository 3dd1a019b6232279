"""Bytes that the kernel holds for a client and the client has not acknowledged: their number,
discarding them, and the detection of clients that stopped reading.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from fcntl import ioctl
from termios import TIOCOUTQ

from handlers.transfers.transfers import Transfer

LOOKS_A_TIMEOUT = 4  # checks within a time-out

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def unsent_bytes(own: socket.socket) -> int:
    """The bytes not yet acknowledged; after a reset, too."""
    answer = ioctl(own.fileno(), TIOCOUTQ, bytes(4))
    return int(struct.unpack("i", answer)[0])


def drop_unsent(own: socket.socket, transfer: Transfer, buffered_bytes: int = 0) -> None:
    """Make closing reset the connection, and subtract from the account what will never arrive.

    `buffered_bytes` did not reach the kernel.
    """
    dropped_bytes = unsent_bytes(own) + buffered_bytes
    transfer.sent_bytes -= min(dropped_bytes, transfer.sent_bytes)
    # Otherwise the kernel keeps megabytes for a client that does not read, or may not any more.
    own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)


class StallClock:
    """Calls `on_stall` once a client has acknowledged nothing for `timeout_s`.

    `read` returns the bytes that it has acknowledged, and those that it has not: the kernel reports
    room only when a third of its buffer, up to megabytes, is free.
    """

    __slots__ = ("_loop", "_on_stall", "_read", "_taken", "_taken_at_s", "_timeout_s", "_timer")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        timeout_s: float,
        read: Callable[[], tuple[int, int]],
        on_stall: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._timeout_s = timeout_s
        self._read = read
        self._on_stall = on_stall
        self._taken: int | None = None  # not checked yet
        self._taken_at_s = 0.0
        self._timer = self._set()

    def stop(self) -> None:
        self._timer.cancel()

    def _set(self) -> asyncio.TimerHandle:
        return self._loop.call_later(self._timeout_s / LOOKS_A_TIMEOUT, self._look)

    def _look(self) -> None:
        taken, waiting = self._read()
        now_s = self._loop.time()
        if taken != self._taken or not waiting:
            self._taken, self._taken_at_s = taken, now_s
        elif now_s - self._taken_at_s >= self._timeout_s:
            self._on_stall()
            return
        self._timer = self._set()
