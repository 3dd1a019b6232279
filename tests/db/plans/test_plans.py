"""No statement of db/ reads more rows than it has to, nor sorts on disk.

Measured by EXPLAIN ANALYZE in a seeded database with more rows of each kind than may be read.
"""

import importlib
import inspect
import pkgutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

import db
from db.pool import Database, open_database
from server.postgres.embedded import EmbeddedPostgres
from tests.conftest import cloned_database
from tests.db.plans.calls import CALLS, Call
from tests.db.plans.explaining import Explaining
from tests.db.plans.seed import seed

MOST_ROWS = 10_000


class Undone(Exception):
    """Rolls a transaction back."""


@pytest.fixture(scope="module")
def seeded_dsn(cluster: EmbeddedPostgres) -> Iterator[str]:
    with cloned_database(cluster, "template") as made:
        seed(made)
        yield made


@pytest.fixture
async def database(seeded_dsn: str) -> AsyncIterator[Database]:
    async with open_database(seeded_dsn, size=1) as opened:
        yield opened


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.title)
async def test_statement_reads_no_more_than_it_has_to(database: Database, call: Call) -> None:
    plans = []
    with suppress(Undone):
        async with database.transaction() as transaction:
            explaining = Explaining(transaction)
            await call.function(explaining, *call.arguments, **call.options)
            plans = explaining.plans
            raise Undone

    for plan in plans:
        assert plan.read_rows <= max(MOST_ROWS, call.most_rows), plan
        assert not plan.sorts_on_disk, plan


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
