"""Input that came while no request may be parsed.

Bounded: beyond the limit the transport stops reading, and the client's bytes wait in the kernel.
"""

from handlers.connection.aiohttp_private import ExposedHandler

# More than clients pipeline.
BUFFERED_BYTES = 64 * 1024


class InputBuffer:
    """The bytes of one pause in parsing. Empty bytes count: aiohttp sends them to itself when it
    has room to parse what it holds already."""

    __slots__ = ("_bytes", "_handler")

    def __init__(self, handler: ExposedHandler) -> None:
        self._handler = handler
        self._bytes = bytearray()

    def __len__(self) -> int:
        return len(self._bytes)

    def add(self, data: bytes) -> None:
        self._bytes += data
        if self._is_full() and self._handler.transport is not None:
            self._handler.transport.pause_reading()

    def take(self) -> bytes:
        """Return all of it, in order, and let the client send on."""
        self.resume()
        return bytes(self._bytes)

    def resume(self) -> None:
        """Read from the client again, if the limit stopped it."""
        if self._is_full():
            self._handler.resume_input()

    def _is_full(self) -> bool:
        return len(self._bytes) >= BUFFERED_BYTES
