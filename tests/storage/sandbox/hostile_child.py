"""Possible actions of a broken or hijacked media library in a sandboxed child."""

import ctypes
import os
import resource
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from storage.confinement.files import Files
from storage.errors import FileMissing, NoVideo
from storage.media.facts import TranscodeTask
from storage.sandbox import child
from storage.sandbox.child import FUNCTIONS, Function

_DESCRIPTORS = 64


class Nothing(msgspec.Struct, frozen=True):
    pass


class Note(msgspec.Struct, frozen=True):
    path: Path


def noted(task: Note) -> Files:
    return Files((), (task.path,))


class Surroundings(msgspec.Struct, frozen=True):
    environment: dict[str, str]
    descriptors: list[int]
    directory: str
    limits: dict[str, list[int]]
    loads_numpy: bool


def look_around() -> Surroundings:
    names = ("RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_CORE")
    return Surroundings(
        environment=dict(os.environ),
        descriptors=[one for one in range(_DESCRIPTORS) if _is_open(one)],
        directory=os.getcwd(),
        limits={name: list(resource.getrlimit(getattr(resource, name))) for name in names},
        loads_numpy=_imports("numpy"),
    )


def _is_open(descriptor: int) -> bool:
    with suppress(OSError):
        os.fstat(descriptor)
        return True
    return False


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


def hang_noted(path: Path) -> None:
    """Note in one write that it is running, then hang."""
    path.write_text("here")
    time.sleep(3600)


def hang_first(path: Path) -> int:
    """Hang the first time, succeed the next."""
    if _count(path) == 1:
        time.sleep(3600)
    return 7


def hang_always(path: Path) -> None:
    _count(path)
    time.sleep(3600)


def crash_first(path: Path) -> int:
    if _count(path) == 1:
        crash()
    return 7


def crash_always(path: Path) -> None:
    _count(path)
    crash()


def hog_first(path: Path) -> int:
    if _count(path) == 1:
        hog()
    return 7


def hog_always(path: Path) -> None:
    _count(path)
    hog()


def refuse_first(path: Path) -> int:
    if _count(path) == 1:
        refuse()
    return 7


def refuse_always(path: Path) -> None:
    _count(path)
    refuse()


def leave_first(path: Path) -> int:
    if _count(path) == 1:
        leave()
    return 7


def leave_always(path: Path) -> None:
    _count(path)
    leave()


def spin_always(path: Path) -> None:
    _count(path)
    spin()


def spin_first(path: Path) -> int:
    if _count(path) == 1:
        spin()
    return 7


def lack_a_module(path: Path) -> None:
    _count(path)
    raise ImportError("an upgrade is going on")


def lack_the_file(path: Path) -> None:
    _count(path)
    raise FileMissing


def _count(path: Path) -> int:
    """Number of this child, from 1; each writes a line."""
    with path.open("a+") as notes:
        notes.write("here\n")
        notes.seek(0)
        return len(notes.readlines())


def main(order_text: str, parent_pid: int) -> None:
    ends = (crash, leave, leave_quietly, hang, spin, hog, recurse, refuse)
    answers = (look_around, flood, chatter, text)
    noting = [fill, hang_noted, hang_first, hang_always, crash_first, crash_always]
    noting += (hog_first, hog_always, refuse_first, refuse_always, leave_first, leave_always)
    noting += (spin_first, spin_always, lack_a_module, lack_the_file)
    child.main(
        order_text,
        parent_pid,
        {
            **FUNCTIONS,
            **{f.__name__: Function(__name__, f.__name__, Nothing) for f in ends + answers},
            **{f.__name__: Function(__name__, f.__name__, Note, noted) for f in noting},
            **{
                f.__name__: Function(__name__, f.__name__, Nothing, reports_progress=True)
                for f in (work, only_marks)
            },
            "transcode": Function(__name__, "another_format", TranscodeTask, reports_progress=True),
        },
    )
