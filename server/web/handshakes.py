"""TLS handshakes, counted as connections from accept on and limited to ten seconds.

A client that connects and sends nothing costs as much as any other. asyncio's listener reports a
connection only after its handshake, so this one accepts by itself.
"""

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from functools import partial

logger = logging.getLogger(__name__)

HANDSHAKE_TIMEOUT_S = 10.0
ACCEPTED_AT_ONCE = 100  # then control returns to the event loop
# As asyncio does: descriptors become free when connections end.
RETRY_ACCEPT_S = 1.0
EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

Make = Callable[[], asyncio.BaseProtocol]


class Handshakes:
    """The running handshakes, at most `limit`: further connections are closed at once."""

    def __init__(
        self, context: ssl.SSLContext, limit: int, timeout_s: float = HANDSHAKE_TIMEOUT_S
    ) -> None:
        self._context = context
        self._limit = limit
        self._timeout_s = timeout_s
        self._listeners: list[socket.socket] = []
        self._under_way: set[socket.socket] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._under_way)

    def listen(self, listeners: Sequence[socket.socket], make: Make) -> None:
        """Accepts on bound sockets; `make` returns a connection's protocol, at its accept."""
        self._listeners = list(listeners)
        for listener in self._listeners:
            listener.setblocking(False)
            self._watch(listener, make)

    def stop_accepting(self) -> None:
        loop = asyncio.get_running_loop()
        for listener in self._listeners:
            loop.remove_reader(listener)
            listener.close()

    async def close(self, timeout_s: float) -> None:
        """Waits for running handshakes, then cancels them after the time-out."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=timeout_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _watch(self, listener: socket.socket, make: Make) -> None:
        if listener.fileno() >= 0:
            loop = asyncio.get_running_loop()
            loop.add_reader(listener, partial(self._accept, listener, make))

    def _accept(self, listener: socket.socket, make: Make) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                accepted, _ = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as exc:
                if exc.errno not in EXHAUSTED:
                    raise
                logger.error("no connection can be accepted: %s", exc.strerror)
                loop.remove_reader(listener)
                loop.call_later(RETRY_ACCEPT_S, self._watch, listener, make)
                return
            self._begin(accepted, make)

    def _begin(self, accepted: socket.socket, make: Make) -> None:
        if len(self._tasks) >= self._limit:
            accepted.close()
            return
        protocol = make()
        accepted.setblocking(False)
        self._under_way.add(accepted)
        task = asyncio.create_task(self._shake(accepted, protocol), name="TLS handshake")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _shake(self, accepted: socket.socket, protocol: asyncio.BaseProtocol) -> None:
        def made() -> asyncio.BaseProtocol:
            self._under_way.discard(accepted)
            return protocol

        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                partial(Gate, made),
                accepted,
                ssl=self._context,
                ssl_handshake_timeout=self._timeout_s,
            )
        except OSError as exc:  # not TLS, timed out, or the client disconnected
            logger.debug("a TLS handshake failed: %s", exc)
        finally:
            self._under_way.discard(accepted)


class Gate(asyncio.Protocol):
    """Chooses a connection's protocol when it is made, not when it is accepted: asyncio accepts
    many before the first is made."""

    def __init__(self, make: Make) -> None:
        self._make = make

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        protocol = self._make()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
