"""Notices an embedded PostgreSQL that ended while we serve, and starts it again.

A server whose backend was killed recovers by itself; one that is gone, or that nobody can reach
any more, does not. Requests are answered 503 meanwhile; what needs no database goes on.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from server.postgres.account import PostgresError
from server.postgres.embedded import EmbeddedPostgres
from storage.tasks import end

CHECK_S = 0.5
FIRST_PAUSE_S = 1.0
LAST_PAUSE_S = 30.0

logger = logging.getLogger(__name__)


@asynccontextmanager
async def kept_running(
    postgres: EmbeddedPostgres | None,
    check_s: float = CHECK_S,
    first_pause_s: float = FIRST_PAUSE_S,
) -> AsyncIterator[None]:
    """Keeps the server running inside the block; None is somebody else's, and let alone.

    A start under way at the end of the block goes on in its thread, which the loop's end awaits.
    """
    if postgres is None:
        yield
        return
    keeping = asyncio.create_task(_keep(postgres, check_s, first_pause_s), name="postgres keeper")
    try:
        yield
    finally:
        await end(keeping)


async def _keep(postgres: EmbeddedPostgres, check_s: float, first_pause_s: float) -> None:
    while True:
        await asyncio.sleep(check_s)
        if not await asyncio.to_thread(postgres.is_up):
            logger.error("PostgreSQL is gone; starting it again")
            await _restart(postgres, first_pause_s)
            logger.warning("PostgreSQL is back")


async def _restart(postgres: EmbeddedPostgres, pause_s: float) -> None:
    """Tries until it runs, later each time."""
    while True:
        try:
            return await asyncio.to_thread(postgres.restart)
        except (PostgresError, OSError) as exc:
            logger.error("PostgreSQL does not start: %s; next try in %.0f s", exc, pause_s)
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, LAST_PAUSE_S)
