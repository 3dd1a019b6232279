"""Durations of media work: timed by workers, added up in the database."""

import asyncio

import pytest

from db.errors import DatabaseUnavailable
from db.media import steps
from db.media.steps import StepCounts
from db.pool import Database
from events.media.steps import BOUNDS_S, MediaSteps
from storage.errors import StorageFull


async def counted(database: Database) -> dict[tuple[str, str], tuple[int, float]]:
    """Number and seconds by step and outcome."""
    rows = await steps.list_all(database)
    return {(row.step, row.outcome): (sum(row.counts), row.total_s) for row in rows}


async def test_workers_add_up(database: Database) -> None:
    one, other = MediaSteps(database), MediaSteps(database)
    for worker, duration_s in ((one, 0.4), (one, 20.0), (other, 20.0)):
        worker.note("remux", "done", duration_s)
    await one.flush()
    await other.flush()
    other.note("remux", "undecodable", 1.0)
    await other.flush()
    await other.flush()

    found = await steps.list_all(database)

    assert [(row.step, row.outcome, row.total_s) for row in found] == [
        ("remux", "done", 40.4),
        ("remux", "undecodable", 1.0),
    ]
    expected = dict.fromkeys(BOUNDS_S, 0) | {0.5: 1, 30.0: 2}
    assert list(found[0].counts) == [*expected.values(), 0]


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (StorageFull(), "out-of-space"),
        (ZeroDivisionError(), "internal"),
        (asyncio.CancelledError(), "stopped"),
    ],
    ids=lambda one: type(one).__name__,
)
async def test_outcome_is_the_code_of_the_failure(
    database: Database, fault: BaseException, outcome: str
) -> None:
    found = MediaSteps(database)
    with pytest.raises(type(fault)), found.timing("probe"):
        raise fault
    with found.timing("probe"):
        pass
    await found.flush()

    numbers = await counted(database)
    assert {key: number for key, (number, _) in numbers.items()} == {
        ("probe", "done"): 1,
        ("probe", outcome): 1,
    }


async def test_what_was_timed_is_written_by_the_end_of_the_block(database: Database) -> None:
    found = MediaSteps(database)
    async with found.kept():
        found.note("probe", "done", 1.0)

    assert await counted(database) == {("probe", "done"): (1, 1.0)}


async def test_what_could_not_be_written_waits(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise DatabaseUnavailable

    found = MediaSteps(database)
    found.note("probe", "done", 1.0)
    with monkeypatch.context() as away:
        away.setattr(steps, "add", fail)
        with pytest.raises(DatabaseUnavailable):
            await found.flush()
    found.note("probe", "done", 2.0)
    await found.flush()

    assert await counted(database) == {("probe", "done"): (2, 3.0)}


async def test_counts_of_other_bounds_begin_anew(database: Database) -> None:
    async with database.transaction() as transaction:
        await steps.add(transaction, [StepCounts("probe", "done", [5, 5], 9.0)])
    found = MediaSteps(database)
    found.note("probe", "done", 1.0)
    await found.flush()

    assert await counted(database) == {("probe", "done"): (1, 1.0)}
