"""The generator `load.c`: compiled, pointed at a server, its line of JSON read.

It speaks TLS where OpenSSL's headers are there to compile it with.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE
from typing import Any

from benchmarks.servers.processes import favour, pinned

SOURCES = tuple(Path(__file__).with_name(name) for name in ("load.c", "tls.c"))
WITH_TLS = ("-DWITH_TLS", "-lssl", "-lcrypto")
SPARE_S = 30.0
WATCH_S = 0.5


class LoadError(Exception):
    """The generator could not be compiled, or did not measure."""


@dataclass(frozen=True, slots=True)
class Target:
    """Paths that the generator requests, with the sizes of their files."""

    port: int
    files: tuple[tuple[str, int], ...]
    header: str = ""
    pids: tuple[int, ...] = ()
    """Of the processes that serve; empty when they are somewhere else."""
    host: str = "127.0.0.1"
    is_tls: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """Duration and mode of a run: `arguments` are the generator's own."""

    arguments: tuple[str, ...]
    seconds: float
    warmup_s: float = 0.5


Measured = dict[str, Any]
"""Output of the generator, see `print_result` there."""


class Generator:
    """One compiled generator, on one core (None: wherever)."""

    def __init__(self, directory: Path, core: int | None, *, is_favoured: bool = False) -> None:
        self._program = compiled(directory)
        self._targets = directory / "targets"
        self._core = core
        self._is_favoured = is_favoured

    def run(
        self, target: Target, asked: Asked, watch: Callable[[], object] = lambda: None
    ) -> Measured:
        """Blocks for as long as was asked and calls `watch` twice a second. Raises: LoadError."""
        self._targets.write_text("".join(f"{size} {path}\n" for path, size in target.files))
        command = self._command(target, asked)
        deadline = time.monotonic() + asked.seconds + asked.warmup_s + SPARE_S
        with subprocess.Popen(command, stdout=PIPE, stderr=PIPE, text=True) as process:
            if self._is_favoured:
                favour(process.pid)
            try:
                output, faults = _watched(process, deadline, watch)
            finally:
                process.kill()
        if process.returncode != 0:
            raise LoadError(faults.strip())
        measured: Measured = json.loads(output)
        return measured

    def _command(self, target: Target, asked: Asked) -> list[str]:
        where = ["--host", target.host, "--port", str(target.port), "--header", target.header]
        when = ["--seconds", str(asked.seconds), "--warmup", str(asked.warmup_s)]
        files = ["--targets", str(self._targets)]
        how = ["--tls"] if target.is_tls else []
        command = [str(self._program), *where, *files, *when, *how, *asked.arguments]
        return command if self._core is None else pinned(self._core, command)


def _watched(
    process: "subprocess.Popen[str]", deadline: float, watch: Callable[[], object]
) -> tuple[str, str]:
    """Output of the generator, once it has ended. Raises: LoadError."""
    while time.monotonic() < deadline:
        try:
            return process.communicate(timeout=WATCH_S)
        except subprocess.TimeoutExpired:
            watch()
    raise LoadError(f"the generator did not end: {process.args!r}")


def compiled(directory: Path, flags: Sequence[str] = ("-O2", "-Wall", "-Wextra")) -> Path:
    """Raises: LoadError with what the compiler says."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise LoadError("there is no C compiler `cc` (Debian's package gcc)")
    program = directory / "load"
    libraries = () if tls_missing() else WITH_TLS
    sources = map(str, SOURCES)
    command = [compiler, "-std=gnu11", *flags, "-o", str(program), *sources, *libraries]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise LoadError(done.stderr)
    return program


def tls_missing() -> str | None:
    """The reason why it cannot be compiled with TLS."""
    compiler = shutil.which("cc")
    looking = [compiler or "false", "-E", "-include", "openssl/ssl.h", "-x", "c", os.devnull]
    found = subprocess.run(looking, capture_output=True).returncode == 0
    return None if found else "OpenSSL's headers are missing (Debian's package libssl-dev)"
