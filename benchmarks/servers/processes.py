"""Programs that run beside the measurement: on which core, from when to when, how large.

Nothing here waits for a program to end in order: what is left is killed.
"""

import contextlib
import os
import re
import resource
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

START_TIMEOUT_S = 90.0
POLL_S = 0.05
FAVOUR = 1  # the least of real-time


class CannotStart(Exception):
    """A program ended early or never listened; the message ends with what it wrote."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Cores of each process. `others` is for what a server needs beside it."""

    server: int
    generator: int
    others: int


def choose_cores() -> Cores:
    """The first two, and a third for the others where there is one."""
    allowed = sorted(os.sched_getaffinity(0))
    return Cores(allowed[0], allowed[1], allowed[2] if len(allowed) > 2 else allowed[1])


def pinned(core: int, command: Sequence[str | Path]) -> list[str]:
    return ["taskset", "-c", str(core), *map(str, command)]


def pin(pid: int, core: int) -> None:
    """Every thread of a running process; threads made later inherit it."""
    for thread in (Path("/proc") / str(pid) / "task").iterdir():
        os.sched_setaffinity(int(thread.name), {core})


def favour(pid: int) -> None:
    """Before everything that is not real-time, which niceness is not across sessions (sched(7))."""
    for thread in (Path("/proc") / str(pid) / "task").iterdir():
        os.sched_setscheduler(int(thread.name), os.SCHED_FIFO, os.sched_param(FAVOUR))


def favour_all() -> None:
    """This process and all that it has started, with what they start from now on."""
    for pid in family(os.getpid()):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            favour(pid)


@contextlib.contextmanager
def running(
    command: Sequence[str], log: Path, environ: Mapping[str, str] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_for_port(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    """Raises: CannotStart."""
    wait_until(lambda: _listens(port), process, log)


def wait_until(
    condition: Callable[[], object], process: "subprocess.Popen[bytes]", log: Path
) -> None:
    """Raises: CannotStart when the program ends, or the time, before the condition holds."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline:
            raise CannotStart(f"{process.args!r}: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(POLL_S)


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def children(pid: int) -> list[int]:
    """Empty for a process that has ended."""
    try:
        text = (Path("/proc") / str(pid) / "task" / str(pid) / "children").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(child) for child in text.split()]


def family(pid: int) -> list[int]:
    """A process, its children and theirs."""
    return [pid, *(one for child in children(pid) for one in family(child))]


def resident_bytes(pids: Sequence[int]) -> int:
    return sum(_resident_kib(pid) for pid in pids) * 1024


def _resident_kib(pid: int) -> int:
    found = re.search(
        r"^VmRSS:\s+(\d+) kB", (Path("/proc") / str(pid) / "status").read_text(), re.M
    )
    return int(found[1]) if found else 0


def cpu_s(pids: Sequence[int]) -> float:
    """CPU seconds that the processes have used since they started."""
    return sum(_cpu_ticks(pid) for pid in pids) / os.sysconf("SC_CLK_TCK")


def _cpu_ticks(pid: int) -> int:
    """User and system time: fields 14 and 15 of proc(5)."""
    return sum(_times(pid)[:2])


def _ended_ticks(pid: int) -> int:
    """The same of its children that have ended: fields 16 and 17."""
    return sum(_times(pid)[2:])


def _times(pid: int) -> list[int]:
    """Fields are counted behind the program's name, which may hold anything."""
    fields = (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return [int(field) for field in fields[11:15]]


def family_cpu_s(pid: int) -> float:
    """CPU seconds that a process and its children have used, with those that have ended."""
    ticks = 0
    for one in family(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            ticks += _cpu_ticks(one) + (_ended_ticks(one) if one == pid else 0)
    return ticks / os.sysconf("SC_CLK_TCK")


def allow_many_files() -> None:
    """A thousand players are as many descriptors, in the generator and in every server."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
