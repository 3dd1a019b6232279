"""Runs a test pass and ends it, with every process that it started, once it has long said nothing.

`silence_guard.py SECONDS COMMAND...`, as the Makefile calls it. The command has a session of its
own: what stops or signals a pass does not reach its guard. The exit status is the command's, or
SILENT after a table of what was running and each Python process's own account of where it stood.
"""

import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

SILENT = 124  # as timeout(1) has it
MARK = "COURSESTREAM_TEST_PASS"  # in the environment of all that the command starts
TABLE = ["ps", "-eLo", "pid,ppid,sid,stat,ni,pcpu,etimes,wchan:24,comm,args", "--sort=-pcpu"]
_TABLE_LINES, _TABLE_WIDTH = 80, 160
_POLL_S = 1.0
_ACCOUNT_S = 5.0  # for the stacks that faulthandler writes
_END_S = 30.0
_READ_BYTES = 1 << 16


def main(silence_s: float, command: list[str]) -> int:
    mark = f"{os.getpid()}-{time.time_ns()}"
    process = subprocess.Popen(
        command,
        env=os.environ | {MARK: mark},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )

    def stop(number: int, frame: object) -> NoReturn:
        _end(mark)
        sys.exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    if _forward(process, silence_s):
        return process.wait()
    print(f"\nNothing was said for {silence_s:g} s. What runs:", flush=True)
    _account(process, mark)
    _end(mark)
    return SILENT


def _forward(process: subprocess.Popen[bytes], silence_s: float) -> bool:
    """Pass the output on until the command ends; False once it is silent for so long."""
    assert process.stdout is not None
    descriptor = process.stdout.fileno()
    heard_at = time.monotonic()
    while process.poll() is None:
        if _has_output(descriptor, _POLL_S):
            heard_at = time.monotonic()
            if not _pass_on(descriptor):
                break
        elif time.monotonic() - heard_at > silence_s:
            return False
    while _has_output(descriptor, 0) and _pass_on(descriptor):
        pass
    return True


def _has_output(descriptor: int, timeout_s: float) -> bool:
    return select.select([descriptor], [], [], timeout_s)[0] != []


def _pass_on(descriptor: int) -> bool:
    said = os.read(descriptor, _READ_BYTES)
    sys.stdout.buffer.write(said)
    sys.stdout.buffer.flush()
    return said != b""


def _account(process: subprocess.Popen[bytes], mark: str) -> None:
    table = subprocess.run(TABLE, capture_output=True, text=True, timeout=60, check=False).stdout
    print(
        *(line[:_TABLE_WIDTH] for line in table.splitlines()[:_TABLE_LINES]), sep="\n", flush=True
    )
    for pid in _started(mark):
        if b"pytest" in _read(pid, "cmdline") or _parent(pid) == process.pid:
            _signal(pid, signal.SIGABRT)
    _forward(process, _ACCOUNT_S)


def _end(mark: str) -> None:
    """Kill all that carries the mark, whatever session it is in, until nothing does."""
    deadline = time.monotonic() + _END_S
    while (left := _started(mark)) and time.monotonic() < deadline:
        for pid in left:
            _signal(pid, signal.SIGKILL)
        time.sleep(0.1)


def _started(mark: str) -> list[int]:
    wanted = f"{MARK}={mark}".encode()
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [pid for pid in pids if wanted in _read(pid, "environ").split(b"\0")]


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""  # it has ended, or is somebody else's


def _parent(pid: int) -> int:
    fields = _read(pid, "stat").rpartition(b")")[2].split()
    return int(fields[1]) if fields else 0


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
