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
        connection = await aiopg.connect(await await_writable(dsn), **connection_options())
    try:
        async with wrap_errors(), connection.cursor() as cursor:
            await cursor.execute(try_lock(work))
            (is_owner,) = await cursor.fetchone()
        yield is_owner
    finally:
        await connection.close()  # which releases the lock
