"""What a client did not take of what the kernel was given for it, and getting rid of that."""

import socket
import struct
from fcntl import ioctl
from termios import TIOCOUTQ

from handlers.delivery.transfers import Transfer

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def unsent_bytes(own: socket.socket) -> int:
    """What the kernel holds and the client has not acknowledged; after a reset too."""
    answer = ioctl(own.fileno(), TIOCOUTQ, bytes(4))
    return int(struct.unpack("i", answer)[0])


def drop_unsent(own: socket.socket, transfer: Transfer, buffered_bytes: int = 0) -> None:
    """Have closing reset the connection, and take off the account what will never arrive.

    `buffered_bytes` never came as far as the kernel.
    """
    dropped_bytes = unsent_bytes(own) + buffered_bytes
    transfer.sent_bytes -= min(dropped_bytes, transfer.sent_bytes)
    # Else the kernel keeps megabytes for a client that does not read, or may not any more.
    own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
