"""A server that delivers one file over real sockets, and a client that reads byte by byte."""

import asyncio
import os
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest
import uvloop
from aiohttp import web

from handlers.delivery import ranges
from handlers.delivery.open_files import OpenFiles, Representation
from handlers.delivery.read_ahead import ReadAhead
from handlers.delivery.transfer import Sender, hide_server
from handlers.delivery.transfers import Transfer, Transfers


def pytest_asyncio_loop_factories(config, item):
    """Delivery is tested on both event loops that it may run on."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


VIDEO_ID = UUID(int=7)
LONGEST_WAIT_S = 8.0


class CountingPool(ThreadPoolExecutor):
    """A pool that counts the jobs it was given, by the name of what was to run."""

    def __init__(self) -> None:
        super().__init__(2, thread_name_prefix="media-io")
        self.jobs: list[str] = []

    def submit(self, fn, /, *args, **kwargs):
        self.jobs.append(fn.__name__)
        return super().submit(fn, *args, **kwargs)


class Delivery:
    """What a test holds in its hands; `finished` gets each transfer once its handler is done."""

    def __init__(self, path: Path, pool: CountingPool, **pace: float) -> None:
        self.serve(path)
        self.pool = pool
        self.files = OpenFiles(pool)
        self.transfers = Transfers()
        self.sender = Sender(ReadAhead(pool), **pace)
        self.started: asyncio.Queue[Transfer] = asyncio.Queue()
        self.finished: asyncio.Queue[Transfer] = asyncio.Queue()
        self.address = ("127.0.0.1", 0)
        self.handler_task: asyncio.Task[object] | None = None

    def serve(self, path: Path) -> None:
        """Serve the file at `path` from now on, under the size that it has now."""
        size_bytes = path.stat().st_size
        self.representation = Representation(path, "v", size_bytes, "video/mp4", "e", 784111777)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.handler_task = asyncio.current_task()
        facts = self.representation.facts("private")
        plan = ranges.plan(request.method, request.headers, facts, boundary="B")
        with self.transfers.open("ann", "c1", VIDEO_ID, "stream") as transfer:
            try:
                async with self.files.open(self.representation) as file:
                    self.started.put_nowait(transfer)
                    return await self.sender.send(request, plan, file, transfer)
            finally:
                self.finished.put_nowait(transfer)

    async def ended(self) -> Transfer:
        async with asyncio.timeout(LONGEST_WAIT_S):
            return await self.finished.get()


@asynccontextmanager
async def serve(
    path: Path, *, tls: ssl.SSLContext | None = None, **pace: float
) -> AsyncIterator[Delivery]:
    """Serve the file at `path` until the block ends."""
    with CountingPool() as pool:
        delivery = Delivery(path, pool, **pace)
        app = web.Application()
        app.on_response_prepare.append(hide_server)
        app.router.add_get("/", delivery.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        delivery.address = runner.addresses[0]
        try:
            with delivery.files:
                yield delivery
        finally:
            await runner.cleanup()


class Client:
    """A connection of its own, with a small receive buffer, so that a stall is one at once."""

    def __init__(self, own: socket.socket) -> None:
        self._socket = own

    async def ask(self, method: str = "GET", **fields: str) -> None:
        lines = [f"{method} / HTTP/1.1", "Host: h"]
        lines += [f"{name.replace('_', '-')}: {text}" for name, text in fields.items()]
        text = "\r\n".join([*lines, "", ""])
        await asyncio.get_running_loop().sock_sendall(self._socket, text.encode())

    async def read(self, most_bytes: int = 65536) -> bytes:
        """What has come; nothing at the end. Raises: ConnectionResetError."""
        await asyncio.sleep(0)  # Else the server, in the same loop, has no turn while bytes wait.
        async with asyncio.timeout(LONGEST_WAIT_S):
            return await asyncio.get_running_loop().sock_recv(self._socket, most_bytes)

    async def read_head(self) -> bytes:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            if not (byte := await self.read(1)):
                raise EOFError(head)
            head += byte
        return head

    async def read_body(self, size_bytes: int) -> bytes:
        body = bytearray()
        while len(body) < size_bytes and (chunk := await self.read(size_bytes - len(body))):
            body += chunk
        return bytes(body)

    async def read_to_end(self) -> int:
        """Count what still comes, whether the connection is closed or reset behind it."""
        count = 0
        try:
            while chunk := await self.read():
                count += len(chunk)
        except ConnectionResetError:
            pass
        return count

    def reset(self) -> None:
        """Leave as a browser does on a seek: at once, with bytes unread."""
        linger = struct.pack("ii", 1, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._socket.close()

    def close(self) -> None:
        self._socket.close()


RECEIVE_BUFFER_BYTES = 64 * 1024


@asynccontextmanager
async def connect(delivery: Delivery) -> AsyncIterator[Client]:
    with socket.socket() as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        own.setblocking(False)
        await asyncio.get_running_loop().sock_connect(own, delivery.address)
        yield Client(own)


@pytest.fixture
def serving():
    """`async with serving(path, tls=..., window_bytes=..., stall_timeout_s=...) as delivery`."""
    return serve


@pytest.fixture
def connected():
    """`async with connected(delivery) as client`."""
    return connect


@pytest.fixture(scope="session")
def content() -> bytes:
    """Bytes in which no two places look alike: every eight of them say where they stand."""
    return b"".join(place.to_bytes(8, "big") for place in range(0, 3 * 2**20 + 17, 8))


@pytest.fixture
def video(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "video.mp4"
    path.write_bytes(content)
    return path


@pytest.fixture
def long_video(tmp_path: Path) -> Path:
    """64 MiB of nothing: more than all buffers between a server and a client."""
    path = tmp_path / "long.mp4"
    path.touch()
    os.truncate(path, 64 * 2**20)
    return path
