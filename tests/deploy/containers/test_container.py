"""The image that `make image` builds serves on a read-only root file system, not as root.

So it does in the composition of deploy/compose.yaml, with all that belongs to it.
"""

import asyncio
import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.samples import write_clock_webm
from tests.deploy.conftest import admin, fast_directory
from tests.deploy.containers import composition
from tests.harness.running import ROOT, free_port
from tests.harness.serving import ready_video_of

PROGRAMS = ("mmdebstrap", "buildah", "podman", "runc")
MISSING = [name for name in PROGRAMS if shutil.which(name) is None]
IS_CI = os.environ.get("CI") == "true"
BUILD_TIMEOUT_S, START_TIMEOUT_S, STOP_TIMEOUT_S = 600, 90, 60
IMAGE = "localhost/coursestream"
# Debian's images skip the same: dpkg's fsync and what nobody reads in a container.
DPKG_OPTIONS = (
    "force-unsafe-io",
    *(f"path-exclude=/usr/share/{name}/*" for name in ("doc", "info", "locale", "man")),
)
DRIVERS = ("overlay", "vfs")  # the second copies each layer, and works everywhere
# How the machine reaches its registries, as far as it has such a thing.
REGISTRIES = ("/etc/apt", "/etc/ssl/certs", "/etc/pip.conf")

pytestmark = [
    pytest.mark.timeout(BUILD_TIMEOUT_S * 2),
    pytest.mark.skipif(
        not IS_CI and (bool(MISSING) or os.geteuid() != 0),
        reason=f"needs root and {', '.join(PROGRAMS)}",
    ),
]


class Store:
    """Images and containers of this test alone."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.options = next(filter(works, (options_of(directory, each) for each in DRIVERS)))

    def buildah(self, *arguments: str) -> str:
        return run("buildah", *self.options, *arguments)

    def podman(self, *arguments: str) -> str:
        runtime = ("--cgroup-manager", "cgroupfs", "--runtime", "runc")
        return run("podman", *self.options, *runtime, *arguments)

    @property
    def places(self) -> dict[str, str]:
        values = dict(zip(self.options[::2], self.options[1::2], strict=True))
        return {
            "driver": values["--storage-driver"],
            "root": values["--root"],
            "runroot": values["--runroot"],
        }

    def build(self, directory: Path, name: str) -> None:
        options = ("--isolation", "chroot", "--network", "host", "--format", "docker")
        self.buildah("build", *options, *volumes(), "--tag", name, str(directory))


def options_of(directory: Path, driver: str) -> list[str]:
    places = ("--root", str(directory / driver), "--runroot", str(directory / f"run-{driver}"))
    return ["--storage-driver", driver, *places]


def works(options: list[str]) -> bool:
    command = ["buildah", *options, "info"]
    return subprocess.run(command, capture_output=True, timeout=START_TIMEOUT_S).returncode == 0


def volumes() -> list[str]:
    return [f"--volume={path}:{path}:ro" for path in REGISTRIES if Path(path).exists()]


def run(*command: str) -> str:
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=BUILD_TIMEOUT_S
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    """With the image in it, made on a Debian of mmdebstrap: Docker Hub may be out of reach."""
    with fast_directory() as directory:
        yield from _store(directory)


def _store(directory: Path) -> Iterator[Store]:
    store = Store(directory)
    base = directory / "base.tar"
    options = [f"--dpkgopt={option}" for option in DPKG_OPTIONS]
    packages = ("--variant=minbase", "--include=ca-certificates")
    run("mmdebstrap", *options, *packages, "bookworm", str(base))
    store.buildah("from", "--name", "base", "scratch")
    store.buildah("add", "base", str(base), "/")
    store.buildah("commit", "--quiet", "base", "localhost/debian")
    base.unlink()
    run(
        *("make", "image", "BASE=localhost/debian", f"IMAGE={IMAGE}"),
        f"BUILDER=buildah {' '.join(store.options)}",
        f"BUILD_FLAGS=--isolation chroot --network host {' '.join(volumes())}",
    )
    yield store
    store.podman("rm", "--all", "--force", "--time", "1")
    store.podman("volume", "prune", "--force")
    store.buildah("rmi", "--all", "--force")


def test_image_serves_read_only_and_not_as_root(store: Store) -> None:
    port = free_port()
    store.podman(
        *("run", "--detach", "--name", "one", "--read-only", "--network", "host"),
        *("--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096"),
        "--no-healthcheck",  # podman wants systemd for it; the check itself is run below
        *("--env", f"COURSESTREAM_PORT={port}", "--env", "COURSESTREAM_HOST=127.0.0.1"),
        *("--volume", "coursestream-data:/data", IMAGE),
    )

    readiness = until_ready(f"http://127.0.0.1:{port}/readyz")
    check = json.loads(store.podman("inspect", "--type", "image", IMAGE))[0]["Healthcheck"]["Test"]
    store.podman("exec", "one", *check[1:])
    user = store.podman("exec", "one", "id", "-u").strip()
    written = "touch /opt/coursestream/x 2>/dev/null || echo refused"
    writing = store.podman("exec", "one", "sh", "-c", written).strip()
    token = store.podman("exec", "one", ".venv/bin/python", "run_server.py", "token", "--user", "a")
    store.podman("stop", "--time", str(STOP_TIMEOUT_S), "one")
    exit_code = store.podman("inspect", "--format", "{{.State.ExitCode}}", "one").strip()

    assert set(readiness["checks"].values()) == {"ok"}
    assert (user, writing, exit_code) == ("10001", "refused", "0")
    assert token.count(".") == 2


def until_ready(url: str) -> dict[str, dict[str, str]]:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                found: dict[str, dict[str, str]] = json.load(response)
                return found
        except OSError:
            assert time.monotonic() < deadline, "it does not get ready"
            time.sleep(0.2)


@pytest.fixture
def made(store: Store, tmp_path: Path) -> composition.Composition:
    """The composition of this machine, with all images that it names."""
    found = composition.prepared(tmp_path, store.places)
    if reason := found.why_no_network():
        pytest.skip(f"containers get no network here: {reason}")
    store.buildah("tag", IMAGE, composition.image_of("node1"))
    (tmp_path / "engines").mkdir()
    composition.build_engines(tmp_path / "engines", store.build)
    return found


def test_the_composition_makes_videos_and_goes_on_without_a_node(
    made: composition.Composition, tmp_path: Path
) -> None:
    with composition.running(made):
        readiness = until_ready(f"{made.url}/readyz")
        asyncio.run(upload(made.url, tmp_path / "film.webm"))
        users = {name: made.execute(name, "id", "-un") for name in (*composition.COMMANDS, "node1")}
        asking_valkey = made.valkey_clients()
        made.kill("node1")
        without = until_ready(f"{made.url}/readyz")

    assert set(readiness["checks"].values()) == set(without["checks"].values()) == {"ok"}
    engines = {"database": "postgres", "balancer": "haproxy", "valkey": "valkey"}
    assert users == {**engines, "node1": "coursestream"}
    assert all(made.address(node) in asking_valkey for node in (11, 12))


async def upload(url: str, film: Path) -> None:
    """A node takes it, and the worker makes it ready."""
    await asyncio.to_thread(write_clock_webm, film)
    async with admin(url) as session:
        await ready_video_of(session, film)
