"""Products of Node from `web/src`: the built pages, or its modules one by one."""

import fcntl
import os
import subprocess
from pathlib import Path

import pytest

from tests.harness.making import made_once

WEB = Path(__file__).resolve().parents[2] / "web"
DIST = WEB / "dist"
BUILD_TIMEOUT_S = 300


def built_pages() -> Path:
    """Builds the pages where a source is newer; returns their folder."""
    with (WEB / ".build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _run("make", "--silent", "web/dist/metafile.json", cwd=WEB.parent)
    return DIST


def transpiled_modules(factory: pytest.TempPathFactory) -> Path:
    """A folder with each module of the source, as a browser can import it."""
    built_pages()  # the tools are there then
    return made_once(
        factory,
        "web-modules",
        lambda directory: _run("node", "build.mjs", "--modules", str(directory), cwd=WEB),
    )


def _run(*command: str, cwd: Path) -> None:
    # Of a `make` that may have started this run, with its job server.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        command, cwd=cwd, env=environ, capture_output=True, text=True, timeout=BUILD_TIMEOUT_S
    )
    assert done.returncode == 0, done.stderr + done.stdout
