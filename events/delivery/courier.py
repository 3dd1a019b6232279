"""The courier of one receiver: takes its events from the log, sends them, notes the outcomes.

At least once: an event is forgotten in the transaction that notes its delivery, so a crash between
the two sends it again. A receiver that is slow or away holds up its own courier alone.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from db.delivery import deliveries
from db.delivery.webhooks import Webhook
from db.errors import DatabaseError
from db.pool import Database, Row, Transaction
from events.delivery.attempts import PAUSES_S, Attempt, pause_after
from events.delivery.carriers import Carrier
from events.delivery.outgoing import open_session
from events.delivery.schedule import choose
from storage.concurrency.tasks import end

logger = logging.getLogger(__name__)

TAKEN_AT_ONCE = 1000
WINDOW = 500  # the oldest waiting events, among which to choose
LOOK_S = 2.0  # the longest wait; events and outcomes wake it earlier, what is sent again does not
AFTER_FAULT_S = 1.0
STOP_PATIENCE_S = 2.0


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    pauses_s: Sequence[float] = PAUSES_S
    look_s: float = LOOK_S


class Courier:
    """Runs until it is stopped; `receiver` may be replaced by a changed one.

    `connections` bounds how many of the pool all couriers take together.
    """

    def __init__(
        self,
        database: Database,
        receiver: Webhook,
        carrier: Carrier,
        settings: DeliverySettings,
        connections: asyncio.Semaphore,
    ) -> None:
        self.receiver = receiver
        self._database = database
        self._carrier = carrier
        self._settings = settings
        self._connections = connections
        self._woken = asyncio.Event()
        self._is_stopping = False
        self._sending: dict[asyncio.Task[None], frozenset[int]] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"courier of {self.receiver.id}")

    async def stop(self) -> None:
        """Lets requests that are under way end first, for a while: they would be sent again."""
        if self._task:
            self._is_stopping = True
            self._woken.set()
            await asyncio.wait([self._task], timeout=STOP_PATIENCE_S)
            await end(self._task)
            self._task = None

    def wake(self) -> None:
        """There may be something new in the log."""
        self._woken.set()

    async def _run(self) -> None:
        private = self._carrier.may_call_private
        async with open_session(may_call_private=private) as session:
            try:
                while not self._is_stopping:
                    await self._look_safely(session)
                if self._sending:
                    await asyncio.wait(self._sending)
            finally:
                for task in list(self._sending):
                    await end(task)

    async def _look_safely(self, session: aiohttp.ClientSession) -> None:
        try:
            await self._look(session)
        except DatabaseError as exc:
            logger.warning("courier of %s: %s", self.receiver.id, exc)
            await asyncio.sleep(AFTER_FAULT_S)
        except Exception:
            logger.exception("courier of %s failed", self.receiver.id)
            await asyncio.sleep(AFTER_FAULT_S)

    async def _look(self, session: aiohttp.ClientSession) -> None:
        """Sends what may be sent now, and waits until there may be more."""
        self._woken.clear()
        if self._is_stopping:
            return
        async with self._transaction() as transaction:
            seen = await deliveries.take(transaction, self.receiver.id, TAKEN_AT_ONCE)
        next_in_s = await self._send_due(session)
        if seen == TAKEN_AT_ONCE:
            return
        try:
            look_s = self._settings.look_s
            async with asyncio.timeout(look_s if next_in_s is None else min(look_s, next_in_s)):
                await self._woken.wait()
        except TimeoutError:
            pass

    async def _send_due(self, session: aiohttp.ClientSession) -> float | None:
        room = (self._carrier.at_once - len(self._sending)) * self._carrier.batch
        if room == 0:
            return None
        # Before reading: what is delivered meanwhile is still among the rows.
        busy = frozenset[int]().union(*self._sending.values())
        async with self._connections:
            waiting = await deliveries.list_waiting(self._database, self.receiver.id, WINDOW)
        choice = choose(waiting, busy, room, in_one_request=self._carrier.batch > 1)
        for start in range(0, len(choice.rows), self._carrier.batch):
            self._begin(session, choice.rows[start : start + self._carrier.batch])
        return choice.next_in_s

    def _begin(self, session: aiohttp.ClientSession, rows: Sequence[Row]) -> None:
        task = asyncio.create_task(self._send(session, rows))
        self._sending[task] = frozenset(row.id for row in rows)
        task.add_done_callback(self._have_sent)

    def _have_sent(self, task: asyncio.Task[None]) -> None:
        del self._sending[task]
        if not task.cancelled() and (failure := task.exception()):
            logger.warning("courier of %s: %s", self.receiver.id, failure, exc_info=failure)
        self._woken.set()

    async def _send(self, session: aiohttp.ClientSession, rows: Sequence[Row]) -> None:
        attempts = {row.id: row.attempts for row in rows}
        outcomes = await self._carrier.carry(session, self.receiver, rows)
        try:
            await self._note(outcomes, attempts)
        except DatabaseError as exc:
            logger.warning("courier of %s: %s", self.receiver.id, exc)
            await asyncio.sleep(AFTER_FAULT_S)  # or it would be sent again at once, without end

    async def _note(self, outcomes: Sequence[Attempt], attempts: Mapping[int, int]) -> None:
        """Raises: DatabaseError."""
        done = [one.event_id for one in outcomes if one.failure is None]
        async with self._transaction() as transaction:
            if done:
                await deliveries.forget_delivered(transaction, self.receiver.id, done)
            for outcome in outcomes:
                if outcome.failure is not None:
                    await deliveries.note_failure(
                        transaction,
                        self.receiver.id,
                        outcome.event_id,
                        attempts=attempts[outcome.event_id],
                        failure=outcome.failure,
                        pause_s=self._pause_s(outcome, attempts[outcome.event_id]),
                    )

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Transaction]:
        async with self._connections, self._database.transaction() as transaction:
            yield transaction

    def _pause_s(self, outcome: Attempt, attempts: int) -> float | None:
        pause_s = pause_after(attempts + 1, outcome.wish_s, self._settings.pauses_s)
        if pause_s is None:
            logger.warning(
                "webhook %s: event %d was given up: %s",
                self.receiver.id,
                outcome.event_id,
                outcome.failure,
            )
        return pause_s
