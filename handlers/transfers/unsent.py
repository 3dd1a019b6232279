"""Bytes that the kernel holds for a client and the client has not acknowledged: their number,
discarding them, and the detection of clients that stopped reading.
"""

import asyncio
import socket
import struct
from fcntl import ioctl
from termios import TIOCOUTQ
from typing import Protocol

from handlers.transfers.transfers import Transfer
from storage.concurrency.shared_timer import SharedTimer

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


class Recipient(Protocol):
    """The runner of a transfer that waits for its client."""

    def taken_and_waiting(self) -> tuple[int, int]:
        """The bytes that the client has acknowledged, and those that it has not."""
        ...

    def stall(self) -> None:
        """Called once it has acknowledged nothing for the time-out."""


class StallWatch:
    """Detects who has acknowledged nothing for `timeout_s`: the kernel reports room only when a
    third of its buffer, up to megabytes, is free."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._timer = SharedTimer(timeout_s / LOOKS_A_TIMEOUT, self._look)
        # What each had taken when it was first seen to have, and when; hardly any waits so long.
        self._taken: dict[Recipient, tuple[int, float]] = {}

    def add(self, recipient: Recipient) -> None:
        self._timer.add(recipient)

    def discard(self, recipient: Recipient) -> None:
        self._timer.discard(recipient)
        self._taken.pop(recipient, None)

    def _look(self, recipient: Recipient) -> None:
        taken, waiting = recipient.taken_and_waiting()
        now_s = self._loop.time()
        taken_before, since_s = self._taken.get(recipient, (None, now_s))
        if taken != taken_before or not waiting:
            self._taken[recipient] = (taken, now_s)
        elif now_s - since_s >= self._timeout_s:
            self.discard(recipient)
            recipient.stall()
