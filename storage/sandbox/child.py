"""The child's side of the sandbox: one task, one message, no way back.

Started by `children`. Limits itself first, loads FFmpeg after that, and touches the file last.
"""

import ctypes
import importlib
import os
import resource
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from storage.errors import StorageError
from storage.media import (
    PROGRESS_MARK,
    CustomThumbnailsTask,
    ProbeTask,
    RemuxTask,
    StoryboardTask,
    ThumbnailsTask,
    TranscodeTask,
    decode,
    encode,
)
from storage.sandbox.system_calls import renounce

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_MAX_DETAIL_CHARS = 500
_MAX_DESCRIPTORS = 16


class Budget(msgspec.Struct, frozen=True):
    """What a child may use."""

    memory_bytes: int
    cpu_s: int
    file_bytes: int
    """The largest file it may write."""
    nice: int = 0


class Order(msgspec.Struct, frozen=True):
    """What a child is told."""

    function: str
    task: msgspec.Raw
    budget: Budget
    parent_pid: int


class Answer(msgspec.Struct, frozen=True):
    """What a child says: a result, or the name of an error class and its text for the log."""

    result: msgspec.Raw = msgspec.Raw(b"null")
    error: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Function:
    """A function that may be asked for; its module is loaded inside the limits."""

    module: str
    name: str
    task: type[msgspec.Struct]
    tells_progress: bool = False
    """Whether it is also given `report`, to be called with the share that is done."""


FUNCTIONS: Mapping[str, Function] = {
    "probe": Function("storage.probe", "probe", ProbeTask),
    "remux": Function("storage.remux", "remux_faststart", RemuxTask),
    "custom_thumbnails": Function(
        "storage.custom_thumbnails", "make_custom_thumbnails", CustomThumbnailsTask
    ),
    "storyboard": Function("storage.storyboard", "make_storyboard", StoryboardTask),
    "transcode": Function("storage.transcode", "transcode", TranscodeTask, tells_progress=True),
    "thumbnails": Function("storage.thumbnails", "make_thumbnails", ThumbnailsTask),
}


def main(order_text: str, functions: Mapping[str, Function] = FUNCTIONS) -> None:
    """Carry out one order and end the process."""
    order: Order = decode(order_text, Order)
    answer_descriptor = _take_standard_output()
    _die_with(order.parent_pid)
    _confine(order.budget)
    renounce()
    answer = _answer(order, functions[order.function], Progress(answer_descriptor))
    _write_all(answer_descriptor, encode(answer))
    # Skipping the teardown: a library that crashes in it has done its work.
    os._exit(0)


class Progress:
    """Tells the parent of each percent that is done, before the answer."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._told_percent = 0

    def __call__(self, ratio: float) -> None:
        percent = min(100, int(ratio * 100))
        if percent > self._told_percent:
            _write_all(self._descriptor, PROGRESS_MARK * (percent - self._told_percent))
            self._told_percent = percent


def _answer(order: Order, function: Function, report: Progress) -> Answer:
    try:
        task = decode(order.task, function.task)
        # numpy's threads alone want 320 MB of address space, and nothing here needs it.
        sys.modules["numpy"] = None  # type: ignore[assignment]
        call = getattr(importlib.import_module(function.module), function.name)
        arguments = {name: getattr(task, name) for name in task.__struct_fields__}
        result = call(**arguments, report=report) if function.tells_progress else call(**arguments)
        return Answer(result=msgspec.Raw(encode(result)))
    except StorageError as error:
        return _failure(type(error).__name__, str(error))
    except MemoryError:
        return _failure("TooComplex", "more memory than the sandbox allows")
    except ImportError as error:  # half an installation: an upgrade is going on
        return _failure("MediaInterrupted", str(error))
    except Exception as error:
        return _failure("MediaCrashed", f"{type(error).__name__}: {error}")


def _failure(name: str, detail: str) -> Answer:
    return Answer(error=name, detail=detail[:_MAX_DETAIL_CHARS])


def _take_standard_output() -> int:
    """The descriptor for the answer; what a library prints goes nowhere."""
    answer_descriptor = os.dup(1)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
    return answer_descriptor


def _die_with(parent_pid: int) -> None:
    prctl: Any = ctypes.CDLL(None, use_errno=True).prctl
    prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    # It may have died before the first line took effect.
    if os.getppid() != parent_pid:
        os._exit(1)


def _confine(budget: Budget) -> None:
    limits = {
        resource.RLIMIT_AS: (budget.memory_bytes, budget.memory_bytes),
        # SIGXCPU at the first, SIGKILL at the second.
        resource.RLIMIT_CPU: (budget.cpu_s, budget.cpu_s + 1),
        resource.RLIMIT_FSIZE: (budget.file_bytes, budget.file_bytes),
        resource.RLIMIT_NOFILE: (_MAX_DESCRIPTORS, _MAX_DESCRIPTORS),
        resource.RLIMIT_CORE: (0, 0),
    }
    for kind, limit in limits.items():
        resource.setrlimit(kind, limit)
    os.nice(budget.nice)


def _write_all(descriptor: int, message: bytes) -> None:
    while message:
        message = message[os.write(descriptor, message) :]
