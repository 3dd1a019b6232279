"""Ends a test run's PostgreSQL when the run is killed and cannot do it itself.

Started by conftest.py as a program of its own: `cluster_reaper.py DIRECTORY`. Its standard input
is a pipe from the test run, which ends however the run ends.
"""

import os
import shutil
import signal
import sys
import time
from pathlib import Path


def postmaster_pid(directory: Path) -> int | None:
    try:
        return int((directory / "postgres/cluster/postmaster.pid").read_text().split("\n")[0])
    except (OSError, ValueError):
        return None


def main() -> None:
    directory = Path(sys.argv[1])
    for stop_signal in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(stop_signal, signal.SIG_IGN)
    sys.stdin.buffer.read()
    pid = postmaster_pid(directory) if directory.exists() else None
    if pid is not None:
        os.kill(pid, signal.SIGQUIT)
        for _ in range(100):
            if not Path(f"/proc/{pid}").exists():
                break
            time.sleep(0.1)
    shutil.rmtree(directory, ignore_errors=True)


main()
