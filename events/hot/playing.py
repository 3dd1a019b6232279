"""Terms of playing for many viewers in few statements.

A look-up is sent at once while fewer than `AT_ONCE` statements are under way, so in calm times
nobody waits; when the database is slow, those who come meanwhile share the next statement. None
shares one that began before it was asked, so an answer is never older than its question.
"""

import asyncio
from uuid import UUID

from db import playing_terms
from db.errors import DatabaseError, DatabaseTimeout
from db.playing_terms import PlayingTerms, Viewing
from db.pool import Database
from storage.tasks import end

AT_ONCE = 2  # leaves connections of the pool to all else
MOST_IN_ONE = 200
MOST_WAITING = 10_000
PATIENCE_S = 5.0


class PlayingTermsReader:
    """Reads terms; ended by `stop`."""

    def __init__(self, database: Database) -> None:
        self.asked_count = 0
        self.statement_count = 0
        self._database = database
        self._waiting: dict[Viewing, asyncio.Future[PlayingTerms]] = {}
        self._sending: set[asyncio.Task[None]] = set()

    async def read(self, user_id: str, video_id: UUID) -> PlayingTerms:
        """Raises: DatabaseError."""
        self.asked_count += 1
        viewing = Viewing(user_id, video_id)
        found = self._waiting.get(viewing) or self._ask(viewing)
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await asyncio.shield(found)
        except TimeoutError as exc:
            raise DatabaseTimeout from exc

    async def stop(self) -> None:
        for task in list(self._sending):
            await end(task)

    def _ask(self, viewing: Viewing) -> asyncio.Future[PlayingTerms]:
        if len(self._waiting) >= MOST_WAITING:
            raise DatabaseTimeout
        found = asyncio.get_running_loop().create_future()
        self._waiting[viewing] = found
        self._send_waiting()
        return found

    def _send_waiting(self) -> None:
        while self._waiting and len(self._sending) < AT_ONCE:
            batch = dict(list(self._waiting.items())[:MOST_IN_ONE])
            for viewing in batch:
                del self._waiting[viewing]
            self.statement_count += 1
            task = asyncio.create_task(self._send(batch), name="playing terms")
            self._sending.add(task)
            task.add_done_callback(self._have_sent)

    def _have_sent(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        if not task.cancelled():
            self._send_waiting()

    async def _send(self, batch: dict[Viewing, asyncio.Future[PlayingTerms]]) -> None:
        try:
            terms = await playing_terms.read(self._database, list(batch))
        except DatabaseError as exc:
            _fail(batch, exc)
        except BaseException as exc:
            _fail(batch, DatabaseError(str(exc)))
            raise
        else:
            for future, one in zip(batch.values(), terms, strict=True):
                if not future.done():
                    future.set_result(one)


def _fail(batch: dict[Viewing, asyncio.Future[PlayingTerms]], exc: DatabaseError) -> None:
    for future in batch.values():
        if not future.done():
            future.set_exception(exc)
            future.exception()  # seen, should its asker have gone
