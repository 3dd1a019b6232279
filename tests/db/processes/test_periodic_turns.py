"""One process takes a turn for all."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from db.pool import Database, open_database
from db.processes import periodic_turns

LONG_S = 60.0


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    async with open_database(dsn, size=4) as opened:
        yield opened


async def take(database: Database, task: str = "sweep", interval_s: float = LONG_S) -> bool:
    async with database.transaction() as transaction:
        return await periodic_turns.take(transaction, task, interval_s)


async def test_one_of_many_takes_the_turn(database: Database) -> None:
    taken = await asyncio.gather(*(take(database) for _ in range(4)))

    assert taken.count(True) == 1


async def test_no_turn_comes_before_the_interval_is_over(database: Database) -> None:
    assert await take(database)
    assert not await take(database)
    assert await take(database, interval_s=0)


async def test_nobody_waits_for_a_turn_that_is_being_taken(database: Database) -> None:
    assert await take(database)
    async with database.transaction() as transaction:
        assert await periodic_turns.take(transaction, "sweep", 0)
        async with asyncio.timeout(2):
            assert not await take(database, interval_s=0)


async def test_tasks_take_turns_of_their_own(database: Database) -> None:
    assert await take(database, "sweep")
    assert await take(database, "other")
