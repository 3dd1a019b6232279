"""The keeper beside a stand-in for PostgreSQL: a child process."""

import asyncio
import errno
import os
import subprocess
import sys
from functools import partial
from operator import eq
from typing import Any

import pytest

from server.postgres.keeper import keep_running
from tests.harness.waiting import wait_until

SLEEPER = (sys.executable, "-c", "import time; time.sleep(600)")
NEVER_S = 600.0  # longer than any test
SOON_S = 0.01


class Server:
    """PostgreSQL as the keeper sees it: one process at a time, and a socket that may be lost."""

    def __init__(self) -> None:
        self.starts = 0
        self.looks = 0
        self.has_socket = False
        self._process: subprocess.Popen[bytes] | None = None

    def restart(self) -> None:
        self.end()
        self._process = subprocess.Popen(SLEEPER)
        self.starts += 1
        self.has_socket = True

    def end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()

    def server_pid(self) -> int | None:
        process = self._process
        return None if process is None or process.poll() is not None else process.pid

    def is_up(self) -> bool:
        self.looks += 1
        return self.server_pid() is not None and self.has_socket


@pytest.fixture
async def server() -> Any:
    made = Server()
    await asyncio.to_thread(made.restart)
    yield made
    await asyncio.to_thread(made.end)


async def test_a_server_that_ends_is_started_again_without_a_look(server: Any) -> None:
    async with keep_running(server, NEVER_S):
        for again in (1, 2):
            await wait_until(lambda: server.looks, partial(eq, again))
            server.kill()
            await wait_until(lambda: server.starts, partial(eq, 1 + again))


async def test_a_server_that_is_gone_from_the_start_is_started(server: Any) -> None:
    await asyncio.to_thread(server.end)
    async with keep_running(server, NEVER_S):
        await wait_until(lambda: server.starts == 2)


async def test_a_lost_socket_is_found_by_looking(server: Any) -> None:
    async with keep_running(server, SOON_S):
        await wait_until(lambda: server.looks)
        server.has_socket = False
        await wait_until(lambda: server.starts == 2)


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EPERM], ids=["Linux 5.2", "seccomp"])
async def test_where_the_kernel_does_not_tell_an_end_is_found_by_looking(
    server: Any, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(pid: int) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "pidfd_open", refuse)
    async with keep_running(server, SOON_S):
        await wait_until(lambda: server.looks)
        server.kill()
        await wait_until(lambda: server.starts == 2)


async def test_no_descriptor_is_left(server: Any) -> None:
    before = len(os.listdir("/proc/self/fd"))
    async with keep_running(server, NEVER_S):
        await wait_until(lambda: server.looks)
        assert len(os.listdir("/proc/self/fd")) == before + 1
    assert len(os.listdir("/proc/self/fd")) == before
