"""The end of a connection: after its last response, or behind the client's end of input.

Source: RFC 9112 section 9.6. Closing a socket with unread input resets the connection, and the
reset discards what the client has not read yet. So the server's side is closed first, and input
is discarded until the client closes its own.
"""

import asyncio
from collections.abc import Callable

from handlers.connection.aiohttp_private import ExposedHandler

# A response to a client that closed its side begins within this time.
EOF_GRACE_S = 1.0
# How long a client may take to read the last response and close its side.
LINGER_S = 5.0


class Closing:
    """Exists from when it is known that a connection ends. `is_last`: the response under way is
    its last; `has_eof`: the client closed its side, and waits for what it asked for."""

    __slots__ = ("_handler", "_timer", "has_eof", "is_last")

    def __init__(self, handler: ExposedHandler) -> None:
        self.has_eof = False
        self.is_last = False
        self._handler = handler
        self._timer: asyncio.TimerHandle | None = None

    def is_due(self, *, has_more: bool) -> bool:
        """True if the connection ends here; `has_more`: there is input to be answered."""
        return self.is_last or (self.has_eof and not has_more)

    def expect_response(self, has_begun: Callable[[], bool]) -> None:
        """Close unless a response has begun within the grace."""
        self._set_timer(EOF_GRACE_S, lambda: None if has_begun() else self._handler.force_close())

    def linger(self) -> None:
        """Close so that the client can read all that was sent."""
        transport = self._handler.transport
        if transport is None or transport.is_closing():
            return
        if self.has_eof or self._handler.ssl_context is not None:  # TLS has no half-close
            transport.close()
            return
        transport.write_eof()
        self._set_timer(LINGER_S, self._handler.force_close)

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _set_timer(self, delay_s: float, callback: Callable[[], None]) -> None:
        self.cancel()
        self._timer = self._handler.loop.call_later(delay_s, callback)
