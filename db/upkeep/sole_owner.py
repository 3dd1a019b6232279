"""Work reserved for one process at a time, by an advisory lock on a connection of its own.

Not on a pooled one: the work may take long, and the pool may be as small as one.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiopg

from db.advisory_locks import AdvisoryLock, try_lock
from db.pool import Parameters, Row, connection_options, run_on, wrap_errors
from db.writable_host import await_writable


@asynccontextmanager
async def try_sole_ownership(dsn: str, work: AdvisoryLock) -> AsyncIterator[bool]:
    """Yields True if no other process does that work; none will until the block ends.

    Raises: DatabaseUnavailable.
    """
    async with wrap_errors():
        connection = await aiopg.connect(await await_writable(dsn), **connection_options(dsn))
    try:
        [row] = await run_on(connection, try_lock(work))
        yield bool(row.is_owner)
    finally:
        await connection.close()  # which releases the lock


# A process that was stopped keeps its connection: the server ends it, and another takes over.
CANDIDATE_IDLE_S = 20
STANDING_BY = f"SET idle_session_timeout = '{CANDIDATE_IDLE_S}s'"


class Candidate:
    """A connection that becomes the owner of lasting work when no other process is; it stays the
    owner until it ends. Runs statements (it is a `Queries`): one that succeeds shows that it is the
    owner still. Run one more often than every `CANDIDATE_IDLE_S`.
    """

    def __init__(self, connection: aiopg.Connection, work: AdvisoryLock) -> None:
        self._connection = connection
        self._work = work

    async def take(self) -> bool:
        """True if it is the owner from now on. Raises: DatabaseUnavailable."""
        [row] = await self.fetch_all(try_lock(self._work))
        return bool(row.is_owner)

    async def fetch_all(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """Raises: DatabaseUnavailable when the connection, and so the ownership, is gone."""
        return await run_on(self._connection, sql, parameters)

    async def fetch_one(self, sql: str, parameters: Parameters = ()) -> Row | None:
        rows = await self.fetch_all(sql, parameters)
        return rows[0] if rows else None


@asynccontextmanager
async def stand_by(dsn: str, work: AdvisoryLock) -> AsyncIterator[Candidate]:
    """Yields a candidate for the work, which gives it up with the block.

    Raises: DatabaseUnavailable.
    """
    async with wrap_errors():
        connection = await aiopg.connect(await await_writable(dsn), **connection_options(dsn))
    try:
        await run_on(connection, STANDING_BY)
        yield Candidate(connection, work)
    finally:
        await connection.close()
