"""Durations of media work, step by step: kept here for some seconds, then added to the database's.

Workers answer no requests, so the web processes serve their metrics, from the database. A
killed worker loses what it has not written; the figures are none that anything depends on.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from db.errors import DatabaseError
from db.media import steps
from db.media.steps import StepCounts
from db.pool import Database
from events.distributions import LONG_BOUNDS_S, Distribution
from events.errors import OUTAGES
from events.media.traces import DONE, Traces, outcome_of
from storage.concurrency.tasks import Periodic

logger = logging.getLogger(__name__)

BOUNDS_S = LONG_BOUNDS_S
INTERVAL_S = 5.0
STOP_TIMEOUT_S = 2.0


class MediaSteps:
    """Times steps, and writes what was timed in a block of `kept`."""

    def __init__(self, database: Database, traces: Traces | None = None) -> None:
        self._database = database
        self._traces = traces or Traces()
        self._timed: dict[tuple[str, str], Distribution] = {}
        self._periodic = Periodic("media steps", self.flush, INTERVAL_S, OUTAGES)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Writes what was timed, every few seconds in the block and once more after it."""
        self._periodic.start()
        try:
            yield
        finally:
            await self._periodic.stop()
            await self._write_rest()

    @contextmanager
    def timing(self, step: str) -> Iterator[None]:
        """Times the block, a span of its video's trace; its outcome is the code of what it raises,
        or `done`."""
        began_s = time.monotonic()
        outcome = DONE
        try:
            with self._traces.step(step):
                yield
        except BaseException as exc:
            outcome = outcome_of(exc)
            raise
        finally:
            self.note(step, outcome, time.monotonic() - began_s)

    def note(self, step: str, outcome: str, duration_s: float) -> None:
        self._timed.setdefault((step, outcome), Distribution(BOUNDS_S)).observe(duration_s)

    async def flush(self) -> None:
        """Raises: DatabaseError; then it stays for the next time."""
        timed, self._timed = self._timed, {}
        if not timed:
            return
        rows = [
            StepCounts(step, outcome, [int(count) for count in found.counts], found.total)
            for (step, outcome), found in timed.items()
        ]
        try:
            async with self._database.transaction() as transaction:
                await steps.add(transaction, rows)
        except BaseException:
            self._keep(timed)
            raise

    async def _write_rest(self) -> None:
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self.flush()
        except (TimeoutError, DatabaseError) as exc:
            logger.warning("the last durations of media work are not counted: %s", exc)

    def _keep(self, timed: dict[tuple[str, str], Distribution]) -> None:
        for key, older in timed.items():
            found = self._timed.setdefault(key, Distribution(BOUNDS_S))
            found.add(older)
