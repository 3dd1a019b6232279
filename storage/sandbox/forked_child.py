"""A child of a fork server, as its caller sees it; and the servers of this process."""

import asyncio
import atexit
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from storage.sandbox.fork_server import NUMBER

# All children of a server share its memory layout and its hash seed, which helps an attacker who
# can read from one and write into the next: a new server after so many.
_CHILDREN_PER_SERVER = 64
# For the first order that includes loading the libraries on a busy machine.
_START_PATIENCE_S = 60.0
_FULL_PAUSE_S = 0.02
# How long a child may take to end: the guard of its namespace after SIGTERM, then its group.
_END_PATIENCE_S = 2.0
# A new server each, when one ended with the order on its way.
_MOST_SERVERS = 3

_BOOT = """
import sys
sys.path[:0] = sys.argv[3:]
from storage.sandbox.fork_server import main
main(*sys.argv[1:3])
"""


class HasFileno(Protocol):
    def fileno(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Child:
    """The module whose `main` a child runs, and where it is found."""

    module: str = "storage.sandbox.child"
    import_paths: tuple[Path, ...] = (Path(__file__).resolve().parents[2],)


class _ForkServer:
    """A running fork server. It ends when it is closed and its last child has ended."""

    def __init__(self, child: Child) -> None:
        """Raises: OSError."""
        self.child_count = 0
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.setblocking(False)
        try:
            with theirs:
                self.process = subprocess.Popen(
                    (
                        *(sys.executable, "-I", "-B", "-c", _BOOT, child.module),
                        *(str(os.getpid()), *map(str, child.import_paths)),
                    ),
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env={},
                    cwd="/",
                    close_fds=True,
                    start_new_session=True,
                )
        except OSError:
            self._control.close()
            raise
        # Waits for its end, so that no zombie remains, whichever loop runs then.
        self._waiting = threading.Thread(target=self.process.wait, name="fork-server", daemon=True)
        self._waiting.start()

    @property
    def is_open(self) -> bool:
        is_closed = self._control.fileno() < 0
        return (
            not is_closed
            and self.process.poll() is None
            and self.child_count < _CHILDREN_PER_SERVER
        )

    def order(self, text: str, files: Sequence[HasFileno]) -> None:
        """Order a child with its link, standard input and standard output. Raises: OSError."""
        socket.send_fds(self._control, [text.encode()], [file.fileno() for file in files])
        self.child_count += 1

    def close(self) -> None:
        self._control.close()

    def await_end(self, timeout_s: float) -> None:
        """Blocks until it has ended, which an idle one does when it is closed."""
        self._waiting.join(timeout_s)

    def kill(self) -> None:
        """End it with its children, which ask to die with their parent."""
        self.close()
        self.process.kill()


class _Servers:
    """The fork servers of this process, by what their children run."""

    def __init__(self) -> None:
        self._open: dict[Child, _ForkServer] = {}

    def get(self, child: Child) -> _ForkServer:
        """The server for such children, started where there is none. Raises: OSError."""
        server = self._open.get(child)
        if server is None or not server.is_open:
            if server is not None:
                self.drop(child, server)
            server = self._open[child] = _ForkServer(child)
        return server

    def drop(self, child: Child, server: _ForkServer) -> None:
        """Give it no further order."""
        server.close()
        if self._open.get(child) is server:
            del self._open[child]

    def end(self) -> None:
        """End them with this process: blocks."""
        for child, server in [*self._open.items()]:
            self.drop(child, server)
            server.await_end(_END_PATIENCE_S)


_SERVERS = _Servers()
atexit.register(_SERVERS.end)


@dataclass(slots=True)
class ForkedChild:
    """A child that runs; `answer` is what it writes."""

    pid: int
    answer: asyncio.StreamReader
    _server: _ForkServer
    _link: socket.socket
    _answer_pipe: asyncio.ReadTransport
    _end: int | None = None

    async def wait(self) -> int:
        """Wait for the end of the child, with which its process group is killed; one at a time.

        Returns its exit status, a signal's number below 0: SIGKILL's if its server was ended.
        """
        if self._end is None:
            self._end = await _receive(self._link)
        return -signal.SIGKILL if self._end is None else self._end

    async def end(self) -> None:
        """End the child with its process group, if it has not ended."""
        for end in (self._ask_to_end, self._kill_group, self._server.kill):
            with suppress(OSError):
                end()
            with suppress(TimeoutError):
                async with asyncio.timeout(_END_PATIENCE_S):
                    await self.wait()
                break
        self._answer_pipe.close()
        self._link.close()

    def _ask_to_end(self) -> None:
        # The guard of a process namespace ends its processes first, so that no zombie remains.
        self._link.send(bytes([signal.SIGTERM]))

    def _kill_group(self) -> None:
        self._link.shutdown(socket.SHUT_WR)


async def fork_child(child: Child, order_text: str, content: IO[bytes]) -> ForkedChild:
    """Fork a child that carries out the order with `content` as standard input.

    Raises: OSError.
    """
    for _ in range(_MOST_SERVERS):
        server = _SERVERS.get(child)
        if forked := await _fork(server, order_text, content):
            return forked
        _SERVERS.drop(child, server)
    raise OSError("the fork server ends each time")


async def _fork(server: _ForkServer, order_text: str, content: IO[bytes]) -> ForkedChild | None:
    """Returns None if the server ended before. Raises: OSError."""
    with ExitStack() as failing:
        link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        failing.enter_context(link)
        link.setblocking(False)
        descriptor, child_end = os.pipe()
        answer_end = failing.enter_context(os.fdopen(descriptor, "rb", buffering=0))
        try:
            async with asyncio.timeout(_START_PATIENCE_S):
                with theirs, os.fdopen(child_end, "wb") as written:
                    await _order(server, order_text, (theirs, content, written))
                pid = await _receive(link)
        except ConnectionError:
            return None
        except TimeoutError:
            server.kill()
            raise OSError("the fork server does not answer") from None
        if pid is None:
            return None
        answer = asyncio.StreamReader()
        pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(answer), answer_end
        )
        failing.pop_all()
    return ForkedChild(pid, answer, server, link, pipe)


async def _order(server: _ForkServer, text: str, files: Sequence[HasFileno]) -> None:
    while True:
        try:
            server.order(text, files)
        except BlockingIOError:  # it loads the libraries, and a dozen orders wait
            await asyncio.sleep(_FULL_PAUSE_S)
        else:
            break


async def _receive(link: socket.socket) -> int | None:
    """Returns None from a link whose server has ended."""
    try:
        message = await asyncio.get_running_loop().sock_recv(link, NUMBER.size)
    except ConnectionError:
        return None
    return NUMBER.unpack(message)[0] if message else None
