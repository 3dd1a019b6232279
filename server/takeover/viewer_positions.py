"""Viewers' places carried over by `import-s3`, and what is told of them.

In all how many; of each one that somebody has to see to a row in `--progress-report`.
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
from server.stopping import stop_signals
from server.takeover.errors import ReportError
from server.takeover.options import ImportOptions
from server.takeover.progress_display import shown_places
from storage.tasks import to_its_end

Batches = Iterator[list[LegacyProgress]]
USER_ID = re.compile(IDENTIFIER)
# Rows of modules without a lecture are none of this service's; who is not enrolled can be, later.
HARMLESS = ("no-module", "not-enrolled")


class Viewers:
    """The sum of what was carried, or would be; `rows` takes the remarks for the report."""

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
            with _faults_told():
                self._rows.writerows(map(astuple, carried.remarks))

    @property
    def has_left(self) -> bool:
        return not self.is_complete or any(state not in HARMLESS for state in self._remarks)

    @property
    def line(self) -> str:
        counts = {"carried over": self._changed, "there before": self._unchanged}
        if self._is_dry:
            counts = {"to be carried over": self._changed}
        said = ", ".join(f"{count} {what}" for what, count in {**counts, **self._remarks}.items())
        end = "" if self.is_complete else "; interrupted, run again"
        return f"viewers' places: {said}{end}"


@contextmanager
def told_viewers(options: ImportOptions) -> Iterator[Viewers]:
    """Raises: ReportError."""
    path = options.progress_report
    if path is None:
        yield Viewers(is_dry=options.is_dry)
        return
    with _faults_told():
        file = path.open("w", encoding="utf-8", newline="")
    with file:
        rows = csv.writer(file)
        rows.writerow([field.name for field in fields(Remark)])
        yield Viewers(rows, is_dry=options.is_dry)


@contextmanager
def _faults_told() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise ReportError(f"the report cannot be written: {exc}") from exc


def count_viewers(options: ImportOptions, module_ids: Iterable[str], viewers: Viewers) -> None:
    """Look what could be carried over to these modules; nothing is stored.

    Raises: LegacyError, ReportError.
    """
    assert options.progress is not None
    lectures = {module_id: Lecture(uuid4(), "", 1.0) for module_id in module_ids}
    source = read_progress(options.from_database or "", options.progress)
    with closing(source), shown_places(sys.stdout) as show:
        for rows in _counted(source, show):
            now = datetime.now(UTC)
            places, remarks = read_places(rows, lectures, USER_ID.fullmatch, now)
            viewers.add(Carried(len(places), 0, remarks))
    viewers.is_complete = True


async def carry_viewers(
    config: Config, dsn: str, options: ImportOptions, viewers: Viewers, executor: Executor
) -> None:
    """All of them, unless it is to stop: run again, what was carried stays as it is.

    Raises: LegacyError, ReportError, DatabaseError.
    """
    assert options.progress is not None
    source = read_progress(options.from_database or "", options.progress)
    with closing(source), stop_signals() as signals, shown_places(sys.stdout) as show:
        async with open_database(dsn, size=1) as database:
            lectures = await viewer_positions.lectures(database)
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
    """Each is shown once the next one is asked for."""
    for rows in batches:
        yield rows
        show(len(rows))
