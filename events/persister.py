"""Stores progress reports, many in one transaction, and answers each once it is committed.

A report is written at once when nothing else is; what arrives during a commit is the next batch.
So one report waits for one commit, and a thousand a second share a hundred. Decides nothing about
the reports themselves (merging.py).
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress

from db import progress_batch
from db.errors import DatabaseError, DatabaseTimeout, DatabaseUnavailable
from db.pool import Database
from db.progress import ProgressState
from events import log
from events.emitter import Emitter
from events.ending import end
from events.errors import PersisterFull, PersisterStopped, VideoMissing
from events.merging import merge, session_key
from events.reports import ProgressReport, ReportReceived

logger = logging.getLogger(__name__)

COMMIT_TIMEOUT_S = 5.0  # the contract's: longer, and the player keeps the report
MAX_BATCH = 1000
QUEUE_SIZE = 10_000  # what five seconds of the hardest load leave behind
MIN_INTERVAL_S = 0.005  # at most 200 commits a second, the disk's share of everyone


async def submit(
    emitter: Emitter, report: ProgressReport, timeout_s: float = COMMIT_TIMEOUT_S
) -> ProgressState:
    """Hands the report over and returns what holds once it is committed.

    A caller that is cancelled does not take its report back.
    Raises: VideoMissing, PersisterFull, PersisterStopped, DatabaseTimeout, DatabaseUnavailable.
    """
    outcome: asyncio.Future[ProgressState] = asyncio.get_running_loop().create_future()
    if not emitter.emit_report(ReportReceived(report, outcome)):
        raise PersisterStopped
    try:
        async with asyncio.timeout(timeout_s):
            return await outcome
    except TimeoutError as exc:
        raise DatabaseTimeout("the report was not committed in time") from exc


class ProgressPersister:
    """Listens for ReportReceived; its one task commits."""

    def __init__(
        self, database: Database, completion_ratio: float, queue_size: int = QUEUE_SIZE
    ) -> None:
        self.commit_count = 0
        self.report_count = 0
        self._database = database
        self._completion_ratio = completion_ratio
        self._queue: asyncio.Queue[ReportReceived] = asyncio.Queue(queue_size)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._persist(), name="progress persister")

    async def stop(self, timeout_s: float = COMMIT_TIMEOUT_S) -> None:
        """Takes no more reports, stores those it has, and answers all of them."""
        task, self._task = self._task, None
        if task:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._queue.join()
            await end(task)
        self._refuse(self._waiting(), PersisterStopped())

    @property
    def waiting_count(self) -> int:
        """Reports that no commit has taken up yet."""
        return self._queue.qsize()

    def on_report(self, received: ReportReceived) -> None:
        """The listener for the emitter: never blocks, never raises."""
        if self._task is None:
            self._refuse([received], PersisterStopped())
            return
        try:
            self._queue.put_nowait(received)
        except asyncio.QueueFull:
            self._refuse([received], PersisterFull())

    async def _persist(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            batch = [await self._queue.get(), *self._waiting(MAX_BATCH - 1)]
            next_start = loop.time() + MIN_INTERVAL_S
            try:
                await self._answer(batch)
            finally:
                self._refuse(batch, PersisterStopped())  # only when cancelled in the middle
                for _ in batch:
                    self._queue.task_done()
            await asyncio.sleep(next_start - loop.time())

    def _waiting(self, limit: int | None = None) -> list[ReportReceived]:
        count = self._queue.qsize() if limit is None else min(self._queue.qsize(), limit)
        return [self._queue.get_nowait() for _ in range(count)]

    async def _answer(self, batch: Sequence[ReportReceived]) -> None:
        try:
            states = await self._commit([received.report for received in batch])
        except (DatabaseUnavailable, DatabaseTimeout) as exc:
            logger.warning("%d progress reports not stored: %s", len(batch), exc)
            self._refuse(batch, exc)
        except Exception as exc:
            await self._answer_apart(batch, exc)
        else:
            for received, state in zip(batch, states, strict=True):
                _resolve(received, state)

    async def _answer_apart(self, batch: Sequence[ReportReceived], exc: Exception) -> None:
        """One report that the database refuses must not take the others with it."""
        if len(batch) > 1:
            for received in batch:
                await self._answer([received])
            return
        logger.error("progress report refused", exc_info=exc)
        failure = exc if isinstance(exc, DatabaseError) else DatabaseError(str(exc))
        self._refuse(batch, failure)

    async def _commit(self, reports: Sequence[ProgressReport]) -> list[ProgressState | None]:
        """What holds after each report; None where the video is gone."""
        async with self._database.transaction() as tx:
            keys = {session_key(report) for report in reports}
            standings = await progress_batch.lock_and_read(tx, keys)
            merged = merge(reports, standings)
            if not merged.heard:
                return [None for _ in reports]
            states = await progress_batch.write(
                tx, merged.progress, merged.sessions, self._completion_ratio
            )
            events = list(merged.events(states))
            if events:
                await log.append(tx, events)
        self.commit_count += 1
        self.report_count += len(reports)
        return [states.get(session_key(report).video) for report in reports]

    def _refuse(self, batch: Sequence[ReportReceived], failure: Exception) -> None:
        for received in batch:
            if not received.outcome.done():
                received.outcome.set_exception(failure)


def _resolve(received: ReportReceived, state: ProgressState | None) -> None:
    if received.outcome.done():
        return  # who sent it has gone; it is stored all the same
    if state is None:
        received.outcome.set_exception(VideoMissing())
    else:
        received.outcome.set_result(state)
