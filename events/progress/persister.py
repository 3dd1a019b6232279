"""Group commit of progress reports: many in one transaction, each answered after its commit.

An idle lane writes a report at once; reports that arrive during a commit form the next batch. So a
single report waits for one commit, and a thousand per second share a hundred. All reports of a user
go through one lane, which keeps their order. The reports themselves are merged in merging.py.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import msgspec

from db.errors import DatabaseError, DatabaseTimeout, DatabaseUnavailable
from db.insight import changes
from db.pool import Database
from db.progress import report_batch
from db.progress.progress import ProgressState
from db.progress.report_batch import SessionKey, Standing, VideoKey
from events.errors import PersisterFull, PersisterStopped, VideoMissing
from events.log import log
from events.log.emitter import Emitter
from events.progress import viewing
from events.progress.database_clock import ClockDifference
from events.progress.lane_health import LaneHealth, LaneState
from events.progress.merging import Merged, merge, session_key, to_database_clock
from events.progress.plausibility import NamedAt
from events.reports import ProgressReport, ReportReceived
from storage.concurrency.tasks import end

logger = logging.getLogger(__name__)

COMMIT_TIMEOUT_S = 5.0  # the contract's; after it the player keeps the report
MAX_BATCH = 1000
QUEUE_SIZE = 10_000  # the backlog of five seconds at the highest measured load
LANES = 2  # while one waits for PostgreSQL, the other uses the CPU
MIN_INTERVAL_S = LANES / 200  # at most 200 commits/s, which leaves disk time for others


def utc_now() -> datetime:
    """Returns the time by this host's clock."""
    return datetime.now(UTC)


async def submit(
    emitter: Emitter, report: ProgressReport, timeout_s: float = COMMIT_TIMEOUT_S
) -> ProgressState:
    """Submits the report and returns the progress after its commit.

    Raises: VideoMissing, PersisterFull, PersisterStopped, DatabaseTimeout, DatabaseUnavailable.
    """
    return await hand_over(emitter, report, timeout_s)


