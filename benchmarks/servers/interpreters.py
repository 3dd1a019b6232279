"""A second Python that serves the same checkout: how one was built changes what a range costs.

`BENCH_PYTHON` names it, in an environment that holds the packages of the service.
"""

import os
import subprocess
from collections.abc import Mapping

VARIABLE = "BENCH_PYTHON"
_LOOK = "import platform, aiohttp, aiopg, uvloop; print(platform.python_version())"


def other() -> str:
    return os.environ.get(VARIABLE, "")


def missing() -> str | None:
    """The reason why it cannot serve."""
    if not other():
        return f"{VARIABLE} names no other Python"
    found = _look()
    return None if found.returncode == 0 else f"{VARIABLE}: {found.stderr.strip()[-200:]}"


def facts() -> Mapping[str, str]:
    """Its version, for the report."""
    return {} if missing() else {"other python": f"{_look().stdout.strip()}, {other()}"}


def _look() -> "subprocess.CompletedProcess[str]":
    command = [other(), "-c", _LOOK]
    try:
        return subprocess.run(command, capture_output=True, text=True)
    except OSError as exc:
        return subprocess.CompletedProcess(command, 127, "", str(exc))
