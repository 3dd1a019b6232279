"""Connections to PostgreSQL: the pool, transactions, and the wrapping of psycopg2's errors.

Reads go through `Database`, which repeats a statement once on a fresh connection when a pooled one
turned out to be dead. Writes go through `Database.transaction()`, where only the first statement,
sent with BEGIN, is repeated: after it nothing may run twice.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

import aiopg
import psycopg2
import psycopg2.errors
from psycopg2.extensions import TRANSACTION_STATUS_IDLE, TRANSACTION_STATUS_INERROR, parse_dsn
from psycopg2.extras import NamedTupleCursor

from db.errors import (
    CommitUnknown,
    ConcurrentUpdate,
    DatabaseError,
    DatabaseFull,
    DatabaseTimeout,
    DatabaseUnavailable,
    ForeignKeyViolated,
    UniqueViolated,
)
from db.writable_host import await_writable, has_several_hosts
from storage.concurrency.waits import PoolWaits

UNAVAILABLE = (
    psycopg2.OperationalError,
    psycopg2.InterfaceError,
    psycopg2.errors.ReadOnlySqlTransaction,  # a server that became a standby
    psycopg2.errors.IdleInTransactionSessionTimeout,
    RuntimeError,  # aiopg, of a pool or connection that is closed
)

Parameters = Sequence[Any] | Mapping[str, Any]
Row = Any  # a named tuple, its fields named by the statement

ACQUIRE_TIMEOUT_S = 2.0  # a longer wait is better answered with 503
STATEMENT_TIMEOUT_S = 5.0  # the contract's bound for a report that cannot be committed
CLIENT_TIMEOUT_S = STATEMENT_TIMEOUT_S + 1.0  # for a server that no longer answers at all
RECYCLE_S = 300.0  # firewalls forget idle connections after some minutes

SESSION_OPTIONS = (
    "-c timezone=UTC"
    " -c synchronous_commit=on"  # overrides role, database and URL: 200 means that it is on disk
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
    """The interface that functions of `db/` run statements on: a `Database` or a `Transaction`."""

    async def fetch_all(self, sql: str, parameters: Parameters = ()) -> list[Row]: ...

    async def fetch_one(self, sql: str, parameters: Parameters = ()) -> Row | None: ...


class Transaction:
    """Statements between BEGIN and COMMIT on one connection, each of them one round trip.

    BEGIN goes with the first, COMMIT may go with the last.
    """

    def __init__(self, database: "Database") -> None:
        self._database = database
        self._connection: aiopg.Connection | None = None
        self._is_finished = False

    async def fetch_all(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        if self._connection is None:
            return await self._begin(sql, parameters)
        if self._status == TRANSACTION_STATUS_IDLE:
            raise DatabaseError("The transaction has ended.")  # would run in autocommit
        return await self._database.run(self._connection, sql, parameters)

    async def fetch_one(self, sql: str, parameters: Parameters = ()) -> Row | None:
        rows = await self.fetch_all(sql, parameters)
        return rows[0] if rows else None

    async def execute(self, sql: str, parameters: Parameters = ()) -> None:
        await self.fetch_all(sql, parameters)

    async def finish(self, sql: str, parameters: Parameters = ()) -> None:
        """Run the last statement with COMMIT, so that its locks outlast no turn of the event loop.

        Raises: CommitUnknown, and the errors of the statement.
        """
        if self._connection is None:
            await self._begin()  # on its own: a statement sent with COMMIT must not be repeated
        try:
            await self.fetch_all(f"{sql};\nCOMMIT", parameters)
        except (DatabaseUnavailable, DatabaseTimeout) as exc:
            if self._status == TRANSACTION_STATUS_INERROR:
                raise  # the statement failed, COMMIT was not executed
            raise CommitUnknown from exc
        self._is_finished = True

    async def commit(self) -> None:
        """Raises: CommitUnknown; DatabaseError where a failed statement was ignored."""
        if self._connection is None or self._is_finished:
            return
        if self._status in (TRANSACTION_STATUS_INERROR, TRANSACTION_STATUS_IDLE):
            raise DatabaseError  # PostgreSQL would accept COMMIT, and roll back silently
        try:
            await self._database.run(self._connection, "COMMIT")
        except (DatabaseUnavailable, DatabaseTimeout) as exc:
            raise CommitUnknown from exc

    async def roll_back(self) -> None:
        if self._connection is None or self._connection.closed:
            return
        try:
            await self._database.run(self._connection, "ROLLBACK")
        except DatabaseError:
            self._connection.close()

    async def release(self) -> None:
        """Return the connection to the pool; idempotent."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await self._database.release(connection)

    @property
    def _status(self) -> int:
        assert self._connection is not None
        return int(self._connection.raw.get_transaction_status())

    async def _begin(self, sql: str = "", parameters: Parameters = ()) -> list[Row]:
        try:
            return await self._begin_once(sql, parameters)
        except DatabaseUnavailable:
            await self.release()
            await self._database.clear()
            return await self._begin_once(sql, parameters)

    async def _begin_once(self, sql: str, parameters: Parameters) -> list[Row]:
        self._connection = await self._database.acquire()
        return await self._database.run(self._connection, f"BEGIN;\n{sql}", parameters)


