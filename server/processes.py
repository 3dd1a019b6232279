"""Who starts and stops whom: `serve` owns the embedded PostgreSQL and its media workers.

Media workers that die are started again, later each time; they end with their parent, however it
ends. PostgreSQL must not: the next `serve` takes it over. Web processes are not more than one yet.
"""

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType

from server.config import Config
from server.postgres import EmbeddedPostgres

STOP_TIMEOUT_S = 10.0
FIRST_RESTART_S = 1.0
LAST_RESTART_S = 30.0
SETTLED_S = 60.0  # one that lived this long did not die of how it was started
PR_SET_PDEATHSIG = 1  # linux/prctl.h

LOG = logging.getLogger("coursestream.processes")


@contextmanager
def owned_database(config: Config) -> Iterator[str]:
    """The DSN of a running database; an embedded one is ours to start and stop."""
    if config.database_url is not None:
        yield config.database_url.reveal()
        return
    with EmbeddedPostgres(config.data_dir) as postgres:
        yield postgres.dsn


def attached_database(config: Config) -> str:
    """The DSN of a database that somebody else runs. Raises: PostgresNotRunning."""
    if config.database_url is not None:
        return config.database_url.reveal()
    postgres = EmbeddedPostgres(config.data_dir)
    postgres.attach()
    return postgres.dsn


def die_with_parent(parent_pid: int) -> None:
    """This process gets SIGTERM when that parent is gone; called early in a child."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent_pid:  # it was gone before we asked
        raise SystemExit(1)


class Children:
    """Keeps a number of processes of one command running, inside `async with`."""

    def __init__(
        self, command: Sequence[str], count: int, first_restart_s: float = FIRST_RESTART_S
    ) -> None:
        self._command = command
        self._count = count
        self._first_restart_s = first_restart_s
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

    async def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """SIGTERM, then SIGKILL to the whole group of one that has not ended in time."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        self._keepers = []
        await asyncio.gather(*(_end(process, timeout_s) for process in self._running))
        self._running.clear()

    async def _keep(self) -> None:
        pause_s = self._first_restart_s
        while True:
            started_s = asyncio.get_running_loop().time()
            code = await self._run_once()
            if asyncio.get_running_loop().time() - started_s > SETTLED_S:
                pause_s = self._first_restart_s
            LOG.warning("a media worker ended (%s); starting another in %.0f s", code, pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LAST_RESTART_S)

    async def _run_once(self) -> int:
        # A session of its own: Ctrl-C in the terminal reaches `serve` alone, which says when.
        process = await asyncio.create_subprocess_exec(
            *self._command, stdin=asyncio.subprocess.DEVNULL, start_new_session=True
        )
        self._running.add(process)
        code = await process.wait()  # cancelled by `stop`, which then ends the process
        self._running.discard(process)
        return code


def media_workers(config: Config) -> Children:
    command = [sys.executable, sys.argv[0], "worker", "--child-of", str(os.getpid())]
    return Children(command, config.media_workers)


async def _end(process: asyncio.subprocess.Process, timeout_s: float) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(timeout_s):
            await process.wait()
    except TimeoutError:
        LOG.warning("media worker %d did not end in time; killed", process.pid)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
