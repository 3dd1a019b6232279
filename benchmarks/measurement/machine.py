"""On what a measurement was made: without it, figures are only numbers."""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.measurement.isolation import congestion_control

PACKAGES = ("aiohttp", "uvloop", "starlette", "uvicorn", "granian")
PROGRAMS: Mapping[str, Sequence[str]] = {
    "nginx": ("nginx", "-v"),
    "go": ("go", "version"),
    "cc": ("cc", "--version"),
    "commit": ("git", "describe", "--always", "--dirty"),
}


def facts() -> dict[str, str]:
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": _found(r"^model name\s*: (.*)$", "/proc/cpuinfo"),
        "cores": str(os.cpu_count()),
        "memory": _found(r"^MemTotal:\s*(.*)$", "/proc/meminfo"),
        "kernel": f"{platform.system()} {platform.release()}",
        "congestion control": congestion_control(),
        "load before": f"{os.getloadavg()[0]:.2f}",
        "python": platform.python_version(),
        **{name: _package(name) for name in PACKAGES},
        **{name: _said(command) for name, command in PROGRAMS.items()},
    }


def _found(pattern: str, file: str) -> str:
    found = re.search(pattern, Path(file).read_text(), re.MULTILINE)
    return found[1] if found else "unknown"


def _package(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def _said(command: Sequence[str]) -> str:
    """The first line, wherever it was written to."""
    if shutil.which(command[0]) is None:
        return "missing"
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout.strip().partition("\n")[0]
