"""A server that delivers one file over real sockets, and a client that reads byte by byte."""

import asyncio
import os
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import pytest
import uvloop
from aiohttp import web

from handlers.connection.protocols import prepare, protocol_factory
from handlers.connection.sender import Sender
from handlers.delivery import ranges
from handlers.delivery.open_files import OpenFiles, Representation
from handlers.delivery.output.pump import PumpSettings
from handlers.delivery.output.read_ahead import ReadAhead
from handlers.delivery.output.room import RoomWatch
from handlers.token_bucket import TokenBucket
from handlers.transfers.transfers import Transfer, Transfers
from handlers.transfers.unsent import StallWatch
from storage.disk import Disk
from tests.programs.certificates import make_certificate

# The fixtures for conftest.py, and both event loops that the service may run on.
__all__ = [
    "connected",
    "content",
    "launching",
    "long_video",
    "pytest_asyncio_loop_factories",
    "serving",
    "tls",
    "video",
    "writing",
]


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
        job = fn.args[0] if isinstance(fn, partial) else fn  # `Disk` runs it in a context
        self.jobs.append(job.__name__)
        return super().submit(fn, *args, **kwargs)


class Delivery:
    """A delivery under test; `finished` collects ended transfers."""

    def __init__(
        self,
        path: Path,
        pool: CountingPool,
        room: RoomWatch,
        stall_timeout_s: float = 30.0,
        **pace: float,
    ) -> None:
        self.serve(path)
        self.pool = pool
        self.files = OpenFiles(Disk(pool))
        self.started: asyncio.Queue[Transfer] = asyncio.Queue()
        self.finished: asyncio.Queue[Transfer] = asyncio.Queue()
        self.transfers = Transfers(self.finished.put_nowait)
        stalls = StallWatch(stall_timeout_s)
        self.sender = Sender(PumpSettings(ReadAhead(Disk(pool)), room, stalls, **pace))
        self.bandwidth: TokenBucket | None = None
        self.address = ("127.0.0.1", 0)
        self.handler_task: asyncio.Task[object] | None = None
        self.last_request: web.Request | None = None
        self.server: web.Server | None = None

    def serve(self, path: Path) -> None:
        """Serve the file at `path` from now on, under the size that it has now."""
        size_bytes = path.stat().st_size
        self.representation = Representation(path, "v", size_bytes, "video/mp4", "e", 784111777)

    @property
    def connections(self) -> list[web.RequestHandler]:
        return self.server.connections

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.handler_task = asyncio.current_task()
        self.last_request = request
        facts = self.representation.facts("private")
        plan = ranges.plan(request.method, request.headers, facts, boundary="B")
        who = ("ann", "c1", VIDEO_ID, "stream")
        with self.transfers.open(*who, bandwidth=self.bandwidth) as transfer:
            async with self.files.open(self.representation) as file:
                self.started.put_nowait(transfer)
                return await self.sender.send(request, plan, file, transfer)

    async def ended(self) -> Transfer:
        async with asyncio.timeout(LONGEST_WAIT_S):
            return await self.finished.get()


async def hide_server(request: web.Request, response: web.StreamResponse) -> None:
    del response.headers["Server"]


@pytest.fixture(scope="session")
def tls(tmp_path_factory):
    """Contexts of a server with a certificate of its own, and of a client that trusts it."""
    made = make_certificate(tmp_path_factory.mktemp("tls"))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(made.certificate, made.key)
    return SimpleNamespace(
        server=server, client=ssl.create_default_context(cafile=made.certificate)
    )


@asynccontextmanager
async def serve(
    path: Path,
    *,
    is_ours: bool = True,
    tls: ssl.SSLContext | None = None,
    keepalive_timeout_s: float = 75.0,
    **pace: float,
) -> AsyncIterator[Delivery]:
    """Serve the file at `path` until the block ends, over our connections or aiohttp's own."""
    with CountingPool() as pool, RoomWatch() as room:
        delivery = Delivery(path, pool, room, **pace)
        app = web.Application()
        app.on_response_prepare.append(hide_server)
        app.router.add_get("/", delivery.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        delivery.server = runner.server
        protocols = protocol_factory(runner.server, keepalive_timeout_s=keepalive_timeout_s)
        listener = await asyncio.get_running_loop().create_server(
            protocols if is_ours else runner.server,
            "127.0.0.1",
            0,
            ssl=tls,
        )
        prepare(listener.sockets[0])
        delivery.address = listener.sockets[0].getsockname()
        try:
            with delivery.files:
                yield delivery
        finally:
            listener.close()
            await runner.cleanup()


class Client:
    """A connection of its own, with a small receive buffer, so that a stall is one at once."""

    def __init__(self, own: socket.socket) -> None:
        self.socket = own

    async def ask(self, method: str = "GET", **fields: str) -> None:
        lines = [f"{method} / HTTP/1.1", "Host: h"]
        lines += [f"{name.replace('_', '-')}: {text}" for name, text in fields.items()]
        text = "\r\n".join([*lines, "", ""])
        await asyncio.get_running_loop().sock_sendall(self.socket, text.encode())

    async def read(self, most_bytes: int = 65536) -> bytes:
        """Returns the next bytes; none at the end. Raises: ConnectionResetError."""
        await asyncio.sleep(0)  # Else the server, in the same loop, has no turn while bytes wait.
        async with asyncio.timeout(LONGEST_WAIT_S):
            return await asyncio.get_running_loop().sock_recv(self.socket, most_bytes)

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
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.socket.close()

    def close(self) -> None:
        self.socket.close()


RECEIVE_BUFFER_BYTES = 64 * 1024


@asynccontextmanager
async def connect(delivery: Delivery) -> AsyncIterator[Client]:
    with socket.socket() as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        own.setblocking(False)
        await asyncio.get_running_loop().sock_connect(own, delivery.address)
        yield Client(own)


@pytest.fixture(params=[True, False], ids=["launched", "written"])
def serving(request):
    """`async with serving(path, tls=..., window_bytes=..., stall_timeout_s=...) as delivery`."""
    return partial(serve, is_ours=request.param)


@pytest.fixture
def launching():
    """As `serving`, for what our connections alone can do."""
    return serve


@pytest.fixture
def writing():
    """As `serving`, for what goes through aiohttp's writer."""
    return partial(serve, is_ours=False)


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
