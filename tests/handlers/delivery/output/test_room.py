"""The wait for room in sockets: who is called back, when, and how often."""

import asyncio
import os
import socket
import struct
from contextlib import suppress

import pytest

from handlers.delivery.output.room import RoomWatch

LONGEST_WAIT_S = 5.0


def fill(own: socket.socket) -> None:
    with suppress(BlockingIOError):
        while True:
            own.send(bytes(65536))


class Waiting:
    """A socket that is written to, and how often it was called back."""

    def __init__(self, room: RoomWatch) -> None:
        self.own, self.client = socket.socketpair()
        self.own.setblocking(False)
        self.client.setblocking(False)
        self.calls: asyncio.Queue[None] = asyncio.Queue()
        self._room = room

    @property
    def descriptor(self) -> int:
        return self.own.fileno()

    def wait(self) -> None:
        self._room.wait(self.descriptor, lambda: self.calls.put_nowait(None))

    def fill(self) -> None:
        fill(self.own)

    def empty(self) -> None:
        with suppress(BlockingIOError):
            while True:
                self.client.recv(65536)

    async def called(self) -> None:
        async with asyncio.timeout(LONGEST_WAIT_S):
            await self.calls.get()

    def close(self) -> None:
        self._room.forget(self.descriptor)
        self.own.close()
        self.client.close()


@pytest.fixture
async def room():
    with RoomWatch() as room:
        yield room


@pytest.fixture
def waiting(room):
    """Makes them."""
    made: list[Waiting] = []

    def make() -> Waiting:
        made.append(Waiting(room))
        return made[-1]

    yield make
    for one in made:
        one.close()


async def test_room_that_is_there_is_reported_once_for_each_wait(waiting):
    asking, other = waiting(), waiting()
    for _ in range(3):
        asking.wait()
        assert asking.calls.empty()  # in a later turn, so that others have theirs
        await asking.called()

        other.wait()
        await other.called()
        assert asking.calls.empty()


async def test_a_full_socket_is_reported_when_its_client_has_read(waiting):
    asking, other = waiting(), waiting()
    for _ in range(2):
        asking.fill()
        asking.wait()
        other.wait()
        await other.called()
        assert asking.calls.empty()

        asking.empty()
        await asking.called()


async def test_room_that_came_before_the_wait_is_reported(waiting):
    asking, other = waiting(), waiting()
    asking.wait()
    await asking.called()
    asking.fill()
    asking.empty()
    other.wait()
    await other.called()

    asking.wait()
    await asking.called()


async def test_a_reset_counts_as_room(room):
    listener = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listener.getsockname())
    own, _ = listener.accept()
    with listener, own:
        own.setblocking(False)
        fill(own)
        is_called = asyncio.Event()
        room.wait(own.fileno(), is_called.set)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()

        async with asyncio.timeout(LONGEST_WAIT_S):
            await is_called.wait()
        with pytest.raises(ConnectionResetError):
            own.send(b"x")
        room.forget(own.fileno())


async def test_who_cancels_is_not_called_and_may_wait_again(room, waiting):
    asking, other = waiting(), waiting()
    asking.wait()
    room.cancel(asking.descriptor)
    other.wait()
    await other.called()
    assert asking.calls.empty()

    asking.wait()
    await asking.called()


async def test_the_number_of_a_socket_that_was_forgotten_is_free_for_another(room, waiting):
    """A duplicate, which keeps the socket open, is what a connection has."""
    first = waiting()
    kept = first.own.dup()
    first.wait()
    number = first.descriptor
    room.forget(number)
    other = waiting()
    os.dup2(other.descriptor, number)  # closes the first and takes its number

    kept.send(b"x")
    other.fill()
    calls = []
    room.wait(number, lambda: calls.append(None))
    third = waiting()
    third.wait()
    await third.called()
    assert calls == []

    room.forget(number)
    kept.close()


async def test_a_callback_that_fails_keeps_none_from_being_called(waiting, room):
    failures = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: failures.append(context["exception"])
    )
    failing, others = waiting(), [waiting() for _ in range(3)]
    room.wait(failing.descriptor, lambda: 1 / 0)
    for one in others:
        one.wait()

    for one in others:
        await one.called()
    assert [type(one) for one in failures] == [ZeroDivisionError]


async def test_a_callback_may_forget_another_that_has_room_as_well(room, waiting):
    one, other, third = waiting(), waiting(), waiting()
    calls = []

    def call(own, foreign):
        calls.append(own)
        room.forget(foreign.descriptor)

    room.wait(one.descriptor, lambda: call(one, other))
    room.wait(other.descriptor, lambda: call(other, one))
    third.wait()
    await third.called()

    assert len(calls) == 1


async def test_after_its_end_forgetting_is_nothing():
    own, other = socket.socketpair()
    with own, other:
        with RoomWatch() as room:
            room.wait(own.fileno(), lambda: None)
        room.cancel(own.fileno())
        room.forget(own.fileno())
