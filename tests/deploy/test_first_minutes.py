"""`make run` on a fresh machine: the port first, then what running needs and nothing else."""

import os
import socket
import subprocess
from pathlib import Path

import pytest

from tests.harness.running import ROOT

TIMEOUT_S = 60
DEV, RUNTIME = ".venv/.installed-dev", ".venv/.installed-runtime"
ALL_TOOLS, BUILDER = "web/node_modules/.installed", "web/node_modules/.installed-builder"


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """The files that `make` looks at, as in a fresh clone."""
    for name in ("Makefile", "setup.cfg", "pyproject.toml", "server", "web"):
        if name == "web":
            (tmp_path / "web").mkdir()
            for part in (
                "src",
                "clients",
                "build.mjs",
                "package.json",
                "package-lock.json",
                ".npmrc",
            ):
                (tmp_path / "web" / part).symlink_to(ROOT / "web" / part)
        else:
            (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def make(directory: Path, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["make", *arguments],
        cwd=directory,
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )


def planned(directory: Path, target: str) -> str:
    """The commands of a target, none of which is run."""
    done = make(directory, "--dry-run", target)
    assert done.returncode == 0, done.stderr
    return done.stdout


def installed(directory: Path, *stamps: str) -> None:
    for stamp in stamps:
        (directory / stamp).parent.mkdir(parents=True, exist_ok=True)
        (directory / stamp).touch()


def test_a_taken_port_is_told_before_anything_is_installed(fresh: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        done = make(fresh, "run", COURSESTREAM_PORT=str(port))

    assert done.returncode != 0
    assert f"cannot listen on 127.0.0.1:{port}: in use" in done.stderr
    assert "choose another port: COURSESTREAM_PORT=" in done.stderr
    assert not (fresh / ".venv").exists()
    assert not (fresh / "web" / "node_modules").exists()


def test_running_installs_no_tools_of_development(fresh: Path) -> None:
    plan = planned(fresh, "run")

    assert "--editable '.'" in plan
    assert "npm ci --omit=dev" in plan
    assert "[dev]" not in plan
    steps = ["server.web.ports", "--editable '.'", "npm ci", "run --silent build", "serve --demo"]
    assert [plan.index(step) for step in steps] == sorted(plan.index(step) for step in steps)


def test_running_says_what_it_does(fresh: Path) -> None:
    plan = planned(fresh, "run")

    for sentence in ("Installing Python packages", "Building the pages", "Starting"):
        assert f'echo "{sentence}' in plan


def test_developing_installs_all_into_what_running_made(fresh: Path) -> None:
    installed(fresh, RUNTIME, BUILDER)

    plan = planned(fresh, "install")

    assert "--editable '.[dev]'" in plan
    assert "npm ci  --no-audit" in plan
    assert "--omit=dev" not in plan
    assert plan.count("npm ci") == 1


def test_running_takes_what_development_installed(fresh: Path) -> None:
    installed(fresh, DEV, ALL_TOOLS)

    plan = planned(fresh, "run")

    assert "pip install" not in plan
    assert "npm ci" not in plan
    assert "run --silent build" in plan


def test_an_extra_alone_brings_no_tools(fresh: Path) -> None:
    done = make(fresh, "--dry-run", "install", "EXTRAS=s3")

    assert "--editable '.[s3]'" in done.stdout
    assert "npm ci --omit=dev" in done.stdout


def test_silence_is_kept(fresh: Path) -> None:
    plan = make(fresh, "--silent", "--dry-run", "run").stdout

    assert ': "Installing Python packages' in plan
    assert "echo" not in plan
