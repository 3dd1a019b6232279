"""No statement of db/ reads more rows than it has to, nor sorts on disk.

Measured by EXPLAIN ANALYZE in a seeded database with more rows of each kind than may be read.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import pytest

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
