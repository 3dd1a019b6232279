"""Progress display of an import: a bar on a terminal, JSON lines elsewhere."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

INTERVAL_S = 1.0


class ProgressDisplay(Protocol):
    """A display; both methods may be called from any thread."""

    def add_bytes(self, count: int) -> None: ...

    def add_file(self, name: str, state: str) -> None: ...


class Lines:
    """JSON lines: at most one per second about bytes, and one per file."""

    def __init__(self, out: TextIO, total_bytes: int, total_files: int) -> None:
        self._out = out
        self._totals = {"total_bytes": total_bytes, "total_files": total_files}
        self._lock = threading.Lock()
        self._bytes = self._files = 0
        self._due_s = time.monotonic() + INTERVAL_S

    def add_bytes(self, count: int) -> None:
        with self._lock:
            self._bytes += count
            if time.monotonic() >= self._due_s:
                self._due_s = time.monotonic() + INTERVAL_S
                self._print({"event": "progress"})

    def add_file(self, name: str, state: str) -> None:
        with self._lock:
            self._files += 1
            self._print({"event": "file", "object": name, "state": state})

    def _print(self, what: dict[str, str]) -> None:
        counts = {"bytes": self._bytes, "files": self._files}
        print(json.dumps(what | counts | self._totals), file=self._out, flush=True)


class PlaceLines:
    """JSON lines with the number of viewers' positions read, at most one per second."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._places = 0
        self._due_s = time.monotonic() + INTERVAL_S

    def add(self, count: int) -> None:
        self._places += count
        if time.monotonic() >= self._due_s:
            self._due_s = time.monotonic() + INTERVAL_S
            line = {"event": "places", "places": self._places}
            print(json.dumps(line), file=self._out, flush=True)


class Bar:
    """A bar with bytes, files, speed and remaining time."""

    def __init__(self, progress: Progress, total_bytes: int, total_files: int) -> None:
        self._progress = progress
        self._lock = threading.Lock()
        self._files, self._total_files = 0, total_files
        self._task = progress.add_task(self._description, total=total_bytes)

    @property
    def _description(self) -> str:
        return f"{self._files}/{self._total_files} files"

    def add_bytes(self, count: int) -> None:
        self._progress.advance(self._task, count)

    def add_file(self, name: str, state: str) -> None:
        with self._lock:
            self._files += 1
            self._progress.update(self._task, description=self._description)


@contextmanager
def show_progress(out: TextIO, total_bytes: int, total_files: int) -> Iterator[ProgressDisplay]:
    """Shows the progress of files and bytes while the block runs."""
    if not out.isatty():
        yield Lines(out, total_bytes, total_files)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(file=out)) as progress:
        yield Bar(progress, total_bytes, total_files)


@contextmanager
def show_places(out: TextIO) -> Iterator[Callable[[int], None]]:
    """Yields a function that adds to the count of positions read; the total is unknown."""
    if not out.isatty():
        yield PlaceLines(out).add
        return
    columns = (SpinnerColumn(), TextColumn("{task.completed} viewers' places"))
    with Progress(*columns, console=Console(file=out)) as progress:
        yield partial(progress.advance, progress.add_task("", total=None))
