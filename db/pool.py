"""Connections to PostgreSQL: the pool, transactions, and where psycopg2's errors are wrapped.

Reads go through `Database`, which repeats a statement once on a fresh connection when a pooled one
turned out to be dead. Writes go through `Database.transaction()`, where only the BEGIN is repeated:
after it nothing can be done twice.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

import aiopg
import psycopg2
import psycopg2.errors
from psycopg2.extensions import TRANSACTION_STATUS_IDLE, TRANSACTION_STATUS_INERROR
from psycopg2.extras import NamedTupleCursor

from db.errors import (
    CommitUnknown,
    DatabaseError,
    DatabaseTimeout,
    DatabaseUnavailable,
    ForeignKeyViolated,
    UniqueViolated,
)

UNAVAILABLE = (
    psycopg2.OperationalError,
    psycopg2.InterfaceError,
    psycopg2.errors.ReadOnlySqlTransaction,  # a server that became a standby
    psycopg2.errors.IdleInTransactionSessionTimeout,
    RuntimeError,  # aiopg, of a pool or connection that is closed
)

Parameters = Sequence[Any] | Mapping[str, Any]
Row = Any  # a named tuple, its fields named by the statement

ACQUIRE_TIMEOUT_S = 2.0  # longer, and the caller had better answer 503
STATEMENT_TIMEOUT_S = 5.0  # the contract's bound for a report that cannot be committed
CLIENT_TIMEOUT_S = STATEMENT_TIMEOUT_S + 1.0  # for a server that no longer answers at all
RECYCLE_S = 300.0  # firewalls forget idle connections after some minutes

SESSION_OPTIONS = (
    "-c timezone=UTC"
    " -c synchronous_commit=on"  # whatever role, database or URL say: 200 means that it is on disk
    f" -c statement_timeout={int(STATEMENT_TIMEOUT_S * 1000)}"
    " -c lock_timeout=2000"
    " -c idle_in_transaction_session_timeout=10000"
)
KEEPALIVES = {
    "keepalives_idle": 30,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "connect_timeout": 5,
}


class Queries(Protocol):
    """What the functions of `db/` need to run a statement: a `Database` or a `Transaction`."""

    async def fetch_all(self, sql: str, parameters: Parameters = ()) -> list[Row]: ...

    async def fetch_one(self, sql: str, parameters: Parameters = ()) -> Row | None: ...


class Transaction:
    """Statements between BEGIN and COMMIT on one connection."""

    def __init__(self, connection: aiopg.Connection, database: "Database") -> None:
        self._connection = connection
        self._database = database

    async def fetch_all(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        return await self._database.run(self._connection, sql, parameters)

    async def fetch_one(self, sql: str, parameters: Parameters = ()) -> Row | None:
        rows = await self.fetch_all(sql, parameters)
        return rows[0] if rows else None

    async def execute(self, sql: str, parameters: Parameters = ()) -> None:
        await self.fetch_all(sql, parameters)


class Database:
    """A bounded pool of connections to one database."""

    def __init__(self, pool: aiopg.Pool) -> None:
        self._pool = pool
        self.query_count = 0

    async def fetch_all(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """The rows of a statement that may safely run twice: a read."""
        try:
            return await self._fetch_once(sql, parameters)
        except DatabaseUnavailable:
            await self._pool.clear()
            return await self._fetch_once(sql, parameters)

    async def fetch_one(self, sql: str, parameters: Parameters = ()) -> Row | None:
        rows = await self.fetch_all(sql, parameters)
        return rows[0] if rows else None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """BEGIN, then COMMIT when the block ends well and ROLLBACK when it does not."""
        connection = await self._begin()
        try:
            yield Transaction(connection, self)
            if connection.raw.get_transaction_status() == TRANSACTION_STATUS_INERROR:
                raise DatabaseError  # PostgreSQL would take COMMIT, and roll back without a word
            await self._commit(connection)
        except BaseException:
            await self._roll_back(connection)
            raise
        finally:
            await self._release(connection)

    async def run(
        self, connection: aiopg.Connection, sql: str, parameters: Parameters = ()
    ) -> list[Row]:
        """One statement on `connection`; an empty list when it returns no rows."""
        self.query_count += 1
        async with wrapped_errors(), connection.cursor(cursor_factory=NamedTupleCursor) as cursor:
            await cursor.execute(sql, parameters or None)
            return list(await cursor.fetchall()) if cursor.description else []

    async def _fetch_once(self, sql: str, parameters: Parameters) -> list[Row]:
        connection = await self._acquire()
        try:
            return await self.run(connection, sql, parameters)
        finally:
            await self._release(connection)

    async def _acquire(self) -> aiopg.Connection:
        async with wrapped_errors(), asyncio.timeout(ACQUIRE_TIMEOUT_S):
            return await self._pool.acquire()

    async def _begin(self) -> aiopg.Connection:
        try:
            return await self._begin_once()
        except DatabaseUnavailable:
            await self._pool.clear()
            return await self._begin_once()

    async def _begin_once(self) -> aiopg.Connection:
        connection = await self._acquire()
        try:
            await self.run(connection, "BEGIN")
        except BaseException:
            await self._release(connection)
            raise
        return connection

    async def _commit(self, connection: aiopg.Connection) -> None:
        try:
            await self.run(connection, "COMMIT")
        except (DatabaseUnavailable, DatabaseTimeout) as exc:
            raise CommitUnknown from exc

    async def _roll_back(self, connection: aiopg.Connection) -> None:
        try:
            if not connection.closed:
                await self.run(connection, "ROLLBACK")
        except DatabaseError:
            connection.close()

    async def _release(self, connection: aiopg.Connection) -> None:
        # A cancelled statement leaves its connection in the middle of something.
        is_idle = connection.closed or (
            connection.raw.get_transaction_status() == TRANSACTION_STATUS_IDLE
        )
        if not is_idle:
            connection.close()
        await self._pool.release(connection)


@asynccontextmanager
async def open_database(dsn: str, size: int = 10) -> AsyncIterator[Database]:
    """A pool of at most `size` connections, closed with the block."""
    async with wrapped_errors():
        pool = await aiopg.create_pool(dsn, maxsize=size, **pool_options())
    try:
        yield Database(pool)
    finally:
        pool.terminate()
        await pool.wait_closed()


def pool_options() -> dict[str, Any]:
    """How every connection of ours is made, pooled or not."""
    return {"minsize": 1, "pool_recycle": RECYCLE_S, **connection_options()}


def connection_options() -> dict[str, Any]:
    return {
        "timeout": CLIENT_TIMEOUT_S,
        "enable_hstore": False,  # would cost a catalogue query a connection
        "options": SESSION_OPTIONS,
        **KEEPALIVES,
    }


@asynccontextmanager
async def wrapped_errors() -> AsyncIterator[None]:
    """Raise what psycopg2 and aiopg raise as the errors of `db.errors`."""
    try:
        yield
    except asyncio.CancelledError as exc:
        # aiopg makes the server's statement_timeout look as if we had been cancelled.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise DatabaseTimeout from exc
    except (
        TimeoutError,
        psycopg2.errors.LockNotAvailable,
        psycopg2.errors.DeadlockDetected,
    ) as exc:
        raise DatabaseTimeout from exc
    except psycopg2.errors.UniqueViolation as exc:
        raise UniqueViolated(exc.diag.constraint_name or "") from exc
    except psycopg2.errors.ForeignKeyViolation as exc:
        raise ForeignKeyViolated(exc.diag.constraint_name or "") from exc
    except UNAVAILABLE as exc:
        raise DatabaseUnavailable from exc
    except psycopg2.Error as exc:
        raise DatabaseError from exc
