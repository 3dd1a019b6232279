"""Work reserved for one process at a time, by an advisory lock on a connection of its own.

Not on a pooled one: the work may take long, and the pool may be as small as one.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiopg

from db.advisory_locks import AdvisoryLock, try_lock
from db.pool import connection_options, wrap_errors
from db.writable_host import await_writable


@asynccontextmanager
async def try_sole_ownership(dsn: str, work: AdvisoryLock) -> AsyncIterator[bool]:
    """Yields True if no other process does that work; none will until the block ends.

    Raises: DatabaseUnavailable.
    """
    async with wrap_errors():
        connection = await aiopg.connect(await await_writable(dsn), **connection_options(dsn))
    try:
        async with wrap_errors(), connection.cursor() as cursor:
            await cursor.execute(try_lock(work))
            (is_owner,) = await cursor.fetchone()
        yield is_owner
    finally:
        await connection.close()  # which releases the lock


# A process that was stopped keeps its connection: the server ends it, and another takes over.
CANDIDATE_IDLE_S = 20
STANDING_BY = f"SET idle_session_timeout = '{CANDIDATE_IDLE_S}s'"


class Candidate:
    """A connection that becomes the owner of lasting work when no other process is; it stays the
    owner until it ends."""

    def __init__(self, connection: aiopg.Connection, work: AdvisoryLock) -> None:
        self._connection = connection
        self._work = work
        self._is_owner = False

    async def is_owner(self) -> bool:
        """Ask it more often than every `CANDIDATE_IDLE_S`.

        Raises: DatabaseUnavailable when the connection, and so the ownership, is gone.
        """
        async with wrap_errors(), self._connection.cursor() as cursor:
            await cursor.execute("SELECT true" if self._is_owner else try_lock(self._work))
            (self._is_owner,) = await cursor.fetchone()
        return self._is_owner


@asynccontextmanager
async def stand_by(dsn: str, work: AdvisoryLock) -> AsyncIterator[Candidate]:
    """Yields a candidate for the work, which gives it up with the block.

    Raises: DatabaseUnavailable.
    """
    async with wrap_errors():
        connection = await aiopg.connect(await await_writable(dsn), **connection_options(dsn))
    try:
        async with wrap_errors(), connection.cursor() as cursor:
            await cursor.execute(STANDING_BY)
        yield Candidate(connection, work)
    finally:
        await connection.close()
