"""Abilities of a process after the system call filter, each tried in a process of its own."""

import errno
import os
import re
import signal
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from storage.confinement import system_calls

ROOT = Path(__file__).resolve().parents[3]
MACHINE = os.uname().machine
COLUMN = ["x86_64", "aarch64"].index(MACHINE) if MACHINE in ("x86_64", "aarch64") else 0
needs_numbers = pytest.mark.skipif(
    MACHINE not in ("x86_64", "aarch64"), reason="no numbers are known of this machine"
)
RENOUNCED = """
import ctypes, os, sys
sys.path.insert(0, sys.argv[1])
from storage.confinement.system_calls import install_filter
ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)  # no new privileges
libc = ctypes.CDLL(None, use_errno=True)
assert install_filter()
"""


def after_renouncing(code: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-I", "-c", RENOUNCED + code, str(ROOT)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import socket; socket.socket()", id="network"),
        pytest.param("import socket; socket.socket(socket.AF_UNIX)", id="unix socket"),
        pytest.param("os.fork()", id="process"),
        pytest.param("os.memfd_create('code')", id="memory that can be executed as a file"),
        pytest.param("import mmap; mmap.mmap(-1, 4096, prot=7)", id="writable code"),
        pytest.param("import signal, threading; signal.raise_signal(9)", id="own signal"),
        pytest.param("os.setsid()", id="session"),
        pytest.param("os.unlink('/nowhere')", id="unlink"),
        pytest.param("os.rename('/nowhere', '/there')", id="rename"),
        pytest.param("os.chmod('/nowhere', 0)", id="chmod"),
        pytest.param("os.symlink('/nowhere', '/there')", id="symlink"),
        pytest.param("import fcntl; fcntl.fcntl(0, fcntl.F_SETOWN, 1)", id="signal by a file"),
        pytest.param("import fcntl; fcntl.fcntl(0, fcntl.F_SETLEASE, 1)", id="lease"),
        pytest.param("import fcntl; fcntl.ioctl(0, 0x5412, b'x')", id="input of a terminal"),
        pytest.param("import resource as r; r.setrlimit(4, (0, 0))", id="limit"),
    ],
)
def test_what_decoding_does_not_take_is_refused(code: str) -> None:
    done = after_renouncing(code)

    assert done.returncode == 1
    assert re.search("PermissionError|Operation not permitted|not allowed", done.stderr), done


def system_call(*words: object) -> str:
    return f"libc.syscall(*map(ctypes.c_long, {words}))"


@needs_numbers
@pytest.mark.parametrize("name", sorted(system_calls._DEADLY))
def test_what_only_an_attacker_asks_for_is_the_end(name: str) -> None:
    number = system_calls._DEADLY[name][COLUMN]
    if number is None:
        pytest.skip("not on this machine")

    assert after_renouncing(system_call(number, -1, 0, 0, 0, 0)).returncode == -signal.SIGSYS


def test_programs_and_signals_are_the_end() -> None:
    for code in ("os.execv('/bin/true', ['true'])", "os.kill(os.getppid(), 0)"):
        assert after_renouncing(code).returncode == -signal.SIGSYS


@pytest.mark.skipif(MACHINE != "x86_64", reason="x86_64 alone has two")
def test_numbers_of_another_abi_are_the_end() -> None:
    done = after_renouncing(system_call(0x40000000 + 39))

    assert done.returncode == -signal.SIGSYS


@needs_numbers
def test_newer_way_to_make_threads_does_not_exist() -> None:
    """The C library falls back to clone, whose flags a filter can read."""
    done = after_renouncing(f"{system_call(435, 0, 0)}; print(ctypes.get_errno())")

    assert done.stdout == f"{errno.ENOSYS}\n", done.stderr


@needs_numbers
def test_no_number_is_on_two_lists() -> None:
    for column in (0, 1):
        numbers = [
            *(both[column] for both in system_calls._ALLOWED.values()),
            *(both[column] for both in system_calls._DEADLY.values()),
            *(one.numbers[column] for one in system_calls._CONDITIONS),
        ]
        known = [number for number in numbers if number is not None]
        assert len(known) == len(set(known))


def test_all_else_goes_on() -> None:
    code = "import threading\nthread = threading.Thread(target=print, args=[os.listdir('/')])\n"

    done = after_renouncing(code + "thread.start(); thread.join()")

    assert done.returncode == 0, done.stderr
    assert "etc" in done.stdout


def test_machine_that_is_not_known_goes_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "uname", lambda: namedtuple("U", "machine")("vax"))

    assert not system_calls.install_filter()
