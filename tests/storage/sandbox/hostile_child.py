"""What a media library that was taken over, or is broken, might do in a sandboxed child."""

import ctypes
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from storage.errors import NoVideo
from storage.media import TranscodeTask
from storage.sandbox import child
from storage.sandbox.child import FUNCTIONS, Function

_inherited = sorted(int(name) for name in os.listdir("/proc/self/fd"))


class Nothing(msgspec.Struct, frozen=True):
    pass


class Note(msgspec.Struct, frozen=True):
    path: Path


class Surroundings(msgspec.Struct, frozen=True):
    environment: dict[str, str]
    descriptors: list[int]
    directory: str
    leads_session: bool
    limits: dict[str, list[int]]
    has_new_privileges: bool
    loads_numpy: bool


def look_around() -> Surroundings:
    names = ("RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_CORE")
    return Surroundings(
        environment=dict(os.environ),
        descriptors=_inherited,
        directory=os.getcwd(),
        leads_session=os.getsid(0) == os.getpid(),
        limits={name: list(resource.getrlimit(getattr(resource, name))) for name in names},
        has_new_privileges=not ctypes.CDLL(None).prctl(39, 0, 0, 0, 0),
        loads_numpy=_imports("numpy"),
    )


def _imports(name: str) -> bool:
    try:
        __import__(name)
    except ImportError:
        return False
    return True


def crash() -> None:
    ctypes.string_at(0)


def leave() -> None:
    os._exit(3)


def leave_quietly() -> None:
    os._exit(0)


def hang() -> None:
    time.sleep(3600)


def spin() -> None:
    while True:
        pass


def hog() -> None:
    bytearray(1 << 34)


def recurse() -> None:
    recurse()


def flood() -> str:
    return "x" * 100_000


def work(report: Callable[[float], None]) -> str:
    for ratio in (0.0, 0.1, 0.105, 0.5, 0.2, 2.0, 0.9):
        report(ratio)
    return "avi"


def another_format(report: Callable[[float], None], **task: Any) -> str:
    return "webm"


def only_marks(report: Callable[[float], None]) -> str:
    for descriptor in range(3, 16):
        with suppress(OSError):
            os.write(descriptor, b"." * 70_000)
    return "never read"


def chatter() -> int:
    print("a library prints this")
    os.write(1, b"and this")
    sys.stdout.flush()
    return 7


def text() -> str:
    return "not a number"


def refuse() -> None:
    raise NoVideo("only sound")


def fill(path: Path) -> None:
    path.write_bytes(bytes(1 << 20))


def hang_with_child(path: Path) -> None:
    """Tells the pids of both, in one step."""
    child = os.fork()
    if child == 0:
        time.sleep(3600)
    draft = path.with_suffix(".draft")
    draft.write_text(f"{os.getpid()} {child}")
    draft.rename(path)
    time.sleep(3600)


def reach_out() -> list[str]:
    """What a program that was taken over would do next: those attempts that were refused."""
    attempts = {
        "socket": lambda: socket.socket().close(),
        "unix socket": lambda: socket.socket(socket.AF_UNIX).close(),
        "program": lambda: os.execv("/bin/true", ["true"]),
        "child program": lambda: subprocess.run(["/bin/true"], check=True),
        "signal": lambda: os.kill(os.getppid(), 0),
        "thread signal": lambda: signal.pthread_kill(threading.get_ident(), 0),
        "thread": lambda: threading.Thread(target=int).start(),
        "file": lambda: Path("/etc/hostname").exists(),
    }
    return [name for name, attempt in attempts.items() if _is_refused(attempt)]


def _is_refused(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except PermissionError:
        return True
    return False


def main(order_text: str) -> None:
    ends = (crash, leave, leave_quietly, hang, spin, hog, recurse, refuse)
    answers = (look_around, flood, chatter, text, reach_out)
    child.main(
        order_text,
        {
            **FUNCTIONS,
            **{f.__name__: Function(__name__, f.__name__, Nothing) for f in ends + answers},
            **{f.__name__: Function(__name__, f.__name__, Note) for f in (fill, hang_with_child)},
            **{
                f.__name__: Function(__name__, f.__name__, Nothing, tells_progress=True)
                for f in (work, only_marks)
            },
            "transcode": Function(__name__, "another_format", TranscodeTask, tells_progress=True),
        },
    )
