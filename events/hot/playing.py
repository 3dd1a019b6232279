"""Terms of playing for many viewers in few statements.

All who ask in one turn of the event loop share a statement, which is sent at its end while fewer
than `AT_ONCE` are under way, so in calm times nobody waits; when the database is slow, those who
come meanwhile share the next one. None shares one that began before it was asked, so an answer is
never older than its question.
"""

import asyncio
from itertools import islice
from uuid import UUID

from db import playing_terms
from db.errors import DatabaseError, DatabaseTimeout
from db.playing_terms import PlayingTerms, Viewing
from db.pool import Database
from storage.concurrency.shared_timer import SharedTimer
from storage.concurrency.tasks import end

AT_ONCE = 2  # leaves connections of the pool to all else
MOST_IN_ONE = 200
MOST_WAITING = 10_000
PATIENCE_S = 5.0

Waiter = asyncio.Future[PlayingTerms]


class PlayingTermsReader:
    """Reads terms; ended by `stop`."""

    def __init__(self, database: Database) -> None:
        self.asked_count = 0
        self.statement_count = 0
        self._database = database
        self._waiting: dict[Viewing, list[Waiter]] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self._is_turn_open = False
        self._patience = SharedTimer(PATIENCE_S, _give_up)

    async def read(self, user_id: str, video_id: UUID) -> PlayingTerms:
        """Raises: DatabaseError."""
        self.asked_count += 1
        loop = asyncio.get_running_loop()
        found: Waiter = loop.create_future()
        self._ask(Viewing(user_id, video_id), found)
        self._patience.add(found)
        try:
            return await found
        finally:
            self._patience.discard(found)

    async def stop(self) -> None:
        for task in list(self._sending):
            await end(task)

    def _ask(self, viewing: Viewing, found: Waiter) -> None:
        if len(self._waiting) >= MOST_WAITING:
            raise DatabaseTimeout
        self._waiting.setdefault(viewing, []).append(found)
        if not self._is_turn_open:
            self._is_turn_open = True
            found.get_loop().call_soon(self._end_turn)

    def _end_turn(self) -> None:
        self._is_turn_open = False
        self._send_waiting()

    def _send_waiting(self) -> None:
        while self._waiting and len(self._sending) < AT_ONCE:
            batch, self._waiting = self._waiting, {}
            if len(batch) > MOST_IN_ONE:
                items = iter(batch.items())
                batch, self._waiting = dict(islice(items, MOST_IN_ONE)), dict(items)
            self.statement_count += 1
            task = asyncio.create_task(self._send(batch), name="playing terms")
            self._sending.add(task)
            task.add_done_callback(self._have_sent)

    def _have_sent(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        if not task.cancelled():
            self._send_waiting()

    async def _send(self, batch: dict[Viewing, list[Waiter]]) -> None:
        try:
            terms = await playing_terms.read(self._database, list(batch))
        except DatabaseError as exc:
            _fail(batch, exc)
        except BaseException as exc:
            _fail(batch, DatabaseError(str(exc)))
            raise
        else:
            for waiters, one in zip(batch.values(), terms, strict=True):
                for waiter in waiters:
                    if not waiter.done():
                        waiter.set_result(one)


def _give_up(waiter: Waiter) -> None:
    if not waiter.done():
        waiter.set_exception(DatabaseTimeout())


def _fail(batch: dict[Viewing, list[Waiter]], exc: DatabaseError) -> None:
    for waiters in batch.values():
        for waiter in waiters:
            if not waiter.done():
                waiter.set_exception(exc)
