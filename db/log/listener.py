"""A dedicated connection for LISTEN; pooled ones change hands and would miss notifications.

A notification is only a wake-up: the table is the truth. Does not reconnect; its owner does.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiopg
from psycopg2.extensions import quote_ident

from db.pool import Parameters, Row, connection_options, run_on, wrap_errors
from db.writable_host import await_writable


class Listener:
    """Runs statements (it is a `Queries`) and waits for notifications."""

    def __init__(self, connection: aiopg.Connection) -> None:
        self._connection = connection

    async def fetch_all(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        return await run_on(self._connection, sql, parameters)

    async def fetch_one(self, sql: str, parameters: Parameters = ()) -> Row | None:
        rows = await self.fetch_all(sql, parameters)
        return rows[0] if rows else None

    async def wait(self, timeout_s: float) -> None:
        """Return at a notification, several counting as one, or after `timeout_s`.

        Raises: DatabaseUnavailable when the connection is gone.
        """
        notifications = self._connection.notifies
        async with wrap_errors():
            try:
                async with asyncio.timeout(timeout_s):
                    await notifications.get()
            except TimeoutError:
                return
            while not notifications.empty():
                notifications.get_nowait()

    async def listen(self, channel: str) -> None:
        await self.fetch_all(f"LISTEN {quote_ident(channel, self._connection.raw)}")


@asynccontextmanager
async def listen(dsn: str, channel: str) -> AsyncIterator[Listener]:
    """A fresh connection that listens on `channel`, closed with the block.

    Raises: DatabaseUnavailable.
    """
    async with wrap_errors():
        connection = await aiopg.connect(await await_writable(dsn), **connection_options(dsn))
    try:
        listener = Listener(connection)
        await listener.listen(channel)
        yield listener
    finally:
        await connection.close()
