"""Peers that are one program on one port: FileResponse, Starlette twice, Go.

Their best for this work: one process on one core, no access log; uvicorn and granian with uvloop
and their fastest parser; Go with as many threads as it likes, all on that core.
"""

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.clients.load import Target
from benchmarks.servers.processes import CannotStart, children, pinned, running, wait_for_port

HERE = Path(__file__).parent
STARLETTE = "benchmarks.peers.starlette_app:app"


@dataclass(frozen=True, slots=True)
class Program:
    """Command line of a server, given the directory of the files and the port."""

    command: Callable[[Path, int], list[str]]
    needs: tuple[str, ...] = ()
    """Python packages beyond those of the service."""
    tool: str | None = None
    """A program beyond those."""

    def missing(self) -> str | None:
        for package in self.needs:
            if importlib.util.find_spec(package) is None:
                return f"the Python package {package} is not installed (the extra `bench`)"
        if self.tool and shutil.which(self.tool) is None:
            return f"`{self.tool}` is not installed"
        return None


def file_response(files: Path, port: int) -> list[str]:
    return [sys.executable, "-m", "benchmarks.peers.file_response", str(files), str(port)]


def uvicorn(files: Path, port: int) -> list[str]:
    best = ["--loop", "uvloop", "--http", "httptools", "--backlog", "4096"]
    quiet = ["--no-access-log", "--log-level", "warning", "--lifespan", "off"]
    return [sys.executable, "-m", "uvicorn", STARLETTE, "--port", str(port), *best, *quiet]


def granian(files: Path, port: int) -> list[str]:
    best = ["--interface", "asginl", "--loop", "uvloop", "--http", "1", "--no-ws"]
    best += ["--workers", "1", "--backlog", "4096", "--backpressure", "4096"]
    quiet = ["--no-access-log", "--log-level", "warning"]
    return [sys.executable, "-m", "granian", STARLETTE, "--port", str(port), *best, *quiet]


def go(files: Path, port: int) -> list[str]:
    """Raises: CannotStart with what the compiler says."""
    program = files.with_name("file_server")
    environ = os.environ | {"GOCACHE": str(files.with_name("go-cache"))}
    command = ["go", "build", "-o", str(program), str(HERE / "file_server.go")]
    done = subprocess.run(command, env=environ, capture_output=True, text=True)
    if done.returncode != 0:
        raise CannotStart(done.stderr)
    return [str(program), str(files), str(port)]


@contextlib.contextmanager
def served(
    files: Path, paths: tuple[tuple[str, int], ...], port: int, core: int, program: Program
) -> Iterator[Target]:
    log = files.with_name(f"peer-{port}.log")
    environ = os.environ | {"BENCH_FILES": str(files)}
    with running(pinned(core, program.command(files, port)), log, environ) as process:
        wait_for_port(process, port, log)
        yield Target(port, paths, pids=(process.pid, *children(process.pid)))
