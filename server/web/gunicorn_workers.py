"""Several web processes behind one port: gunicorn forks and replaces them, each is our own server.

gunicorn's part is the processes alone: sharing the inherited listeners, starting another worker
when one dies, killing one whose loop hangs. HTTP, limits and the order of stopping are those of
`server.web.listening`, as with one process. No reload, no control socket, no HTTP of gunicorn's.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
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
from server.config.settings import Config
from server.processes import die_with_parent
from server.stopping import StopSignals
from server.web.app import build_app
from server.web.garbage import calm_collector
from server.web.listening import DRAIN_TIMEOUT_S, ListenError, listening
from storage.errors import StorageError
from storage.tasks import end

HUNG_AFTER_S = 60  # a loop that did not turn for this long is killed with all it holds
BEAT_S = 1.0
GRACE_S = 15.0  # beside the drain: for the persister and the pools
RESTART_PAUSE_S = 1.0  # so that one that cannot start does not spin
MEMORY = Path("/dev/shm")  # heartbeats on a disk would wait for it

logger = logging.getLogger(__name__)


def run_workers(config: Config, dsn: str, listeners: Sequence[int], ready: int) -> NoReturn:
    """Runs `config.workers` web processes on the listening descriptors until SIGTERM.

    Each writes one byte to the descriptor `ready` when it serves. SIGINT hurries.
    """
    try:
        Arbiter(_Application(config, dsn, listeners, ready)).run()
    except HaltServer as exc:  # a second one that could not start, while the first was told of
        sys.exit(exc.exit_status)
    raise AssertionError("unreachable")  # it leaves by SystemExit


class _Application(BaseApplication):
    """What gunicorn is told; and what a worker serves, made in the worker."""

    def __init__(self, config: Config, dsn: str, listeners: Sequence[int], ready: int) -> None:
        self.config = config
        self.ready = ready
        self._dsn = dsn
        self._listeners = listeners
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
            "post_fork": _tie_to_arbiter,
            "child_exit": _forget_gauges,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Any:  # gunicorn hands it through; it need not be WSGI
        return build_app(self.config, self._dsn)


class _WebWorker(Worker):
    """One web process. SIGTERM stops it in order; SIGINT and SIGQUIT skip the waiting."""

    app: _Application

    def init_signals(self) -> None:
        for number in self.SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # gunicorn's sign to reopen its log files

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
                self._tell_ready()
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

    def _tell_ready(self) -> None:
        with contextlib.suppress(BlockingIOError):  # of those started later nobody reads
            os.write(self.app.ready, b".")

    def _give_up(self) -> NoReturn:
        is_first_start = self.age <= self.app.config.workers
        if is_first_start:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)  # ends the arbiter, too: `serve` tells
        time.sleep(RESTART_PAUSE_S)
        sys.exit(1)


class _Log(Logger):
    """Sends gunicorn's lines where ours go."""

    def setup(self, cfg: object) -> None:
        self.error_log.propagate = True


def _tie_to_arbiter(arbiter: Arbiter, worker: Worker) -> None:
    die_with_parent(arbiter.pid, signal.SIGKILL)


def _forget_gauges(arbiter: Arbiter, worker: Worker) -> None:
    """What was open in it is not any more; what it counted stays counted."""
    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
