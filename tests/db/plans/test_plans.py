"""No statement of db/ reads more rows than it has to, nor sorts on disk.

Measured by EXPLAIN ANALYZE in a seeded database with more rows of each kind than may be read.
"""

import importlib
import inspect
import os
import pkgutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

import db
from db.pool import Database, open_database
from db.postgres.migrations import MIGRATIONS, migrate
from server.postgres.embedded import EmbeddedPostgres
from tests.conftest import HASTY_SETTINGS, cloned_database
from tests.db.plans.calls import CALLS, Call
from tests.db.plans.explaining import Explaining, Plan
from tests.db.plans.seed import IS_FULL, SCALE, seed

MOST_ROWS = 10_000
WORK_MEM_KB = 512 * SCALE
"""In proportion to the rows: among 100,000 videos 4 MB, the default of PostgreSQL. What sorts on
disk there does so here, too."""
LARGE_SETTINGS = HASTY_SETTINGS | {
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "maintenance_work_mem": "1GB",
    "max_parallel_maintenance_workers": "1",
}
SEEDED = "seeded"
READER = """
CREATE FUNCTION pg_temp.read_videos() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT count(*) FROM videos WHERE title <> '');
END $$
"""


class Undone(Exception):
    """Rolls a transaction back."""


@pytest.fixture(scope="module")
def seeded_dsn(request: pytest.FixtureRequest) -> Iterator[str]:
    if IS_FULL:
        with full_directory() as directory, EmbeddedPostgres(directory, LARGE_SETTINGS) as postgres:
            migrate(postgres.dsn, MIGRATIONS)
            if not (directory / SEEDED).exists():
                seed(postgres.dsn)
                (directory / SEEDED).touch()
            yield postgres.dsn
        return
    with cloned_database(request.getfixturevalue("cluster"), "template") as made:
        seed(made)
        yield made


@contextmanager
def full_directory() -> Iterator[Path]:
    """On a disk, since it is too large for shared memory; PLANS_DIR is kept, and used again."""
    if kept := os.environ.get("PLANS_DIR"):
        yield Path(kept)
        return
    with tempfile.TemporaryDirectory(prefix="coursestream-full-") as made:
        Path(made).chmod(0o711)
        yield Path(made)


def write_down(call: Call, plans: list[Plan]) -> None:
    """Append a line for each statement to the file that PLANS_FILE names."""
    if path := os.environ.get("PLANS_FILE"):
        lines = [
            f"{plan.read_rows:>9} {plan.relation or '-':<30} {call.title}: {plan.sql}\n"
            for plan in plans
        ]
        with Path(path).open("a", encoding="utf-8") as file:
            file.writelines(lines)


@pytest.fixture
async def database(seeded_dsn: str) -> AsyncIterator[Database]:
    async with open_database(seeded_dsn, size=1) as opened:
        yield opened


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.title)
async def test_statement_reads_no_more_than_it_has_to(database: Database, call: Call) -> None:
    plans = []
    with suppress(Undone):
        async with database.transaction() as transaction:
            if call.before is not None:
                await call.before.function(transaction, *call.before.arguments)
            await transaction.execute(f"SET LOCAL work_mem = {WORK_MEM_KB}")
            explaining = Explaining(transaction)
            await call.function(explaining, *call.arguments, **call.options)
            plans = explaining.plans
            raise Undone

    write_down(call, plans)
    for plan in plans:
        assert plan.read_rows <= (call.page_rows or max(MOST_ROWS, call.most_rows * SCALE)), plan
        assert not plan.sorts_on_disk, plan


async def test_rows_that_a_function_reads_count(database: Database) -> None:
    plans = []
    with suppress(Undone):
        async with database.transaction() as transaction:
            await transaction.execute(READER)
            explaining = Explaining(transaction)
            [row] = await explaining.fetch_all("SELECT pg_temp.read_videos() AS videos")
            plans = explaining.plans
            raise Undone

    assert [(plan.read_rows, plan.relation) for plan in plans] == [(row.videos, "videos, nested")]
    assert row.videos > MOST_ROWS


async def test_rows_of_all_partitions_of_a_table_count_together(database: Database) -> None:
    plans = []
    with suppress(Undone):
        async with database.transaction() as transaction:
            explaining = Explaining(transaction)
            [row] = await explaining.fetch_all(
                "SELECT count(*) AS events FROM event_log_progress WHERE user_id <> ''"
            )
            plans = explaining.plans
            raise Undone

    assert [(plan.read_rows, plan.relation) for plan in plans] == [(row.events, "event_log")]
    assert row.events > MOST_ROWS


def test_each_function_that_runs_a_statement_is_called() -> None:
    called = {call.function for call in CALLS}

    assert [
        f"{function.__module__}.{function.__name__}"
        for function in _functions()
        if function not in called
    ] == []


def _functions() -> Iterator[Callable[..., Awaitable[object]]]:
    for module in pkgutil.walk_packages(db.__path__, "db."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if _runs_a_statement(value) and value.__module__ == module.name and name[0] != "_":
                yield value


def _runs_a_statement(value: Any) -> bool:
    if not inspect.iscoroutinefunction(value):
        return False
    first = next(iter(inspect.signature(value).parameters), "")
    return first in ("queries", "transaction", "database")
