"""Import of viewers' positions by `import-s3`, and its report.

Prints the totals; writes a row to `--progress-report` for each position that needs attention.
"""

import asyncio
import csv
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import closing, contextmanager
from dataclasses import astuple, fields
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from db.pool import open_database
from db.takeover import viewer_positions
from db.takeover.legacy import LegacyProgress, read_progress
from db.takeover.viewer_positions import Lecture
from events.takeover.viewer_positions import Backfill, Carried, Remark, read_places
from handlers.messages import IDENTIFIER
from server.config.settings import Config
from server.stop_signals import stop_signals
from server.takeover.errors import ReportError
from server.takeover.options import ImportOptions
from server.takeover.progress_display import show_places
from storage.concurrency.tasks import to_its_end

Batches = Iterator[list[LegacyProgress]]
USER_ID = re.compile(IDENTIFIER)
# Modules without a lecture do not concern this service; users may still be enrolled later.
HARMLESS = ("no-module", "not-enrolled")


class Viewers:
    """Totals of an import of positions, or of a dry run; `rows` is the report's CSV writer."""

    def __init__(self, rows: Any = None, *, is_dry: bool = False) -> None:
        self.is_complete = False
        self._rows = rows
        self._is_dry = is_dry
        self._changed = self._unchanged = 0
        self._remarks: Counter[str] = Counter()

    def add(self, carried: Carried) -> None:
        """Blocks. Raises: ReportError."""
        self._changed += carried.changed
        self._unchanged += carried.unchanged
        self._remarks.update(remark.state for remark in carried.remarks)
        if self._rows is not None:
            with _report_errors():
                self._rows.writerows(map(astuple, carried.remarks))

    @property
    def has_left(self) -> bool:
        return not self.is_complete or any(state not in HARMLESS for state in self._remarks)

    @property
    def line(self) -> str:
        counts = {"carried over": self._changed, "there before": self._unchanged}
        if self._is_dry:
            counts = {"to be carried over": self._changed}
        parts = ", ".join(f"{count} {what}" for what, count in {**counts, **self._remarks}.items())
        end = "" if self.is_complete else "; interrupted, run again"
        return f"viewers' places: {parts}{end}"


@contextmanager
def open_viewer_report(options: ImportOptions) -> Iterator[Viewers]:
    """Raises: ReportError."""
    path = options.progress_report
    if path is None:
        yield Viewers(is_dry=options.is_dry)
        return
    with _report_errors():
        file = path.open("w", encoding="utf-8", newline="")
    with file:
        rows = csv.writer(file)
        rows.writerow([field.name for field in fields(Remark)])
        yield Viewers(rows, is_dry=options.is_dry)


@contextmanager
def _report_errors() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise ReportError(f"the report cannot be written: {exc}") from exc


def count_viewers(options: ImportOptions, module_ids: Iterable[str], viewers: Viewers) -> None:
    """Counts the positions that could be imported for these modules; stores nothing.

    Raises: LegacyError, ReportError.
    """
    assert options.progress is not None
    lectures = {module_id: Lecture(uuid4(), "", 1.0) for module_id in module_ids}
    source = read_progress(options.from_database or "", options.progress)
    with closing(source), show_places(sys.stdout) as show:
        for rows in _counted(source, show):
            now = datetime.now(UTC)
            places, remarks = read_places(rows, lectures, USER_ID.fullmatch, now)
            viewers.add(Carried(len(places), 0, remarks))
    viewers.is_complete = True


async def carry_viewers(
    config: Config, dsn: str, options: ImportOptions, viewers: Viewers, executor: Executor
) -> None:
    """Imports all positions until a stop is requested; a repeated run keeps what was imported.

    Raises: LegacyError, ReportError, DatabaseError.
    """
    assert options.progress is not None
    source = read_progress(options.from_database or "", options.progress)
    with closing(source), stop_signals() as signals, show_places(sys.stdout) as show:
        async with open_database(dsn, size=1) as database:
            lectures = await viewer_positions.list_lectures(database)
            backfill = Backfill(
                database, lectures, config.completion_ratio, USER_ID.fullmatch, datetime.now(UTC)
            )
            batches = _counted(source, show)
            carrying = _carry(backfill, batches, viewers, executor, signals.requested)
            await signals.unless_hurried(carrying)


async def _carry(
    backfill: Backfill,
    batches: Batches,
    viewers: Viewers,
    executor: Executor,
    stopping: asyncio.Event,
) -> None:
    loop = asyncio.get_running_loop()
    while not stopping.is_set():
        rows = await to_its_end(loop.run_in_executor(executor, next, batches, None))
        if rows is None:
            viewers.is_complete = True
            return
        carried = await backfill.carry(rows)
        await to_its_end(loop.run_in_executor(executor, viewers.add, carried))


def _counted(batches: Batches, show: Callable[[int], None]) -> Batches:
    """Yields the batches, and shows the count of each when the next one is requested."""
    for rows in batches:
        yield rows
        show(len(rows))
