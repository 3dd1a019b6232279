"""Reads users' roles, for all who ask at about the same time with one statement.

Who comes while one is under way shares the next: a crowd that reconnects takes some statements
instead of thousands, on one connection of the pool. What is answered was read after it was asked.
"""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import islice

from db.errors import DatabaseTimeout, DatabaseUnavailable
from db.log import event_log
from db.pool import Database, Row

MOST_USERS = 500  # at once: their rows take the loop some milliseconds

_Found = asyncio.Future[list[Row]]


class RoleLookup:
    """Who waits here is bounded by who calls."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._wanted: dict[str, _Found] = {}  # who asked first comes first
        self._turn = asyncio.Lock()

    async def of(self, user_id: str) -> Sequence[Row]:
        """Rows of `event_log.roles_of`. Raises: DatabaseUnavailable, DatabaseTimeout."""
        while True:
            found = self._wanted.get(user_id) or self._want(user_id)
            async with self._turn:
                while not found.done():
                    await self._look_up()
            if not found.cancelled():
                return found.result()

    def _want(self, user_id: str) -> _Found:
        found = self._wanted[user_id] = asyncio.get_running_loop().create_future()
        return found

    async def _look_up(self) -> None:
        asked = {user_id: self._wanted.pop(user_id) for user_id in self._next()}
        try:
            rows = await event_log.roles_of(self._database, list(asked))
        except (DatabaseUnavailable, DatabaseTimeout) as exc:
            # All at once: those still to come would each wait for a time-out of their own.
            _fail({**self._wanted, **asked}, exc)
            self._wanted.clear()
        except BaseException:
            for found in asked.values():
                found.cancel()  # they ask again
            raise
        else:
            _tell(asked, rows)

    def _next(self) -> list[str]:
        return list(islice(self._wanted, MOST_USERS))


def _tell(asked: Mapping[str, _Found], rows: Sequence[Row]) -> None:
    rows_of: dict[str, list[Row]] = {user_id: [] for user_id in asked}
    for row in rows:
        rows_of[row.user_id].append(row)
    for user_id, found in asked.items():
        found.set_result(rows_of[user_id])


def _fail(asked: Mapping[str, _Found], exc: DatabaseUnavailable | DatabaseTimeout) -> None:
    for found in asked.values():
        found.set_exception(type(exc)(str(exc)))  # raised by many, one would grow with each
        found.exception()  # whoever asked may have gone