class Database:
    """A bounded pool of connections to one database, on the writable one of its hosts."""

    def __init__(self, pool: aiopg.Pool, dsn: str = "") -> None:
        self._pool = pool
        self._dsn = dsn
        self._has_several_hosts = has_several_hosts(dsn)
        self._finding: asyncio.Task[str] | None = None
        self.waits = PoolWaits()  # for a connection
        self.query_count = 0

    @property
    def size(self) -> int:
        """The most connections that there may be."""
        return self._pool.maxsize or 0

    @property
    def busy_count(self) -> int:
        """Connections in use."""
        return int(self._pool.size - self._pool.freesize)

    async def fetch_all(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """Rows of a statement that may safely run twice: a read."""
        try:
            return await self._fetch_once(sql, parameters)
        except DatabaseUnavailable:
            await self.clear()
            return await self._fetch_once(sql, parameters)

    async def fetch_one(self, sql: str, parameters: Parameters = ()) -> Row | None:
        rows = await self.fetch_all(sql, parameters)
        return rows[0] if rows else None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """BEGIN, then COMMIT when the block succeeds and ROLLBACK when it raises."""
        transaction = Transaction(self)
        try:
            yield transaction
            await transaction.commit()
        except BaseException:
            await transaction.roll_back()
            raise
        finally:
            await transaction.release()

    async def run(
        self, connection: aiopg.Connection, sql: str, parameters: Parameters = ()
    ) -> list[Row]:
        """Run one statement on `connection`; an empty list when it returns no rows."""
        self.query_count += 1
        return await run_on(connection, sql, parameters)

    async def acquire(self) -> aiopg.Connection:
        """Take a connection, to be released by the caller.

        Raises: DatabaseTimeout, DatabaseUnavailable.
        """
        wait = self.waits.begin()
        try:
            async with wrap_errors(), asyncio.timeout(ACQUIRE_TIMEOUT_S):
                return await self._pool.acquire()
        except DatabaseTimeout:  # also of a host that has vanished
            await self._turn_to_writable()
            raise
        finally:
            self.waits.end(wait)

    async def release(self, connection: aiopg.Connection) -> None:
        # A cancelled statement leaves its connection in mid-protocol.
        is_idle = connection.closed or (
            connection.raw.get_transaction_status() == TRANSACTION_STATUS_IDLE
        )
        if not is_idle:
            connection.close()
        await self._pool.release(connection)

    async def clear(self) -> None:
        """Close idle connections: where one is dead, the others are likely to be.

        Of several hosts the writable one is found anew. Raises: DatabaseUnavailable.
        """
        await self._pool.clear()
        await self._turn_to_writable()

    async def _turn_to_writable(self) -> None:
        """One search at a time, for all who wait."""
        if not self._has_several_hosts:
            return
        if self._finding is None or self._finding.done():
            self._finding = asyncio.create_task(await_writable(self._dsn))
        redirect(self._pool, await asyncio.shield(self._finding))

    async def _fetch_once(self, sql: str, parameters: Parameters) -> list[Row]:
        connection = await self.acquire()
        try:
            return await self.run(connection, sql, parameters)
        finally:
            await self.release(connection)


async def run_on(connection: aiopg.Connection, sql: str, parameters: Parameters = ()) -> list[Row]:
    """Run one statement on a connection, pooled or not; an empty list when it returns no rows."""
    async with wrap_errors(), connection.cursor(cursor_factory=NamedTupleCursor) as cursor:
        await cursor.execute(sql, parameters or None)
        return list(await cursor.fetchall()) if cursor.description else []


def redirect(pool: aiopg.Pool, dsn: str) -> None:
    """Lets the pool open its next connections to another server.

    aiopg has no public way. Raises: DatabaseError where its private one is another.
    """
    if not hasattr(pool, "_dsn"):
        raise DatabaseError("This version of aiopg keeps the address of its server elsewhere.")
    pool._dsn = dsn


@asynccontextmanager
async def open_database(dsn: str, size: int = 10) -> AsyncIterator[Database]:
    """A pool of at most `size` connections, closed with the block."""
    async with wrap_errors():
        pool = await aiopg.create_pool(await await_writable(dsn), maxsize=size, **pool_options(dsn))
    try:
        yield Database(pool, dsn)
    finally:
        pool.terminate()
        await pool.wait_closed()


def pool_options(dsn: str) -> dict[str, Any]:
    return {"minsize": 1, "pool_recycle": RECYCLE_S, **connection_options(dsn)}


def connection_options(dsn: str) -> dict[str, Any]:
    """Options of every connection of this service, pooled or not.

    They override those of the DSN, but for its `options`: a schema that an operator chose is that
    of the migrations, too.
    """
    given = parse_dsn(dsn).get("options", "")
    return {
        "timeout": CLIENT_TIMEOUT_S,
        "enable_hstore": False,  # would cost a catalogue query per connection
        "options": f"{given} {SESSION_OPTIONS}",
        "client_encoding": "UTF8",
        **KEEPALIVES,
    }


@asynccontextmanager
async def wrap_errors() -> AsyncIterator[None]:
    """Convert exceptions of psycopg2 and aiopg to those of `db.errors`."""
    try:
        yield
    except asyncio.CancelledError as exc:
        # aiopg turns the server's statement_timeout into a cancellation of the task.
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
    except psycopg2.errors.SerializationFailure as exc:
        raise ConcurrentUpdate from exc
    except psycopg2.errors.UniqueViolation as exc:
        raise UniqueViolated(exc.diag.constraint_name or "") from exc
    except psycopg2.errors.ForeignKeyViolation as exc:
        raise ForeignKeyViolated(exc.diag.constraint_name or "") from exc
    except psycopg2.errors.DiskFull as exc:
        raise DatabaseFull from exc
    except UNAVAILABLE as exc:
        raise DatabaseUnavailable from exc
    except psycopg2.Error as exc:
        raise DatabaseError from exc
