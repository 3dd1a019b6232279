"""Keeper of the embedded PostgreSQL: restarts a server that ended while we serve.

A server recovers by itself from a killed backend, but not from a killed postmaster or a lost
socket. Meanwhile requests that need the database are answered 503. The kernel tells at once that
the postmaster has ended; a lost socket is found by looking.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

from server.postgres.account import PostgresError
from server.postgres.embedded import EmbeddedPostgres
from storage.concurrency.tasks import end

LOOK_S = 5.0  # bounds how long a lost socket is not seen; before Linux 5.3 also a server's end
FIRST_PAUSE_S = 1.0
LAST_PAUSE_S = 30.0

logger = logging.getLogger(__name__)


@asynccontextmanager
async def keep_running(
    postgres: EmbeddedPostgres | None,
    look_s: float = LOOK_S,
    first_pause_s: float = FIRST_PAUSE_S,
) -> AsyncIterator[None]:
    """Keeps the server running inside the block; None stands for an external server.

    A start that is running at the end of the block continues in its thread, which the event loop
    awaits when it closes.
    """
    if postgres is None:
        yield
        return
    keeping = asyncio.create_task(_keep(postgres, look_s, first_pause_s), name="postgres keeper")
    try:
        yield
    finally:
        await end(keeping)


async def _keep(postgres: EmbeddedPostgres, look_s: float, first_pause_s: float) -> None:
    while True:
        with _end_of(await asyncio.to_thread(postgres.server_pid)) as ended:
            while not ended.is_set() and await asyncio.to_thread(postgres.is_up):
                with suppress(TimeoutError):
                    async with asyncio.timeout(look_s):
                        await ended.wait()
        logger.error("PostgreSQL is gone; starting it again")
        await _restart(postgres, first_pause_s)
        logger.warning("PostgreSQL is back")


@contextmanager
def _end_of(pid: int | None) -> Iterator[asyncio.Event]:
    """Yields what is set when the process ends, if the kernel tells; it does from Linux 5.3 on."""
    ended = asyncio.Event()
    try:
        descriptor = os.pidfd_open(pid) if pid is not None else None
    except OSError:
        descriptor = None
    if descriptor is None:
        yield ended
        return
    loop = asyncio.get_running_loop()

    def note() -> None:
        loop.remove_reader(descriptor)  # it stays readable
        ended.set()

    loop.add_reader(descriptor, note)
    try:
        yield ended
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


async def _restart(postgres: EmbeddedPostgres, pause_s: float) -> None:
    """Retries with an increasing delay until the server runs."""
    while True:
        try:
            return await asyncio.to_thread(postgres.restart)
        except (PostgresError, OSError) as exc:
            logger.error("PostgreSQL does not start: %s; next try in %.0f s", exc, pause_s)
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, LAST_PAUSE_S)
