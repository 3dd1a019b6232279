"""Web processes that share a port: gunicorn forks and replaces them, each runs our own server.

gunicorn only manages processes: it shares the inherited listeners, replaces workers that die, and
kills workers whose event loop hangs. HTTP, limits and the stop order are those of
`server.web.listener`, as with one process. gunicorn's reload, control socket and HTTP are unused.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn, cast

import uvloop
from aiohttp import web
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer
from gunicorn.glogging import Logger
from gunicorn.workers.base import Worker
from prometheus_client.multiprocess import mark_process_dead

from db.errors import DatabaseError
from events.errors import ForeignStorage
from events.usage.memory_board import MemoryBoard, share_memory
from server.config.settings import Config
from server.processes import die_with_parent
from server.stop_signals import StopSignals
from server.web.app import build_app
from server.web.garbage import calm_collector
from server.web.listener import DRAIN_TIMEOUT_S, ListenError, listening
from storage.concurrency.tasks import end
from storage.errors import StorageError

HUNG_AFTER_S = 60  # a worker whose event loop is blocked for this long is killed
BEAT_S = 1.0
GRACE_S = 15.0  # besides the drain: for the persister and the pools
RESTART_PAUSE_S = 1.0  # limits the restart rate of a worker that cannot start
SPARE_SLOTS = 4  # for workers that are ending while others have begun
MEMORY = Path("/dev/shm")  # heartbeats on a disk would wait for it

logger = logging.getLogger(__name__)


def run_workers(config: Config, dsn: str, listeners: Sequence[int], ready: int) -> NoReturn:
    """Runs `config.workers` web processes on the listening descriptors until SIGTERM.

    Each writes one byte to the descriptor `ready` when it serves. SIGINT hurries the stop.
    """
    try:
        Arbiter(_Application(config, dsn, listeners, ready)).run()
    except (
        HaltServer
    ) as exc:  # another worker that could not start, while the first failure was reported
        sys.exit(exc.exit_status)
    raise AssertionError("unreachable")  # it leaves by SystemExit


class _Application(BaseApplication):
    """gunicorn's configuration, and the application, which each worker builds itself."""

    def __init__(self, config: Config, dsn: str, listeners: Sequence[int], ready: int) -> None:
        self.config = config
        self.ready = ready
        self._dsn = dsn
        self._listeners = listeners
        self._memory = share_memory(config.workers + SPARE_SLOTS)
        self._slot = 0
        super().__init__()

    def load_config(self) -> None:
        settings = {
            "bind": [f"fd://{descriptor}" for descriptor in self._listeners],
            "workers": self.config.workers,
            "worker_class": _WebWorker,
            "logger_class": _Log,
            "timeout": HUNG_AFTER_S,
            "graceful_timeout": int(DRAIN_TIMEOUT_S + GRACE_S),
            "control_socket_disable": True,
            "worker_tmp_dir": str(MEMORY) if MEMORY.is_dir() else None,
            "pre_fork": _give_slot,
            "post_fork": _tie_to_arbiter,
            "child_exit": _forget_gauges,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Any:  # gunicorn hands it through; it need not be WSGI
        return build_app(self.config, self._dsn, MemoryBoard(self._memory, self._slot))

    def give_slot(self, worker: "_WebWorker", living: Iterable["_WebWorker"]) -> None:
        """Gives the worker that is forked next a slot that no living one has."""
        taken = {one.slot for one in living}
        worker.slot = self._slot = next(
            slot for slot in range(self.config.workers + SPARE_SLOTS) if slot not in taken
        )


class _WebWorker(Worker):
    """One web process. SIGTERM stops it in order; SIGINT and SIGQUIT skip the drain."""

    app: _Application
    slot = 0

    def init_signals(self) -> None:
        for number in self.SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # gunicorn's signal to reopen log files

    def run(self) -> None:
        new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
        if self.app.config.event_loop == "uvloop":
            new_loop = uvloop.new_event_loop
        try:
            with asyncio.Runner(loop_factory=new_loop) as runner:
                runner.run(self._serve())
        except (DatabaseError, ForeignStorage, ListenError, StorageError) as exc:
            logger.error("a web process could not start: %s", exc)
            self._give_up()

    async def _serve(self) -> None:
        signals = StopSignals()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, signals.request)
        for number in (signal.SIGINT, signal.SIGQUIT):
            loop.add_signal_handler(number, signals.hurry)
        beating = asyncio.create_task(self._beat(), name="heartbeat")
        try:
            app = cast(web.Application, self.wsgi)
            calm_collector()
            async with listening(app, self.app.config, signals, self._listeners()):
                self._signal_ready()
                await signals.requested.wait()
        finally:
            await end(beating)

    def _listeners(self) -> list[socket.socket]:
        wrapped: list[Any] = list(self.sockets)
        return [one.sock for one in wrapped]

    async def _beat(self) -> None:
        while True:
            self.notify()
            await asyncio.sleep(BEAT_S)

    def _signal_ready(self) -> None:
        with contextlib.suppress(BlockingIOError):  # those of later workers are not read
            os.write(self.app.ready, b".")

    def _give_up(self) -> NoReturn:
        is_first_start = self.age <= self.app.config.workers
        if is_first_start:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)  # ends the arbiter, too: `serve` reports it
        time.sleep(RESTART_PAUSE_S)
        sys.exit(1)


class _Log(Logger):
    """Sends gunicorn's log lines to our handlers."""

    def setup(self, cfg: object) -> None:
        self.error_log.propagate = True


def _give_slot(arbiter: Arbiter, worker: _WebWorker) -> None:
    living = cast("Iterable[_WebWorker]", arbiter.WORKERS.values())
    worker.app.give_slot(worker, living)


def _tie_to_arbiter(arbiter: Arbiter, worker: Worker) -> None:
    die_with_parent(arbiter.pid, signal.SIGKILL)


def _forget_gauges(arbiter: Arbiter, worker: Worker) -> None:
    """Drops the gauges of a worker that ended; its counters stay."""
    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
