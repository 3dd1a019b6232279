"""Batched look-up of users' roles: concurrent callers share a statement.

Calls during a running statement share the next one: thousands of reconnecting clients take a few
statements on one pooled connection. A result was always read after its call.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from db.errors import DatabaseTimeout, DatabaseUnavailable
from db.log import event_log
from db.pool import Database, Row

MOST_USERS = 500  # per statement: decoding the rows takes some milliseconds

_Found = asyncio.Future[list[Row]]


class RoleLookup:
    """Batches role look-ups; the queue is bounded by the number of callers."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pending: dict[str, _Found] = {}  # first in, first out
        self._lock = asyncio.Lock()

    async def of(self, user_id: str) -> Sequence[Row]:
        """Returns rows of `event_log.list_roles`. Raises: DatabaseUnavailable, DatabaseTimeout."""
        while True:
            found = self._pending.get(user_id) or self._enqueue(user_id)
            async with self._lock:
                while not found.done():
                    await self._look_up()
            if not found.cancelled():
                return found.result()

    def _enqueue(self, user_id: str) -> _Found:
        found = self._pending[user_id] = asyncio.get_running_loop().create_future()
        return found

    async def _look_up(self) -> None:
        asked = {user_id: self._pending.pop(user_id) for user_id in self._next_batch()}
        try:
            rows = await event_log.list_roles(self._database, list(asked))
        except (DatabaseUnavailable, DatabaseTimeout) as exc:
            # Fails all waiting calls: each later batch would wait for a time-out of its own.
            # A user may be among both, who was asked for again meanwhile.
            _fail([*asked.values(), *self._pending.values()], exc)
            self._pending.clear()
        except BaseException:
            for found in asked.values():
                found.cancel()  # their callers retry
            raise
        else:
            _resolve(asked, rows)

    def _next_batch(self) -> list[str]:
        return list(islice(self._pending, MOST_USERS))


def _resolve(asked: Mapping[str, _Found], rows: Sequence[Row]) -> None:
    rows_of: dict[str, list[Row]] = {user_id: [] for user_id in asked}
    for row in rows:
        rows_of[row.user_id].append(row)
    for user_id, found in asked.items():
        found.set_result(rows_of[user_id])


def _fail(asked: Iterable[_Found], exc: DatabaseUnavailable | DatabaseTimeout) -> None:
    for found in asked:
        found.set_exception(
            type(exc)(str(exc))
        )  # a shared one would collect a traceback per caller
        found.exception()  # retrieve it: the caller may have gone
