"""deploy/haproxy.cfg in the HAProxy of Debian, on loopback ports."""

import csv
import re
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.deploy.conftest import program
from tests.harness.listening_socket import is_listening
from tests.harness.running import ROOT, free_port, wait_for

DEPLOYED = (ROOT / "deploy" / "haproxy.cfg").read_text()
TLS = "bind :443 ssl crt /etc/haproxy/certificate.pem ssl-min-ver TLSv1.2 alpn h2,http/1.1"
NODE = re.compile(r"(?<=presetenv NODE)(\d) 10\.0\.0\.\d:8080$", re.MULTILINE)
SERVER = re.compile(r'^ +server node(\d) "\$\{NODE\1\}" .*\n', re.MULTILINE)
ANSWER_TIMEOUT_S = 10.0


@dataclass
class Haproxy:
    """One that is started with `config`, as often as a test likes."""

    port: int
    config: Path
    log: Path
    admin: Path
    process: "subprocess.Popen[bytes]" = field(init=False)
    _ending: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def process_id(self) -> int:
        return self.process.pid

    def start(self, *arguments: str) -> None:
        """Waits until it listens."""
        command = [program("haproxy"), "-db", "-f", str(self.config), *arguments]
        with self.log.open("ab") as file:
            self.process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
        wait_for(self._is_up, "HAProxy", 10)

    def _is_up(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return is_listening(self.port)

    def reload(self, config: str) -> None:
        """Another process takes over the port; the one before ends with what it has begun."""
        self.config.write_text(config)
        self._ending.append(self.process)
        self.start("-sf", str(self.process.pid))
        wait_for(self._has_taken_over, "the new HAProxy", 10)

    def _has_taken_over(self) -> bool:
        with suppress(OSError):
            return f"\nPid: {self.process.pid}\n" in self.ask("show info")
        return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        for process in (*self._ending, self.process):
            process.terminate()
            process.wait(10)

    def ask(self, command: str) -> str:
        """The answer of its administrative socket."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_TIMEOUT_S)
            connection.connect(str(self.admin))
            connection.sendall(f"{command}\n".encode())
            return b"".join(iter(lambda: connection.recv(2**16), b"")).decode()

    def servers(self, backend: str) -> dict[str, dict[str, str]]:
        """Its figures and states of each server of the backend, by name."""
        rows = csv.DictReader(self.ask("show stat").removeprefix("# ").splitlines())
        found = [row for row in rows if row["pxname"] == backend]
        return {row["svname"]: row for row in found if row["svname"] != "BACKEND"}


@contextmanager
def running_haproxy(
    directory: Path, nodes: Sequence[int | str], changes: Mapping[str, str] | None = None
) -> Iterator[Haproxy]:
    """In front of these ports or addresses, with further `changes` of the file."""
    port = free_port()
    directory.mkdir(exist_ok=True)
    config, log = directory / "haproxy.cfg", directory / "haproxy.log"
    config.write_text(substituted(directory, port, nodes, changes or {}))
    haproxy = Haproxy(port, config, log, directory / "admin.sock")
    try:
        haproxy.start()
        yield haproxy
    finally:
        haproxy.stop()


def substituted(
    directory: Path, port: int, nodes: Sequence[int | str], changes: Mapping[str, str]
) -> str:
    """Other ports and paths, no TLS, the user of the test; all else as it is deployed."""
    text = DEPLOYED
    for old, new in {
        "    user haproxy\n    group haproxy\n": "",
        "log /dev/log local0": "log stdout format raw local0",
        "/run/haproxy/admin.sock": f"{directory}/admin.sock",
        "maxconn 40000": "maxconn 1000",
        "bind :80\n": f"bind 127.0.0.1:{free_port()}\n",
        TLS: f"bind 127.0.0.1:{port}",
        **changes,
    }.items():
        assert old in text, old
        text = text.replace(old, new)
    text = SERVER.sub(lambda found: found[0] if int(found[1]) <= len(nodes) else "", text)
    return NODE.sub(lambda found: f"{found[1]} {_address(int(found[1]), nodes)}", text)


def _address(number: int, nodes: Sequence[int | str]) -> str:
    node = nodes[number - 1] if number <= len(nodes) else "none"
    return f"127.0.0.1:{node}" if isinstance(node, int) else node
