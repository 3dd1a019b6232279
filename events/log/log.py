"""The event log: append and tail.

Events are written in the transaction of the change they record. The tail reads them back, in order
and without a gap, and emits them; the writer emits nothing itself, so one process and many behave
the same.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC

import msgspec

from db.errors import DatabaseError
from db.insight import changes
from db.insight.changes import ViewingChange
from db.log import event_log, timelines
from db.log.event_log import NewEvent
from db.log.listener import Listener, listen
from db.log.timelines import Timeline
from db.pool import Database, Row, Transaction
from events.errors import UnreadableEvent
from events.log.emitter import Emitter
from events.log.types import EVENT_TYPES, PAYLOADS, Event
from storage.concurrency.tasks import end

logger = logging.getLogger(__name__)

BATCH = 1000
POLL_S = 1.0  # a notification can be lost with its connection
EMITTED_AT_ONCE = 100  # then they are delivered, and control returns to the event loop
RETRY_DELAYS_S = (0.05, 0.2, 0.5)  # the last one repeats


async def append(transaction: Transaction, events: Sequence[Event]) -> list[int]:
    """Writes the events and returns their ids, in order.

    Call it last before COMMIT: it takes the log's lock, which blocks all other writers.
    """
    return await event_log.append(transaction, [to_row(event) for event in events])


async def append_and_commit(
    transaction: Transaction, events: Sequence[Event], viewed: Sequence[ViewingChange] = ()
) -> None:
    """Like `append`, and commits in the same round trip: shortens the lock of frequent writers.

    What was `viewed` goes with it, before the lock.
    """
    rows = [to_row(event) for event in events]
    first = (changes.ADD, changes.parameters(viewed)) if viewed else None
    await event_log.append_and_commit(transaction, rows, first)


def to_row(event: Event) -> NewEvent:
    payload = {name: getattr(event, name) for name in PAYLOADS[event.name]}
    return NewEvent(
        event.name, event.video_id, event.course_id, event.user_id, event.occurred_at, payload
    )


def from_row(row: Row) -> Event:
    """Raises: UnreadableEvent for a row that this version cannot read."""
    try:
        fields = msgspec.json.decode(row.payload)
        fields["video_id"] = row.video_id
        fields["course_id"] = row.course_id
        fields["user_id"] = row.user_id
        fields["occurred_at"] = row.occurred_at.astimezone(UTC)
        return msgspec.convert(fields, EVENT_TYPES[row.type])
    except (KeyError, TypeError, ValueError) as exc:
        raise UnreadableEvent(f"event {row.id} of type {row.type!r}") from exc


def read_rows(rows: Sequence[Row]) -> list[tuple[int, Event]]:
    """Returns (id, event) of each row that this version can read.

    Skips types of newer versions, which other machines may run; logs what else it skips.
    """
    events = []
    for row in filter(_has_known_type, rows):
        try:
            events.append((row.id, from_row(row)))
        except UnreadableEvent as exc:
            logger.error("skipped: %s", exc)
    return events


def _has_known_type(row: Row) -> bool:
    return row.type in EVENT_TYPES


def as_it_is(event: Event) -> Event:
    """Returns the event; for a process that need not know whom an erasure is about."""
    return event


async def no_caches(_: int | None) -> None:
    """Does nothing; for a process that keeps nothing that events change."""


class Tail:
    """Follows the log on a connection of its own and emits its events.

    `cursor` is the id of the last event emitted; a listener subscribed before `start` gets every
    event after it. `deliver` is awaited after each batch, which bounds what listeners must queue.
    `unknown_count` counts the events of types that only newer versions know. `recover` is awaited
    when the database has failed over, with the place to go on from if events were lost that this
    process has emitted; and so when events were packed or dropped before it read them. `reveal` is
    applied to what is emitted.
    """

    def __init__(
        self,
        database: Database,
        dsn: str,
        emitter: Emitter,
        deliver: Callable[[], Awaitable[None]],
        recover: Callable[[int | None], Awaitable[None]] = no_caches,
        reveal: Callable[[Event], Event] = as_it_is,
    ) -> None:
        self.cursor = 0
        self.unknown_count = 0
        self._current_at_s = time.monotonic()
        self._database = database
        self._dsn = dsn
        self._emitter = emitter
        self._deliver = deliver
        self._recover = recover
        self._reveal = reveal
        self._timeline: Timeline | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def lag_s(self) -> float:
        """Seconds since everything in the log was emitted: up to POLL_S while all is well."""
        return time.monotonic() - self._current_at_s

    async def start(self) -> None:
        """Starts after the newest event.

        Raises: DatabaseUnavailable.
        """
        self._timeline = await timelines.follow(self._database)
        self.cursor = (await event_log.read_bounds(self._database)).newest_id
        self._task = asyncio.create_task(self._follow(), name="event log tail")

    async def stop(self) -> None:
        if self._task:
            await end(self._task)
            self._task = None

    async def _follow(self) -> None:
        failures = 0
        while True:
            try:
                async with listen(self._dsn, event_log.CHANNEL) as listener:
                    await self._follow_timeline(listener)
                    await event_log.prepare_tail(listener)
                    await self._has_missed(listener)
                    while True:
                        await self._catch_up(listener)
                        failures = 0
                        await listener.wait(POLL_S)
            except DatabaseError as exc:
                logger.warning("event log connection lost: %s", exc.__cause__ or exc)
            except Exception:
                logger.exception("event log tail failed")
            await asyncio.sleep(RETRY_DELAYS_S[min(failures, len(RETRY_DELAYS_S) - 1)])
            failures += 1

    async def _follow_timeline(self, listener: Listener) -> None:
        """Read anew what depends on events, if the database went on without some of them.

        A connection of its own for each look: a server that fails over ends its connections.
        """
        timeline = await timelines.follow(listener)
        newest_id = (await event_log.read_bounds(listener)).newest_id
        is_lost = timeline.has_lost(self.cursor) or newest_id < self.cursor
        if timeline == self._timeline and not is_lost:
            return
        logger.warning(
            "the database has failed over to timeline %d; %s",
            timeline.number,
            f"events up to {self.cursor} are lost" if is_lost else "no event that was seen is lost",
        )
        cursor = min(self.cursor, newest_id)
        await self._recover(cursor if is_lost else None)
        self.cursor = cursor if is_lost else self.cursor
        self._timeline = timeline

    async def _catch_up(self, listener: Listener) -> None:
        is_behind = True
        while is_behind:
            rows = await event_log.read_tail(listener, self.cursor, BATCH)
            is_behind = len(rows) == BATCH
            if rows and rows[-1].id - self.cursor != len(rows) and await self._has_missed(listener):
                continue
            for start in range(0, len(rows), EMITTED_AT_ONCE):
                self._emit(rows[start : start + EMITTED_AT_ONCE])
                await self._deliver()
                await asyncio.sleep(0)
        self._current_at_s = time.monotonic()

    async def _has_missed(self, listener: Listener) -> bool:
        """True after going on from the newest event, since some behind the cursor were packed or
        dropped before they were read; asked on each new connection, and where ids are missing."""
        bounds = await event_log.read_dropped(listener)
        if self.cursor >= max(bounds.thinned_id, bounds.packed_id):
            return False
        newest_id = (await event_log.read_bounds(listener)).newest_id
        logger.warning("events after %d left the log before they were read", self.cursor)
        await self._recover(newest_id)
        self.cursor = newest_id
        return True

    def _emit(self, rows: Sequence[Row]) -> None:
        self.unknown_count += sum(not _has_known_type(row) for row in rows)
        for event_id, event in read_rows(rows):
            self._emitter.emit(event_id, self._reveal(event))
            self.cursor = event_id
        self.cursor = rows[-1].id
