"""What a process that has renounced can still do; each is one of its own."""

import os
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from storage.sandbox import system_calls

ROOT = Path(__file__).resolve().parents[3]
RENOUNCED = """
import ctypes, os, sys
sys.path.insert(0, sys.argv[1])
from storage.sandbox.system_calls import renounce
ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)  # no new privileges
assert renounce()
"""


def after_renouncing(code: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-I", "-c", RENOUNCED + code, str(ROOT)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import socket; socket.socket()", id="network"),
        pytest.param("os.execv('/bin/true', ['true'])", id="program"),
        pytest.param("os.kill(os.getppid(), 9)", id="signal"),
    ],
)
def test_what_was_renounced_is_refused(code: str) -> None:
    assert "PermissionError" in after_renouncing(code).stderr


def test_numbers_of_another_abi_are_refused_too() -> None:
    if os.uname().machine != "x86_64":
        pytest.skip("x86_64 alone has two")
    code = "libc = ctypes.CDLL(None, use_errno=True); libc.syscall(0x40000000 + 39)\n"

    done = after_renouncing(code + "print(ctypes.get_errno())")

    assert done.stdout == "1\n", done.stderr  # EPERM


def test_all_else_goes_on() -> None:
    code = "import threading\nthread = threading.Thread(target=print, args=[os.listdir('/')])\n"

    done = after_renouncing(code + "thread.start(); thread.join()")

    assert done.returncode == 0, done.stderr
    assert "etc" in done.stdout


def test_machine_that_is_not_known_goes_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_calls.os, "uname", lambda: namedtuple("U", "machine")("vax"))

    assert not system_calls.renounce()
