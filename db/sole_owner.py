"""Work that one process at a time does, of however many: an advisory lock on its own connection.

Not on a pooled one: the work may take long, and the pool may be as small as one.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiopg

from db.pool import connection_options, wrapped_errors

TRY = "SELECT pg_try_advisory_lock(25459, %s)"
RECONCILE = 3  # 1 and 2 are the event log's


@asynccontextmanager
async def sole_owner(dsn: str, work: int) -> AsyncIterator[bool]:
    """Whether nobody else is at that work; nobody will be until the block ends.

    Raises: DatabaseUnavailable.
    """
    async with wrapped_errors():
        connection = await aiopg.connect(dsn, **connection_options())
    try:
        async with wrapped_errors(), connection.cursor() as cursor:
            await cursor.execute(TRY, (work,))
            (is_owner,) = await cursor.fetchone()
        yield is_owner
    finally:
        await connection.close()  # and the lock goes with it
