"""Bytes served: batches count once, old days are deleted, documented queries work."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from db.pool import Database, open_database
from db.upkeep import bytes_served
from db.upkeep.bytes_served import Account

DAY = date(2026, 11, 22)
DOCUMENTATION = Path(__file__).resolve().parents[3] / "docs" / "limits.md"


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    async with open_database(dsn, 2) as database:
        yield database


def account(user_id: str = "ada", day: date = DAY) -> Account:
    return Account(day, "c1", UUID(int=1), user_id, "stream")


async def total(database: Database) -> int:
    (row,) = await database.fetch_all("SELECT sum(bytes)::bigint AS bytes FROM bytes_served")
    return int(row.bytes)


async def test_a_batch_sent_again_is_not_counted_again(database: Database) -> None:
    writer_id, other_id = uuid4(), uuid4()
    for writer, number in ((writer_id, 1), (writer_id, 1), (other_id, 1), (writer_id, 2)):
        async with database.transaction() as transaction:
            await bytes_served.add(transaction, writer, number, {account(): 10})

    assert await total(database) == 30


async def test_rows_of_old_days_are_deleted(database: Database) -> None:
    today = datetime.now(UTC).date()
    amounts = {
        account(f"user-{number}", day=today - timedelta(days=days)): 1
        for days in (0, 90, 91)
        for number in range(3)
    }
    async with database.transaction() as transaction:
        await bytes_served.add(transaction, uuid4(), 1, amounts)
        await transaction.execute(
            "INSERT INTO bytes_served_writers VALUES (%s, 1, now() - interval '91 days')",
            (str(uuid4()),),
        )
        before = today - timedelta(days=90)
        deleted = [await bytes_served.delete_before(transaction, before, 2) for _ in range(3)]

    assert deleted == [2, 1, 0]
    days = await database.fetch_all("SELECT DISTINCT day FROM bytes_served")
    assert {row.day for row in days} == {today, before}
    (writers,) = await database.fetch_all("SELECT count(*) AS n FROM bytes_served_writers")
    assert writers.n == 1


async def test_the_questions_of_the_documentation_are_answered(database: Database) -> None:
    async with database.transaction() as transaction:
        await bytes_served.add(
            transaction, uuid4(), 1, {account(day=datetime.now(UTC).date()): 5 * 2**20}
        )
    questions = re.findall(r"^SELECT.*?;$", DOCUMENTATION.read_text(), re.DOTALL | re.MULTILINE)
    answers = [
        await database.fetch_all(question.replace("physics", "c1")) for question in questions
    ]

    assert [row.bytes for rows in answers[:2] for row in rows] == [5 * 2**20] * 2
    assert [row.served for row in answers[2]] == ["5120 kB"]
