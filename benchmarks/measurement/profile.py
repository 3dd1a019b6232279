"""Flame graphs of the service during a run, by py-spy, if that is installed.

It only reads along (--nonblocking), yet on the server's core: figures of such a run are lower.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from benchmarks.clients.load import Asked, Target

PROFILED = "coursestream"
END_TIMEOUT_S = 30.0

Profiler = Callable[[str, Target, Asked], AbstractContextManager[object]]
"""Watches a contender of that name for as long as the context lasts."""


def no_profiler(name: str, target: Target, asked: Asked) -> AbstractContextManager[object]:
    return nullcontext()


def py_spy() -> str | None:
    """Beside this Python or on the path."""
    beside = str(Path(sys.executable).parent)
    return shutil.which("py-spy", path=os.pathsep.join([beside, os.environ.get("PATH", "")]))


def profiler(directory: Path) -> Profiler:
    """Writes `profile-NAME-WORKLOAD.svg` for variants of the service; the last round's stays."""

    @contextmanager
    def profiled(name: str, target: Target, asked: Asked) -> Iterator[None]:
        if not name.startswith(PROFILED):
            yield
            return
        duration = str(max(1, round(asked.seconds + asked.warmup_s)))
        command = [str(py_spy()), "record", "--nonblocking", "--duration", duration]
        command += [
            "--pid",
            str(target.pids[0]),
            "--output",
            str(directory / f"profile-{name}.svg"),
        ]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as spy:
            yield
            spy.wait(END_TIMEOUT_S)

    return profiled