def hand_over(
    emitter: Emitter, report: ProgressReport, timeout_s: float = COMMIT_TIMEOUT_S
) -> asyncio.Future[ProgressState]:
    """Like `submit` without awaiting: returns a future of its result, done within `timeout_s`.

    Cancelling the future does not withdraw the report. Raises: PersisterStopped.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[ProgressState] = loop.create_future()
    if not emitter.emit_report(ReportReceived(report, outcome)):
        raise PersisterStopped
    timer = loop.call_later(timeout_s, _expire, outcome)  # `asyncio.timeout` costs thrice that
    outcome.add_done_callback(lambda _: timer.cancel())
    return outcome


class ProgressPersister:
    """Listens for ReportReceived; each of its lanes commits for a share of the users."""

    def __init__(
        self,
        database: Database,
        completion_ratio: float,
        queue_size: int = QUEUE_SIZE,
        clock: Callable[[], datetime] = utc_now,
        named_at: NamedAt | None = None,
    ) -> None:
        """`named_at` bounds what sessions claim; without it every claim is believed."""
        self._database = database
        self._queue_size = queue_size
        difference = ClockDifference()
        self._lanes = [
            _Lane(database, completion_ratio, clock, difference, named_at) for _ in range(LANES)
        ]

    def start(self) -> None:
        for lane in self._lanes:
            lane.start()

    async def stop(self, timeout_s: float = COMMIT_TIMEOUT_S) -> None:
        """Refuses new reports, then stores and answers the queued ones."""
        await asyncio.gather(*(lane.stop(timeout_s) for lane in self._lanes))

    @property
    def commit_count(self) -> int:
        return sum(lane.commit_count for lane in self._lanes)

    @property
    def report_count(self) -> int:
        """Number of committed reports."""
        return sum(lane.report_count for lane in self._lanes)

    @property
    def capped_count(self) -> int:
        """Number of committed reports that claimed more than could have been played."""
        return sum(lane.capped_count for lane in self._lanes)

    @property
    def capped_s(self) -> float:
        """Seconds that these claimed beyond it, which were not counted."""
        return sum(lane.capped_s for lane in self._lanes)

    @property
    def waiting_count(self) -> int:
        """Number of queued reports that are in no commit yet."""
        return sum(lane.waiting_count for lane in self._lanes)

    def longest_commit_s(self) -> float:
        """Seconds since the oldest commit under way began: reports wait at least as long."""
        now_s = time.monotonic()
        return max(lane.health.commit_s(now_s) for lane in self._lanes)

    async def can_store(self) -> bool:
        """True if reports can be stored; probes the database when there were only failures lately.

        One storing lane counts for all: a lane may fail because of one user's reports.
        """
        states = {lane.state() for lane in self._lanes}
        if "storing" in states or states == {"idle"}:
            return True
        if "failing" in states:
            return False
        try:
            await report_batch.require_writable(self._database)
        except DatabaseError:
            return False
        return True

    def on_report(self, received: ReportReceived) -> None:
        """Listener for the emitter; never blocks, never raises."""
        if self.waiting_count >= self._queue_size:
            _refuse([received], PersisterFull())
        else:
            self._lanes[hash(received.report.user_id) % LANES].take(received)


class _Lane:
    """A queue of reports and the one task that commits them."""

    def __init__(
        self,
        database: Database,
        completion_ratio: float,
        clock: Callable[[], datetime],
        difference: ClockDifference,
        named_at: NamedAt | None,
    ) -> None:
        self.commit_count = 0
        self.report_count = 0
        self.capped_count = 0
        self.capped_s = 0.0
        self.health = LaneHealth()
        self._clock = clock
        self._difference = difference
        self._named_at = named_at
        self._database = database
        self._completion_ratio = completion_ratio
        self._sums_from: datetime | None = None
        self._reports: deque[ReportReceived] = deque()
        self._has_reports = asyncio.Event()
        self._is_idle = asyncio.Event()
        self._is_idle.set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._persist(), name="progress persister")

    async def stop(self, timeout_s: float) -> None:
        task, self._task = self._task, None
        if task:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._is_idle.wait()
            await end(task)
        _refuse(self._waiting(), PersisterStopped())
        self._update_events()

    @property
    def waiting_count(self) -> int:
        return len(self._reports)

    def state(self) -> LaneState:
        return "failing" if self._task is None else self.health.state(time.monotonic())

    def take(self, received: ReportReceived) -> None:
        if self._task is None:
            _refuse([received], PersisterStopped())
        else:
            self._reports.append(received)
            self._has_reports.set()
            self._is_idle.clear()

    async def _persist(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._has_reports.wait()
            batch = self._waiting(MAX_BATCH)
            next_start = loop.time() + MIN_INTERVAL_S
            self.health.begin(time.monotonic())
            try:
                await self._answer(batch)
            finally:
                self.health.end()
                _refuse(batch, PersisterStopped())  # only when cancelled in the middle
                self._update_events()
            await asyncio.sleep(next_start - loop.time())

    def _waiting(self, limit: int | None = None) -> list[ReportReceived]:
        count = len(self._reports) if limit is None else min(len(self._reports), limit)
        return [self._reports.popleft() for _ in range(count)]

    def _update_events(self) -> None:
        if not self._reports:
            self._has_reports.clear()
            self._is_idle.set()

    async def _answer(self, batch: Sequence[ReportReceived]) -> None:
        try:
            states = await self._commit([received.report for received in batch])
        except (DatabaseUnavailable, DatabaseTimeout) as exc:
            logger.warning("%d progress reports not stored: %s", len(batch), exc)
            self.health.failed(time.monotonic())
            _refuse(batch, exc)
        except Exception as exc:
            await self._answer_one_by_one(batch, exc)
        else:
            self.health.stored(time.monotonic())
            for received, state in zip(batch, states, strict=True):
                _resolve(received, state)

    async def _answer_one_by_one(self, batch: Sequence[ReportReceived], exc: Exception) -> None:
        """Retries the batch one by one: a refused report must not fail the others."""
        if len(batch) > 1:
            for received in batch:
                await self._answer([received])
            return
        logger.error("progress report refused", exc_info=exc)
        self.health.refused(batch[0].report.user_id, time.monotonic())
        failure = exc if isinstance(exc, DatabaseError) else DatabaseError(str(exc))
        _refuse(batch, failure)

    async def _commit(self, reports: Sequence[ProgressReport]) -> list[ProgressState | None]:
        """Returns the progress after each report; None where the video is gone."""
        async with self._database.transaction() as transaction:
            keys = {session_key(report) for report in reports}
            if self._sums_from is None:
                self._sums_from = await report_batch.read_sums_from(transaction)
            standings = await report_batch.lock_and_read(transaction, keys)
            merged = self._merge(reports, standings)
            if not merged.applied:
                return [None for _ in reports]
            states = await report_batch.write(
                transaction,
                merged.progress,
                merged.sessions,
                self._completion_ratio,
                merged.late,
                merged.capped,
                merged.moments,
                are_measures_named=merged.applied[0].standing.read_at < self._sums_from,
            )
            events = list(merged.events(states))
            viewed = [*viewing.changes(merged.viewings, states), *merged.measured]
            if events:
                await log.append_and_commit(transaction, events, viewed)
            elif viewed:
                await changes.add(transaction, viewed)
        self.commit_count += 1
        self.report_count += len(reports)
        return self._answers(reports, states, merged)

    def _merge(
        self, reports: Sequence[ProgressReport], standings: Mapping[SessionKey, Standing]
    ) -> Merged:
        dated = to_database_clock(reports, standings, self._clock(), self._difference)
        return merge(dated, standings, self._named_at)

    def _answers(
        self,
        reports: Sequence[ProgressReport],
        states: Mapping[VideoKey, ProgressState],
        merged: Merged,
    ) -> list[ProgressState | None]:
        answers = [states.get(session_key(report).video) for report in reports]
        for applied in merged.applied:
            if applied.capped_s:
                self.capped_count += 1
                self.capped_s += applied.capped_s
                state = states[applied.video]
                answers[applied.place] = msgspec.structs.replace(state, is_capped=True)
        return answers


def _expire(outcome: asyncio.Future[ProgressState]) -> None:
    if not outcome.done():
        outcome.set_exception(DatabaseTimeout("the report was not committed in time"))


def _refuse(batch: Sequence[ReportReceived], failure: Exception) -> None:
    for received in batch:
        if not received.outcome.done():
            received.outcome.set_exception(failure)


def _resolve(received: ReportReceived, state: ProgressState | None) -> None:
    if received.outcome.done():
        return  # the sender has gone; the report is stored all the same
    if state is None:
        received.outcome.set_exception(VideoMissing())
    else:
        received.outcome.set_result(state)
