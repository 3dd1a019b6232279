"""Connections: dead ones are replaced, errors are wrapped, transactions leave no trace."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import make_dsn, parse_dsn

from db import pool
from db.errors import (
    CommitUnknown,
    DatabaseError,
    DatabaseFull,
    DatabaseTimeout,
    DatabaseUnavailable,
    ForeignKeyViolated,
    UniqueViolated,
)
from db.log.listener import listen
from db.pool import Database, open_database, redirect
from tests.harness.waiting import wait_until

SIZE = 3
QUICKLY_S = 5.0  # two attempts of two seconds, on a slow machine
OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
OURS = " AND pid <> pg_backend_pid()"
LONG = "SELECT pg_sleep(10)"
TITLES = "SELECT title FROM courses ORDER BY title"
INSERT = "INSERT INTO courses (id, title) VALUES (%s, %s)"


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    async with open_database(dsn, size=SIZE) as database:
        yield database


def run(dsn: str, *statements: str) -> None:
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        for statement in statements:
            connection.cursor().execute(statement)


async def end_connections(dsn: str) -> None:
    await asyncio.to_thread(run, dsn, OTHERS + OURS)


async def fill_pool(database: Database) -> None:
    """Fill the pool to its size, all connections idle."""
    await asyncio.gather(*(database.fetch_all("SELECT pg_sleep(0.05)") for _ in range(SIZE)))


async def titles(database: Database) -> list[str]:
    return [row.title for row in await database.fetch_all(TITLES)]


async def test_no_role_database_or_url_turns_durability_off(dsn: str) -> None:
    name = parse_dsn(dsn)["dbname"]
    await asyncio.to_thread(
        run,
        dsn,
        "ALTER ROLE CURRENT_USER SET synchronous_commit = off",
        f"ALTER DATABASE {name} SET synchronous_commit = off",
    )
    hasty = make_dsn(dsn, options="-c synchronous_commit=off")
    try:
        async with (
            open_database(hasty) as database,
            database.transaction() as transaction,
            listen(hasty, "x") as listener,
        ):
            for queries in (database, transaction, listener):
                row = await queries.fetch_one("SHOW synchronous_commit")
                assert row is not None
                assert row.synchronous_commit == "on"
    finally:
        await asyncio.to_thread(run, dsn, "ALTER ROLE CURRENT_USER RESET synchronous_commit")


async def test_url_may_choose_the_schema_but_no_encoding(dsn: str) -> None:
    chosen = make_dsn(dsn, options="-c search_path=elsewhere", client_encoding="LATIN1")

    async with open_database(chosen) as database, listen(chosen, "x") as listener:
        for queries in (database, listener):
            row = await queries.fetch_one("SELECT current_setting('search_path'), '第' AS text")
            assert row == ("elsewhere", "第")


async def test_rows_are_named(database: Database) -> None:
    row = await database.fetch_one("SELECT 1 AS one, %s AS two", ("2",))

    assert row is not None
    assert (row.one, row.two) == (1, "2")
    assert await database.fetch_one("SELECT 1 WHERE false") is None


async def test_percent_sign_needs_no_care_without_parameters(database: Database) -> None:
    assert await database.fetch_all("SELECT 7 % 4 AS rest") == [(3,)]


async def test_read_outlives_dead_connections(database: Database, dsn: str) -> None:
    await fill_pool(database)
    await end_connections(dsn)

    assert await database.fetch_all("SELECT 1") == [(1,)]


async def test_reads_at_once_outlive_dead_connections(database: Database, dsn: str) -> None:
    await fill_pool(database)
    await end_connections(dsn)

    found = await asyncio.gather(*(database.fetch_all("SELECT 1") for _ in range(10)))

    assert found == [[(1,)]] * 10


async def test_transaction_begins_in_spite_of_dead_connections(
    database: Database, dsn: str
) -> None:
    await fill_pool(database)
    await end_connections(dsn)

    async with database.transaction() as transaction:
        await transaction.execute(INSERT, ("a", "A"))

    assert await titles(database) == ["A"]


async def test_nothing_is_done_twice_when_a_connection_dies_in_a_transaction(
    database: Database, dsn: str
) -> None:
    attempts = 0

    async def write() -> None:
        nonlocal attempts
        async with database.transaction() as transaction:
            attempts += 1
            await transaction.execute(INSERT, ("a", "A"))
            await end_connections(dsn)
            await transaction.execute(INSERT, ("b", "B"))

    with pytest.raises(DatabaseUnavailable) as lost:
        await write()

    assert not isinstance(lost.value, CommitUnknown)
    assert attempts == 1
    assert await titles(database) == []


async def test_commit_on_a_connection_that_died_is_in_doubt(database: Database, dsn: str) -> None:
    async def write() -> None:
        async with database.transaction() as transaction:
            await transaction.execute(INSERT, ("a", "A"))
            await end_connections(dsn)

    with pytest.raises(CommitUnknown):
        await write()

    assert await titles(database) == []


async def test_last_statement_is_committed_with_itself(database: Database) -> None:
    before = database.query_count
    async with database.transaction() as transaction:
        await transaction.execute(INSERT, ("a", "A"))
        await transaction.finish(INSERT, ("b", "B"))

        assert database.query_count - before == 2
        assert await titles(database) == ["A", "B"]


async def test_only_statement_is_committed_in_spite_of_dead_connections(
    database: Database, dsn: str
) -> None:
    await fill_pool(database)
    await end_connections(dsn)

    async with database.transaction() as transaction:
        await transaction.finish(INSERT, ("a", "A"))

    assert await titles(database) == ["A"]


async def test_last_statement_that_fails_commits_nothing(database: Database) -> None:
    async def write() -> None:
        async with database.transaction() as transaction:
            await transaction.execute(INSERT, ("a", "A"))
            await transaction.finish(INSERT, ("a", "A"))

    with pytest.raises(UniqueViolated):
        await write()

    assert await titles(database) == []


async def test_last_statement_that_waits_too_long_is_in_no_doubt(database: Database) -> None:
    async def write() -> None:
        async with database.transaction() as second:
            await second.execute("SET LOCAL lock_timeout = '50ms'")
            await second.finish("LOCK courses")

    async with database.transaction() as first:
        await first.execute("LOCK courses")
        with pytest.raises(DatabaseTimeout) as late:
            await write()

    assert not isinstance(late.value, CommitUnknown)


async def test_last_statement_on_a_connection_that_died_is_in_doubt(
    database: Database, dsn: str
) -> None:
    async def write() -> None:
        async with database.transaction() as transaction:
            await transaction.execute(INSERT, ("a", "A"))
            await end_connections(dsn)
            await transaction.finish(INSERT, ("b", "B"))

    with pytest.raises(CommitUnknown):
        await write()

    assert await titles(database) == []


async def test_nothing_stands_by_itself_after_the_end_of_its_transaction(
    database: Database,
) -> None:
    async def write() -> None:
        async with database.transaction() as transaction:
            await transaction.finish(INSERT, ("a", "A"))
            await transaction.execute(INSERT, ("b", "B"))

    with pytest.raises(DatabaseError):
        await write()

    assert await titles(database) == ["A"]


async def test_nothing_stands_by_itself_after_a_beginning_that_failed(database: Database) -> None:
    async def write() -> None:
        async with database.transaction() as transaction:
            with pytest.raises(DatabaseError):
                await transaction.execute("no SQL")
            await transaction.execute(INSERT, ("a", "A"))

    with pytest.raises(DatabaseError):
        await write()

    assert await titles(database) == []


async def sleep_too_long(database: Database) -> None:
    async with database.transaction() as transaction:
        await transaction.execute("SET LOCAL statement_timeout = '50ms'")
        await transaction.execute("SELECT pg_sleep(10)")


async def test_statement_timeout_is_no_cancellation(database: Database) -> None:
    with pytest.raises(DatabaseTimeout):
        await sleep_too_long(database)

    assert await database.fetch_all("SELECT 1") == [(1,)]


async def test_server_that_no_longer_answers_is_a_timeout(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_database(dsn, size=1) as database:
        with monkeypatch.context() as patch:
            patch.setattr(pool, "CLIENT_TIMEOUT_S", 0.1)
            with pytest.raises(DatabaseTimeout):
                await database.fetch_all("SELECT pg_sleep(10)")

        assert await database.fetch_all("SELECT 1") == [(1,)]


async def long_statement(database: Database) -> "asyncio.Task[Any]":
    """A statement that PostgreSQL is executing."""
    at_work = "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query = %s"
    before = len(await database.fetch_all(at_work, (LONG,)))
    task = asyncio.create_task(database.fetch_all(LONG))
    await wait_until(lambda: database.fetch_all(at_work, (LONG,)), lambda rows: len(rows) > before)
    return task


async def test_cancelled_task_stays_cancelled(database: Database) -> None:
    task = await long_statement(database)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_pool_is_whole_after_cancellations(database: Database) -> None:
    for _ in range(2 * SIZE):
        task = await long_statement(database)
        task.cancel()
        await asyncio.wait([task])

    await fill_pool(database)


async def test_lock_that_is_held_is_a_timeout(database: Database) -> None:
    async def wait_for_lock() -> None:
        async with database.transaction() as second:
            await second.execute("SET LOCAL lock_timeout = '50ms'")
            await second.execute("LOCK courses")

    async with database.transaction() as first:
        await first.execute("LOCK courses")
        with pytest.raises(DatabaseTimeout):
            await wait_for_lock()


async def test_exception_rolls_back(database: Database) -> None:
    async def write() -> None:
        async with database.transaction() as transaction:
            await transaction.execute(INSERT, ("a", "A"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await write()

    assert await titles(database) == []


async def test_cancellation_rolls_back(database: Database) -> None:
    written = asyncio.Event()

    async def write() -> None:
        async with database.transaction() as transaction:
            await transaction.execute(INSERT, ("a", "A"))
            written.set()
            await asyncio.sleep(10)

    task = asyncio.create_task(write())
    await written.wait()
    task.cancel()
    await asyncio.wait([task])

    assert await titles(database) == []


async def test_failure_that_was_swallowed_does_not_look_committed(database: Database) -> None:
    async def write() -> None:
        async with database.transaction() as transaction:
            await transaction.execute(INSERT, ("a", "A"))
            with pytest.raises(UniqueViolated):
                await transaction.execute(INSERT, ("a", "A"))

    with pytest.raises(DatabaseError):
        await write()

    assert await titles(database) == []


@pytest.mark.parametrize("statement", ["SELECT 1", "SELECT 1/0", "SELECT nonsense", "ROLLBACK"])
async def test_transaction_leaves_its_connection_clean(dsn: str, statement: str) -> None:
    async with open_database(dsn, size=1) as database:
        try:
            async with database.transaction() as transaction:
                await transaction.execute("SET LOCAL statement_timeout = 1234")
                await transaction.execute(statement)
        except DatabaseError:
            pass
        left = await database.fetch_all(
            "SELECT current_setting('statement_timeout'), now() = statement_timestamp()"
        )

    assert left == [("5s", True)]


async def test_every_statement_is_counted(database: Database) -> None:
    await database.fetch_all("SELECT 1")
    async with database.transaction() as transaction:
        await transaction.fetch_one("SELECT 1")
        await transaction.execute("SELECT 1")

    assert database.query_count == 1 + 2 + 1  # COMMIT is one, too; BEGIN goes with the first


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("SELECT nonsense", DatabaseError),
        ("SELECT 1/0", DatabaseError),
        ("DO $$BEGIN RAISE disk_full; END$$", DatabaseFull),
        ("INSERT INTO modules VALUES ('m', 'none', 't', 0)", ForeignKeyViolated),
        ("INSERT INTO courses (id, title) VALUES ('a', 'A'), ('a', 'A')", UniqueViolated),
    ],
)
async def test_error_of_a_statement_has_our_name(
    database: Database, statement: str, error: type[DatabaseError]
) -> None:
    with pytest.raises(DatabaseError) as caught:
        await database.fetch_all(statement)

    assert type(caught.value) is error
    assert statement not in str(caught.value)


async def test_violated_constraint_is_named(database: Database) -> None:
    with pytest.raises(UniqueViolated) as caught:
        await database.fetch_all("INSERT INTO courses (id, title) VALUES ('a', 'A'), ('a', 'A')")

    assert caught.value.constraint == "courses_pkey"


async def test_exhausted_pool_is_a_timeout(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(SIZE):
            transaction = await stack.enter_async_context(database.transaction())
            await transaction.execute("SELECT 1")
        monkeypatch.setattr(pool, "ACQUIRE_TIMEOUT_S", 0.05)
        with pytest.raises(DatabaseTimeout):
            await database.fetch_all("SELECT 1")

    assert await database.fetch_all("SELECT 1") == [(1,)]


async def test_pool_counts_busy_connections_and_waiting_callers(database: Database) -> None:
    assert (database.size, database.busy_count, len(database.waits)) == (SIZE, 0, 0)
    assert database.waits.oldest_s() == 0.0
    async with AsyncExitStack() as stack:
        for _ in range(SIZE):
            transaction = await stack.enter_async_context(database.transaction())
            await transaction.execute("SELECT 1")
        waiting = [asyncio.create_task(database.fetch_all("SELECT 1")) for _ in range(2)]
        await wait_until(lambda: len(database.waits) == 2)
        first_s = database.waits.oldest_s()
        await wait_until(lambda: database.waits.oldest_s() > first_s > 0.0)
        assert database.busy_count == SIZE

    await asyncio.gather(*waiting)
    assert (database.busy_count, len(database.waits)) == (0, 0)


async def test_database_that_never_was_is_unavailable_quickly(tmp_path: Path) -> None:
    started_s = time.monotonic()

    with pytest.raises(DatabaseUnavailable):
        async with open_database(f"host={tmp_path} dbname=none user=none"):
            pass

    assert time.monotonic() - started_s < QUICKLY_S


async def test_database_that_went_away_is_unavailable_quickly_until_it_is_back(
    database: Database, cluster: Any, dsn: str
) -> None:
    await fill_pool(database)
    row = await database.fetch_one("SELECT current_database() AS name")
    assert row is not None
    elsewhere = await asyncio.to_thread(cluster.dsn_of, "postgres")
    allow = f"ALTER DATABASE {row.name} ALLOW_CONNECTIONS"
    end = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{row.name}'"
    await asyncio.to_thread(run, elsewhere, f"{allow} false", end)
    started_s = time.monotonic()

    with pytest.raises(DatabaseUnavailable):
        await database.fetch_all("SELECT 1")
    with pytest.raises(DatabaseUnavailable):
        await sleep_too_long(database)

    assert time.monotonic() - started_s < QUICKLY_S
    await asyncio.to_thread(run, elsewhere, f"{allow} true")
    assert await database.fetch_all("SELECT 1") == [(1,)]


async def test_standby_is_unavailable(database: Database) -> None:
    async def write() -> None:
        async with database.transaction() as transaction:
            await transaction.execute("SET TRANSACTION READ ONLY")
            await transaction.execute(INSERT, ("a", "A"))

    with pytest.raises(DatabaseUnavailable):
        await write()


async def test_pool_connects_to_the_server_that_it_was_redirected_to(dsn: str) -> None:
    async with open_database(dsn, size=1) as database:
        redirect(database._pool, make_dsn(dsn, application_name="another"))
        await database._pool.clear()

        assert await database.fetch_all("SHOW application_name") == [("another",)]


def test_pool_of_another_aiopg_is_not_redirected_in_vain() -> None:
    with pytest.raises(DatabaseError, match="aiopg"):
        redirect(SimpleNamespace(), "host=two")
