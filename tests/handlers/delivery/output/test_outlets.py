"""Ways of bytes into a socket: what is sent at once, in segments that are full."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from handlers.delivery.open_files import OpenFile
from handlers.delivery.output.outlets import CORK_FROM_BYTES, SocketOutlet
from handlers.delivery.output.room import RoomWatch

HEAD = b"HTTP/1.1 206 Partial Content\r\n\r\n"
SIZE_BYTES = 64 << 20  # more than any socket's buffer


class Watched(socket.socket):
    """A socket that remembers how TCP_CORK was set."""

    corks: list[int]

    def setsockopt(self, level: int, name: int, value: int) -> None:  # type: ignore[override]
        assert (level, name) == (socket.IPPROTO_TCP, socket.TCP_CORK)
        self.corks.append(value)
        super().setsockopt(level, name, value)


@contextmanager
def connected() -> Iterator[tuple[Watched, socket.socket]]:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as client,
    ):
        accepted, _ = listener.accept()
        with Watched(fileno=accepted.detach()) as own:
            own.corks = []
            own.setblocking(False)
            yield own, client


@pytest.fixture
def file(tmp_path: Path) -> Iterator[OpenFile]:
    path = tmp_path / "film"
    path.touch()
    os.truncate(path, SIZE_BYTES)
    file = OpenFile(os.open(path, os.O_RDONLY), SIZE_BYTES)
    yield file
    file.release()


@pytest.fixture
async def room():
    with RoomWatch() as room:
        yield room


@pytest.mark.parametrize(
    ("size_bytes", "corks"), [(CORK_FROM_BYTES, []), (CORK_FROM_BYTES + 1, [1, 0])]
)
async def test_segments_of_a_long_answer_are_held_until_it_is_whole(
    room: RoomWatch, file: OpenFile, size_bytes: int, corks: list[int]
) -> None:
    with connected() as (own, client):
        sent_bytes = SocketOutlet(own, room).send_at_once(HEAD, file, 0, size_bytes)
        with client.makefile("rb") as received:
            answer = received.read(sent_bytes)
    assert own.corks == corks
    assert answer == HEAD + bytes(size_bytes)


async def test_nothing_is_held_back_where_there_was_no_room_for_all(
    room: RoomWatch, file: OpenFile
) -> None:
    with connected() as (own, _):
        outlet = SocketOutlet(own, room)
        first = outlet.send_at_once(HEAD, file, 0, SIZE_BYTES)
        assert len(HEAD) < first < SIZE_BYTES
        while outlet.send_at_once(HEAD, file, 0, SIZE_BYTES):  # the buffer may grow
            pass
        assert own.getsockopt(socket.IPPROTO_TCP, socket.TCP_CORK) == 0
