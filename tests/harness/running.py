"""Starting `run_server.py` as users do, waiting for it, stopping it."""

import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from server.commands.tokens import mint_token

ROOT = Path(__file__).resolve().parents[2]
SECRET = "the flows' own secret of thirty-two bytes or more"
STOP_TIMEOUT_S, PAUSE_S = 60.0, 0.05
# Linux hands out ports from 32768 on; tests that run at the same time choose from these by chance,
# from which hypothesis must not take the chance: it seeds the common generator.
BELOW_EPHEMERAL_PORTS = range(15_000, 32_000)
GIVEN_PORTS: set[int] = set()
CHANCE = random.SystemRandom()
ADDRESS = re.compile(r"^(student|instructor|admin): (http://\S+/#token=\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Service:
    """A running service and what one needs to use it."""

    url: str
    process: "subprocess.Popen[bytes]"
    output: Path
    data_dir: Path
    videos: list[str]

    @property
    def student_token(self) -> str:
        return self.token("student")

    @property
    def instructor_token(self) -> str:
        return self.token("instructor")

    def token(self, user_id: str, *roles: str) -> str:
        return mint_token(SECRET, user_id, roles=roles)

    def client(self, user_id: str, *roles: str) -> aiohttp.ClientSession:
        """A session that speaks as this user."""
        return aiohttp.ClientSession(
            self.url,
            headers={"Authorization": f"Bearer {self.token(user_id, *roles)}"},
            timeout=aiohttp.ClientTimeout(total=120),
        )


def free_port() -> int:
    """A port for a server to come, another one each time.

    No outgoing connection of another test can take it before.
    """
    while True:
        port = CHANCE.choice(BELOW_EPHEMERAL_PORTS)
        if port in GIVEN_PORTS:
            continue
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            GIVEN_PORTS.add(port)
            return port


def start(
    data_dir: Path,
    output: Path,
    port: int,
    *arguments: str,
    root: Path = ROOT,
    prefix: Sequence[str] = (),
    **settings: str,
) -> Any:
    """`run_server.py` of `root` with a clean environment; its output goes to a file."""
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith("COURSESTREAM_")
    }
    environ |= {
        "COURSESTREAM_DATA_DIR": str(data_dir),
        "COURSESTREAM_PORT": str(port),
        "COURSESTREAM_JWT_SECRET": SECRET,
        "COURSESTREAM_RENDITIONS": "none",  # a ladder takes minutes; its own tests ask for it
        **{f"COURSESTREAM_{name}": value for name, value in settings.items()},
    }
    with output.open("ab") as file:
        return subprocess.Popen(
            [*prefix, sys.executable, str(root / "run_server.py"), *arguments],
            env=environ,
            stdout=file,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )


def wait_for(condition: Callable[[], Any], what: str, timeout_s: float) -> Any:
    """Returns the result of `condition` once it is true."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(PAUSE_S)
    raise AssertionError(f"{what} did not come within {timeout_s} s")


def stop(process: "subprocess.Popen[bytes]") -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(STOP_TIMEOUT_S)


def printed_addresses(output: Path) -> dict[str, str]:
    """Addresses to open, by user, once all are printed."""
    found = dict(ADDRESS.findall(output.read_text(errors="replace")))
    return found if len(found) == 3 else {}
