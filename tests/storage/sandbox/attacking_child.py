"""A sandboxed child running an attacker's code, with some layers of the confinement left out.

Each attempt is at something outside; those that had an effect are reported by name.
"""

import ctypes
import json
import os
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from storage.confinement import file_root, landlock, namespaces, system_calls
from storage.confinement.files import Files
from storage.sandbox import child
from storage.sandbox.child import Function


class Attack(msgspec.Struct, frozen=True):
    """Targets of the attack: all exist, and the sandbox's user owns them."""

    without: list[str]
    parent: int
    address: int
    """Address of eight bytes in the parent's memory."""
    secret: Path
    published: Path
    output: Path
    port: int
    socket: Path
    abstract: str


def files_of(task: Attack) -> Files:
    return Files((), (task.output,))


def attempts(task: Attack) -> dict[str, Callable[[], object]]:
    return {
        **on_processes(task),
        **on_files(task),
        "tcp": lambda: socket.create_connection(("127.0.0.1", task.port), 5).close(),
        "unix socket": lambda: _connect(str(task.socket)),
        "abstract socket": lambda: _connect(f"\0{task.abstract}"),
    }


def on_processes(task: Attack) -> dict[str, Callable[[], object]]:
    parent = Path(f"/proc/{task.parent}")
    return {
        "memory": lambda: (parent / "mem").open("rb").close(),
        "memory for writing": lambda: (parent / "mem").open("r+b").close(),
        "environment": lambda: (parent / "environ").read_bytes(),
        "descriptors": lambda: os.listdir(parent / "fd"),
        "root": lambda: os.listdir(parent / "root"),
        "priority": lambda: os.setpriority(os.PRIO_PROCESS, task.parent, 19),
        # As SVT-AV1 tries, as root; it would starve all that serves.
        "real time": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(99)),
    }


def on_files(task: Attack) -> dict[str, Callable[[], object]]:
    published, beside = task.published, task.output.parent
    return {
        "secret": task.secret.read_bytes,
        "list": lambda: os.listdir(published.parent),
        "overwrite": lambda: published.open("r+b").close(),
        "truncate": lambda: os.truncate(published, 0),
        "chmod": lambda: published.chmod(0o777),
        "times": lambda: os.utime(published, (0, 0)),
        "hard link": lambda: os.link(published, beside / "link"),
        "symlink": lambda: (beside / "symlink").symlink_to(task.secret),
        "another file": lambda: (beside / "another").touch(),
        "directory": lambda: (beside / "directory").mkdir(),
        "fifo": lambda: os.mkfifo(beside / "fifo"),
        "output away": task.output.unlink,
        "output as a link": lambda: task.output.symlink_to(published),
        "file elsewhere": lambda: Path("/var/tmp/coursestream-taken").touch(),
        "program": lambda: (Path(__file__).resolve().parents[3] / "setup.cfg").read_bytes(),
        "users": lambda: Path("/etc/passwd").read_bytes(),
        "disk": lambda: task.output.write_bytes(bytes(1 << 20)),
        "rename": lambda: published.rename(published.with_name("taken")),
        "unlink": lambda: published.with_name("taken").unlink(),
        "unlink in place": published.unlink,
    }


def deadly(task: Attack) -> dict[str, Callable[[], object]]:
    """Attempts that seccomp(2) answers with SIGSYS; here the other layers have to hold."""
    return {
        "signal": lambda: os.kill(task.parent, 0),
        "ptrace": lambda: _call("ptrace", 16, task.parent, 0, 0),  # PTRACE_ATTACH
        "process_vm_readv": lambda: _read_memory(task),
        "pidfd": lambda: os.pidfd_open(task.parent),
        "mount": lambda: _call("mount", b"none", b"/", b"tmpfs", 0, None),
        "user namespace": lambda: _call("unshare", 0x10020000) or _mount_proc(),
        "execution": lambda: os.execv("/bin/true", ["true"]),
    }


def attack(**fields: object) -> list[str]:
    task = msgspec.convert(fields, Attack)
    tried = attempts(task)
    if "seccomp" in task.without and "root directory" not in task.without:
        tried |= deadly(task)
    return [name for name, attempt in tried.items() if _has_effect(attempt)]


def strike(**fields: object) -> None:
    """Make the one attempt that is named in place of the secret."""
    task = msgspec.convert(fields, Attack)
    deadly(task)[task.secret.name]()


def multiply(**fields: object) -> int:
    """Start processes, each in a session of its own and ignoring signals; returns their number."""
    return sum(_has_effect(_settle) for _ in range(300))


def _settle() -> None:
    if os.fork() == 0:
        os.setsid()
        time.sleep(3600)


def _has_effect(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except (OSError, ValueError):
        return False
    return True


def _connect(address: str) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(address)


def _mount_proc() -> None:
    _call("mount", b"proc", b"/proc", b"proc", 0, None)


def _read_memory(task: Attack) -> None:
    buffer = ctypes.create_string_buffer(8)
    here = struct.pack("QQ", ctypes.addressof(buffer), 8)
    there = struct.pack("QQ", task.address, 8)
    _call("process_vm_readv", task.parent, here, 1, there, 1, 0)


def _call(name: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    words = [ctypes.c_ulong(one) if isinstance(one, int) else one for one in arguments]
    if getattr(libc, name)(*words) < 0:
        raise OSError(ctypes.get_errno(), name)


def main(order_text: str, parent_pid: int) -> None:
    without = json.loads(order_text)["task"].get("without", [])
    if "namespaces" in without:
        namespaces.enter = lambda: False
    if "root directory" in without:
        file_root.enter = lambda *places: False
    if "landlock" in without:
        landlock.confine = lambda *places: 0
    if "seccomp" in without:
        system_calls.install_filter = lambda: False
    functions = (attack, strike, multiply)
    child.main(
        order_text,
        parent_pid,
        {f.__name__: Function(__name__, f.__name__, Attack, files_of) for f in functions},
    )
