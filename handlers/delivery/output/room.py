"""The wait for room in sockets: one epoll of its own, whose descriptor the event loop watches.

The loop's `add_writer` makes a handle for each wait and puts the socket into its epoll and takes it
out again, uvloop twice. Here a socket stays from its first wait until it is closed.
"""

import asyncio
import select
from collections.abc import Callable
from types import TracebackType
from typing import Self

# Disarmed when it is reported, so that nobody is called who does not wait. Arming looks again, so
# that room which came before, or was left by a window that fitted, is reported as well.
_ONCE = select.EPOLLOUT | select.EPOLLONESHOT


class RoomWatch:
    """Calls back who waits for room in a socket: once, in a later turn of the loop.

    An error of the socket counts as room: the next call on it says which.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._epoll = select.epoll()
        # By descriptor; None while nobody waits for it.
        self._on_room: dict[int, Callable[[], None] | None] = {}

    def __enter__(self) -> Self:
        self._loop.add_reader(self._epoll.fileno(), self._call_back)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.remove_reader(self._epoll.fileno())
        self._on_room.clear()
        self._epoll.close()

    def wait(self, descriptor: int, on_room: Callable[[], None]) -> None:
        is_known = descriptor in self._on_room
        self._on_room[descriptor] = on_room
        if is_known:
            self._epoll.modify(descriptor, _ONCE)
        else:
            self._epoll.register(descriptor, _ONCE)

    def cancel(self, descriptor: int) -> None:
        """Call back no more, unless it waits again."""
        if descriptor in self._on_room:
            self._on_room[descriptor] = None

    def forget(self, descriptor: int) -> None:
        """Must be called before it is closed: a duplicate would keep the socket here, under a
        number that may be another client's by then."""
        if descriptor in self._on_room:
            del self._on_room[descriptor]
            self._epoll.unregister(descriptor)

    def _call_back(self) -> None:
        for descriptor, _ in self._epoll.poll(0):
            on_room = self._on_room.get(descriptor)
            if on_room is None:
                continue
            self._on_room[descriptor] = None
            try:
                on_room()
            except Exception as exc:  # the others are reported only once
                self._loop.call_exception_handler(
                    {"message": f"Exception in callback {on_room!r}", "exception": exc}
                )
