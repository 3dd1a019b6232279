"""Main function of a sandboxed child: one task in, one message out.

Forked by `fork_server`. Enters its namespaces and limits itself first, closes everything else after
that, and touches the file last.
"""

import importlib
import os
import resource
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec

from storage.confinement import namespaces
from storage.confinement.files import Files
from storage.confinement.kernel import die_with_parent, name_process, set_no_new_privileges
from storage.confinement.layers import Confinement, confine
from storage.confinement.priority import give_way
from storage.errors import MediaInterrupted, StorageError
from storage.ladder.facts import CopyRungTask, EncodePieceTask, EncodeSoundTask, PlanTask
from storage.media.facts import (
    PROGRESS_MARK,
    CustomThumbnailsTask,
    EndsTask,
    ExamineTask,
    ProbeTask,
    RemuxTask,
    StoryboardTask,
    TextTrackTask,
    ThumbnailsTask,
    TranscodeTask,
    decode,
    encode,
)
from storage.sandbox import files

_MAX_DETAIL_CHARS = 500
_MAX_DESCRIPTORS = 16


class Budget(msgspec.Struct, frozen=True):
    """Resources that a child may use."""

    memory_bytes: int
    cpu_s: int
    file_bytes: int
    """Maximum size of a file that it writes."""
    nice: int = 0
    is_idle: bool = False
    """Runs only while nobody else wants processor and disk."""


class Order(msgspec.Struct, frozen=True):
    """Input of a child: a function, its task and its limits."""

    function: str
    task: msgspec.Raw
    budget: Budget


class ChildAnswer(msgspec.Struct, frozen=True):
    """Output of a child: a result, or the name of an error class and its text for the log."""

    result: msgspec.Raw = msgspec.Raw(b"null")
    error: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Function:
    """A function that can be ordered."""

    module: str
    name: str
    task: type[msgspec.Struct]
    files: Callable[[Any], Files] = files.no_files
    """Maps the task to the files that may be read and written."""
    reports_progress: bool = False
    """Pass a `report` callback, to be called with the finished share."""


class NoTask(msgspec.Struct, frozen=True):
    """The task of a function without parameters."""


FUNCTIONS: Mapping[str, Function] = {
    "examine": Function("storage.examination", "examine", ExamineTask, files.probe_files),
    "text_track": Function("storage.text_track", "rewrite_text_track", TextTrackTask),
    "probe": Function("storage.media.probe", "probe", ProbeTask, files.probe_files),
    "measure": Function("storage.media.measure", "measure", ProbeTask, files.probe_files),
    "end_pictures": Function(
        "storage.pictures.end_pictures", "draw_ends", EndsTask, files.probe_files
    ),
    "remux": Function("storage.remux.preparation", "prepare", RemuxTask, files.remux_files),
    "custom_thumbnails": Function(
        "storage.pictures.custom_thumbnails",
        "make_custom_thumbnails",
        CustomThumbnailsTask,
        files.picture_files,
    ),
    "storyboard": Function(
        "storage.pictures.storyboard", "make_storyboard", StoryboardTask, files.storyboard_files
    ),
    "transcode": Function(
        "storage.conversion.transcode",
        "transcode",
        TranscodeTask,
        files.transcode_files,
        reports_progress=True,
    ),
    "plan_ladder": Function("storage.ladder.planning", "plan_ladder", PlanTask, files.probe_files),
    "encode_piece": Function(
        "storage.ladder.output.piece", "encode_piece", EncodePieceTask, files.piece_files
    ),
    "copy_rung": Function(
        "storage.ladder.output.copied_rung", "copy_rung", CopyRungTask, files.rung_files
    ),
    "encode_sound": Function(
        "storage.ladder.output.sound", "encode_sound", EncodeSoundTask, files.rung_files
    ),
    "thumbnails": Function(
        "storage.pictures.thumbnails", "make_thumbnails", ThumbnailsTask, files.picture_files
    ),
}
CONFINEMENT = "confinement"
"""Order of no function: the child answers with its confinement."""


def preload() -> None:
    """Load, in the server that forks children, what their functions need."""
    for function in FUNCTIONS.values():
        with suppress(ImportError):  # told by the child that needs it
            importlib.import_module(function.module)


