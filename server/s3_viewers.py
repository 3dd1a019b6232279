"""Viewers' places carried over by `import-s3`, and what is told of them.

In all how many; of each one that somebody has to see to a row in `--progress-report`.
"""

import asyncio
import csv
import re
from collections import Counter
from collections.abc import Generator, Iterator
from concurrent.futures import Executor
from contextlib import closing, contextmanager
from dataclasses import astuple, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from db import progress_backfill
from db.legacy import LegacyProgress
from db.pool import Database
from events.backfill import Backfill, Carried, Remark
from handlers.messages import IDENTIFIER
from server.s3_errors import ReportError
from storage.uploads import to_its_end

Batches = Generator[list[LegacyProgress], None, None]
# Rows of modules without a lecture are none of this service's; who is not enrolled can be, later.
HARMLESS = ("no-module", "not-enrolled")


class Viewers:
    """The sum of what was carried; `rows` takes the remarks where a report is asked for."""

    def __init__(self, rows: Any = None) -> None:
        self.is_complete = False
        self._rows = rows
        self._changed = self._unchanged = 0
        self._remarks: Counter[str] = Counter()

    def add(self, carried: Carried) -> None:
        """Blocks."""
        self._changed += carried.changed
        self._unchanged += carried.unchanged
        self._remarks.update(remark.state for remark in carried.remarks)
        if self._rows is not None:
            self._rows.writerows(map(astuple, carried.remarks))

    @property
    def has_left(self) -> bool:
        return not self.is_complete or any(state not in HARMLESS for state in self._remarks)

    @property
    def line(self) -> str:
        counts = {"carried over": self._changed, "there before": self._unchanged, **self._remarks}
        said = ", ".join(f"{count} {what}" for what, count in counts.items())
        end = "" if self.is_complete else "; interrupted, run again"
        return f"viewers' places: {said}{end}"


@contextmanager
def told_viewers(path: Path | None) -> Iterator[Viewers]:
    """Raises: ReportError."""
    if path is None:
        yield Viewers()
        return
    try:
        file = path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise ReportError(f"the report cannot be written: {error}") from error
    with file:
        rows = csv.writer(file)
        rows.writerow([field.name for field in fields(Remark)])
        yield Viewers(rows)


async def carry_viewers(
    database: Database,
    batches: Batches,
    completion_ratio: float,
    viewers: Viewers,
    executor: Executor,
    stopping: asyncio.Event,
) -> None:
    """All of them, unless it is to stop: run again, what was carried stays as it is.

    Raises: LegacyError, DatabaseError.
    """
    backfill = Backfill(
        database,
        await progress_backfill.lectures(database),
        completion_ratio,
        re.compile(IDENTIFIER).fullmatch,
        datetime.now(UTC),
    )
    loop = asyncio.get_running_loop()
    with closing(batches):
        while not stopping.is_set():
            rows = await to_its_end(loop.run_in_executor(executor, next, batches, None))
            if rows is None:
                viewers.is_complete = True
                return
            carried = await backfill.carry(rows)
            await to_its_end(loop.run_in_executor(executor, viewers.add, carried))
