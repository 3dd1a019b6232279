"""The place of the measurement: its own network under reno, and nothing outlives it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.measurement.isolation import congestion_control, isolated
from tests.harness.running import wait_for

ROOT = Path(__file__).resolve().parents[3]
INSIDE = """
import json, socket
from benchmarks.measurement.isolation import congestion_control, prepare_network
prepare_network()
listener = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listener.getsockname())
used = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16)
print(json.dumps([congestion_control(), used.rstrip(bytes(1)).decode()]))
"""


def _can_isolate() -> bool:
    return os.geteuid() == 0 and subprocess.run(isolated(["true"])).returncode == 0


pytestmark = pytest.mark.skipif(not _can_isolate(), reason="namespaces are root's")


def test_inside_is_reno_and_outside_stays_as_it_was() -> None:
    before = congestion_control()

    output = subprocess.check_output(isolated([sys.executable, "-c", INSIDE]), cwd=ROOT)

    assert json.loads(output) == ["reno", "reno"]
    assert congestion_control() == before


def test_nothing_outlives_a_killed_run() -> None:
    mark = f"86400.{time.monotonic_ns()}"  # of seconds to sleep: finds that process
    inside = f"setsid sleep {mark} & sleep {mark}"
    outside = f"import subprocess, sys; subprocess.run({isolated(['sh', '-c', inside])!r})"
    process = subprocess.Popen([sys.executable, "-c", outside])
    wait_for(lambda: _count(mark) == 2, "what runs inside", 30)

    process.kill()
    process.wait()

    wait_for(lambda: _count(mark) == 0, "the end of what runs inside", 30)


def _count(mark: str) -> int:
    """Counts the `sleep` processes with this duration."""
    wanted = f"sleep\0{mark}\0".encode()
    return sum(_command(entry) == wanted for entry in Path("/proc").iterdir())


def _command(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""
