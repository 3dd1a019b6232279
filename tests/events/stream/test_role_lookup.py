import asyncio
from typing import Any

import pytest

from db.errors import DatabaseError, DatabaseUnavailable
from db.log import event_log
from db.pool import Database, Row
from events.stream import role_lookup
from events.stream.role_lookup import RoleLookup


class Gate:
    """A gate in front of the database: statements wait until it opens; records the queries."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[list[str]] = []
        self.failure: Exception | None = None
        self.is_open = asyncio.Event()
        self._ask = event_log.list_roles
        monkeypatch.setattr(event_log, "list_roles", self._roles_of)

    async def _roles_of(self, database: Database, user_ids: list[str]) -> list[Row]:
        self.asked.append(user_ids)
        await self.is_open.wait()
        if self.failure:
            raise self.failure
        return await self._ask(database, user_ids)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    return Gate(monkeypatch)


@pytest.fixture
def lookup(database: Database) -> RoleLookup:
    return RoleLookup(database)


async def turns() -> None:
    """Return once everything that needs no database has run."""
    for _ in range(10):
        await asyncio.sleep(0)


async def ask(lookup: RoleLookup, *user_ids: str) -> list[asyncio.Task[Any]]:
    tasks: list[asyncio.Task[Any]] = []
    for user_id in user_ids:
        tasks.append(asyncio.ensure_future(lookup.of(user_id)))
    await turns()
    return tasks


def roles(rows: Any) -> set[tuple[str, str | None, int]]:
    return {(row.course_id, row.role, row.version) for row in rows}


async def test_a_crowd_shares_statements_and_each_gets_their_own(
    lookup: RoleLookup, library: Any, gate: Gate
) -> None:
    for user_id in ("a", "b", "c"):
        await library.enroll(user_id, "student")
    await library.enroll("b", "instructor", "c2")
    await library.enroll("c", None)

    tasks = await ask(lookup, "a", "b", "c", "b", "stranger")
    gate.is_open.set()
    a, b, c, same_b, stranger = await asyncio.gather(*tasks)

    assert gate.asked == [["a"], ["b", "c", "stranger"]]
    assert roles(a) == {("c1", "student", 1)}
    assert roles(b) == roles(same_b) == {("c1", "student", 1), ("c2", "instructor", 1)}
    assert roles(c) == {("c1", None, 2)}
    assert stranger == []


async def test_what_is_returned_was_read_after_it_was_asked(
    lookup: RoleLookup, library: Any, gate: Gate
) -> None:
    [early] = await ask(lookup, "a")
    await library.enroll("a", "student")
    [late] = await ask(lookup, "a")
    gate.is_open.set()

    await early
    assert roles(await late) == {("c1", "student", 1)}
    assert gate.asked == [["a"], ["a"]]


async def test_a_statement_asks_for_so_many_and_not_more(
    lookup: RoleLookup, library: Any, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(role_lookup, "MOST_USERS", 2)
    tasks = await ask(lookup, "a", "b", "c", "d", "e", "f")
    gate.is_open.set()
    await asyncio.gather(*tasks)

    assert gate.asked == [["a"], ["b", "c"], ["d", "e"], ["f"]]


async def test_all_who_wait_learn_at_once_that_the_database_is_away(
    lookup: RoleLookup, library: Any, gate: Gate
) -> None:
    gate.failure = DatabaseUnavailable()
    tasks = await ask(lookup, "a", "b", "c", "a")
    gate.is_open.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [DatabaseUnavailable] * 4
    assert gate.asked == [["a"]]
    gate.failure = None
    assert await lookup.of("a") == []


async def test_a_failure_of_another_kind_is_its_own_askers(
    lookup: RoleLookup, library: Any, gate: Gate
) -> None:
    gate.failure = DatabaseError()
    first, second = await ask(lookup, "a", "b")
    gate.is_open.set()
    outcomes = await asyncio.gather(first, second, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [DatabaseError] * 2
    assert gate.asked == [["a"], ["b"]]


async def test_who_leaves_takes_nobodys_answer_along(
    lookup: RoleLookup, library: Any, gate: Gate
) -> None:
    await library.enroll("a", "student")
    first, same, other = await ask(lookup, "a", "a", "b")
    first.cancel()
    await turns()
    gate.is_open.set()

    assert roles(await same) == {("c1", "student", 1)}
    assert await other == []
    assert first.cancelled()
