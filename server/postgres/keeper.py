"""Keeper of the embedded PostgreSQL: restarts a server that ended while we serve.

A server recovers by itself from a killed backend, but not from a killed postmaster or a lost
socket. Meanwhile requests that need the database are answered 503.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from server.postgres.account import PostgresError
from server.postgres.embedded import EmbeddedPostgres
from storage.concurrency.tasks import end

CHECK_S = 0.5
FIRST_PAUSE_S = 1.0
LAST_PAUSE_S = 30.0

logger = logging.getLogger(__name__)


@asynccontextmanager
async def keep_running(
    postgres: EmbeddedPostgres | None,
    check_s: float = CHECK_S,
    first_pause_s: float = FIRST_PAUSE_S,
) -> AsyncIterator[None]:
    """Keeps the server running inside the block; None stands for an external server.

    A start that is running at the end of the block continues in its thread, which the event loop
    awaits when it closes.
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
    """Retries with an increasing delay until the server runs."""
    while True:
        try:
            return await asyncio.to_thread(postgres.restart)
        except (PostgresError, OSError) as exc:
            logger.error("PostgreSQL does not start: %s; next try in %.0f s", exc, pause_s)
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, LAST_PAUSE_S)