def main(order_text: str, parent_pid: int, functions: Mapping[str, Function] = FUNCTIONS) -> None:
    """Carry out one order and end the process."""
    order: Order = decode(order_text, Order)
    name_process(order.function)
    answer_descriptor = _take_standard_output()
    process = _enter_process(parent_pid)
    _limit(order.budget)
    answer = _build_answer(order, functions, process, Progress(answer_descriptor))
    _write_all(answer_descriptor, encode(answer))
    # Skip the teardown: a library that crashes in it has done its work.
    os._exit(0)


@dataclass(frozen=True, slots=True)
class Process:
    """The process that runs the function."""

    has_namespaces: bool
    is_wanted: Callable[[], bool]
    """True while the processes that it works for are alive; valid for one call."""

    def die_with_owner(self) -> None:
        die_with_parent()
        # They may have died before the line above took effect.
        if not self.is_wanted():
            os._exit(1)


def _enter_process(parent_pid: int) -> Process:
    set_no_new_privileges()
    process = Process(False, lambda: os.getppid() == parent_pid)
    process.die_with_owner()
    if not namespaces.enter():
        return process
    guard = namespaces.become_init()
    return Process(True, lambda: namespaces.is_guarded(guard))


class Progress:
    """Reports each finished percent to the parent, before the answer."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._reported_percent = 0

    def __call__(self, ratio: float) -> None:
        percent = min(100, int(ratio * 100))
        if percent > self._reported_percent:
            _write_all(self._descriptor, PROGRESS_MARK * (percent - self._reported_percent))
            self._reported_percent = percent


def _build_answer(
    order: Order, functions: Mapping[str, Function], process: Process, report: Progress
) -> ChildAnswer:
    try:
        if order.function == CONFINEMENT:
            return ChildAnswer(result=msgspec.Raw(encode(_confine(Files(), process))))
        return _execute(order, functions[order.function], process, report)
    except StorageError as exc:
        return _failure(type(exc).__name__, str(exc))
    except MemoryError:
        return _failure("TooComplex", "more memory than the sandbox allows")
    except ImportError as exc:  # a partial installation: an upgrade is in progress
        return _failure("MediaInterrupted", str(exc))
    except Exception as exc:
        return _failure("MediaCrashed", f"{type(exc).__name__}: {exc}")


def _execute(order: Order, function: Function, process: Process, report: Progress) -> ChildAnswer:
    task = decode(order.task, function.task)
    call = getattr(importlib.import_module(function.module), function.name)
    arguments = {name: getattr(task, name) for name in task.__struct_fields__}
    _confine(function.files(task), process)
    result = call(**arguments, report=report) if function.reports_progress else call(**arguments)
    return ChildAnswer(result=msgspec.Raw(encode(result)))


def _confine(wanted: Files, process: Process) -> Confinement:
    """Raises: MediaInterrupted, and the disk's errors for output files."""
    files.create_outputs(wanted)
    try:
        return confine(wanted, has_namespaces=process.has_namespaces, renew=process.die_with_owner)
    except OSError as exc:
        raise MediaInterrupted(f"the sandbox could not be closed: {exc}") from exc


def _failure(name: str, detail: str) -> ChildAnswer:
    return ChildAnswer(error=name, detail=detail[:_MAX_DETAIL_CHARS])


def _take_standard_output() -> int:
    """Return a descriptor for the answer; output of libraries goes to /dev/null."""
    answer_descriptor = os.dup(1)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
    return answer_descriptor


def _limit(budget: Budget) -> None:
    limits = {
        resource.RLIMIT_AS: (budget.memory_bytes, budget.memory_bytes),
        # SIGXCPU at the soft limit, SIGKILL at the hard one.
        resource.RLIMIT_CPU: (budget.cpu_s, budget.cpu_s + 1),
        resource.RLIMIT_FSIZE: (budget.file_bytes, budget.file_bytes),
        resource.RLIMIT_NOFILE: (_MAX_DESCRIPTORS, _MAX_DESCRIPTORS),
        resource.RLIMIT_CORE: (0, 0),
    }
    for kind, limit in limits.items():
        resource.setrlimit(kind, limit)
    os.nice(budget.nice)
    if budget.is_idle:
        give_way()


def _write_all(descriptor: int, message: bytes) -> None:
    while message:
        message = message[os.write(descriptor, message) :]
