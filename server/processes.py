"""Process supervision: `serve` owns the embedded PostgreSQL and its child processes.

Children that die are restarted with an increasing delay, and end with their parent, however it
ends. PostgreSQL does not end with a killed parent: the next `serve` takes it over.
"""

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType

from server.config.settings import Config
from server.limits import embedded_connections
from server.postgres.embedded import EmbeddedPostgres

STOP_TIMEOUT_S = 10.0
MIN_CONNECTIONS = 100  # PostgreSQL's default: leaves room for psql and `run_server.py` commands
FIRST_RESTART_S = 1.0
LAST_RESTART_S = 30.0
SETTLED_S = 60.0  # a child that ran this long did not fail at start
PR_SET_PDEATHSIG = 1  # linux/prctl.h

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OwnedDatabase:
    """A running database; `embedded` is its server if we own it."""

    dsn: str
    embedded: EmbeddedPostgres | None = None


@contextmanager
def owned_database(config: Config) -> Iterator[OwnedDatabase]:
    """Yields a running database; starts and stops an embedded one."""
    if config.database_url is not None:
        yield OwnedDatabase(config.database_url.reveal())
        return
    # A server taken over from a killed owner keeps the settings it was started with.
    settings = {"max_connections": str(max(MIN_CONNECTIONS, embedded_connections(config)))}
    with EmbeddedPostgres(config.data_dir, settings) as postgres:
        yield OwnedDatabase(postgres.dsn, postgres)


def attached_database(config: Config) -> str:
    """Returns the DSN of a database that another process runs. Raises: PostgresNotRunning."""
    if config.database_url is not None:
        return config.database_url.reveal()
    postgres = EmbeddedPostgres(config.data_dir)
    postgres.attach()
    return postgres.dsn


def die_with_parent(parent_pid: int, number: signal.Signals = signal.SIGTERM) -> None:
    """Has the kernel signal this process when its parent ends; call it early in a child."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent_pid:  # the parent ended before the call
        raise SystemExit(1)


class Children:
    """Keeps `count` processes of one command running, inside `async with`.

    They inherit `descriptors`. `one_ended` is set once any of them has ended by itself.
    """

    def __init__(
        self,
        command: Sequence[str],
        count: int,
        first_restart_s: float = FIRST_RESTART_S,
        *,
        name: str = "media worker",
        descriptors: Collection[int] = (),
    ) -> None:
        self.one_ended = asyncio.Event()
        self._command = command
        self._count = count
        self._first_restart_s = first_restart_s
        self._name = name
        self._descriptors = descriptors
        self._keepers: list[asyncio.Task[None]] = []
        self._running: set[asyncio.subprocess.Process] = set()

    async def __aenter__(self) -> "Children":
        self._keepers = [asyncio.create_task(self._keep()) for _ in range(self._count)]
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop(0.0)

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self._running]

    async def stop(
        self, timeout_s: float = STOP_TIMEOUT_S, number: signal.Signals = signal.SIGTERM
    ) -> None:
        """Sends the signal, then SIGKILL to the process group of each child after the time-out."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        self._keepers = []
        await asyncio.gather(*(self._end(process, timeout_s, number) for process in self._running))
        self._running.clear()

    async def _keep(self) -> None:
        pause_s = self._first_restart_s
        while True:
            started_s = asyncio.get_running_loop().time()
            code = await self._run_once()
            self.one_ended.set()
            if asyncio.get_running_loop().time() - started_s > SETTLED_S:
                pause_s = self._first_restart_s
            logger.warning("a %s ended (%s); starting another in %.0f s", self._name, code, pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LAST_RESTART_S)

    async def _run_once(self) -> int:
        # A session of its own: Ctrl-C in the terminal reaches only `serve`, which stops children.
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=self._descriptors,
        )
        self._running.add(process)
        code = await process.wait()  # cancelled by `stop`, which then ends the process
        self._running.discard(process)
        return code

    async def _end(
        self, process: asyncio.subprocess.Process, timeout_s: float, number: signal.Signals
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        try:
            async with asyncio.timeout(timeout_s):
                await process.wait()
        except TimeoutError:
            logger.warning("%s %d did not end in time; killed", self._name, process.pid)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def media_workers(config: Config) -> Children:
    command = [sys.executable, sys.argv[0], "worker", "--child-of", str(os.getpid())]
    return Children(command, config.media_workers)
