"""Jobs: deferred in our transaction, by a function whose signature is pinned here."""

from collections.abc import AsyncIterator

import pytest

from db import jobs
from db.pool import Database, open_database

SIGNATURE = """
SELECT pg_get_function_arguments(oid) AS arguments, pg_get_function_result(oid) AS result
FROM pg_proc WHERE proname = 'procrastinate_defer_jobs_v1'
"""

FIELDS = """
SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute
WHERE attrelid = 'procrastinate_job_to_defer_v1'::regclass ORDER BY attnum
"""

JOBS = """
SELECT queue_name, task_name, priority, lock, queueing_lock, args, status::text, scheduled_at,
    attempts
FROM procrastinate_jobs ORDER BY id
"""


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    async with open_database(dsn, size=2) as database:
        yield database


async def defer(database: Database, task: str = "t", *, fails: bool = False) -> None:
    async with database.transaction() as transaction:
        await jobs.defer(transaction, task, {"video_id": "'%s\\"}, queue="q", lock="l")
        if fails:
            raise ZeroDivisionError


async def test_signature_is_the_one_we_call(database: Database) -> None:
    assert await database.fetch_all(SIGNATURE) == [
        ("jobs procrastinate_job_to_defer_v1[]", "bigint[]")
    ]
    assert await database.fetch_all(FIELDS) == [
        ("queue_name", "character varying"),
        ("task_name", "character varying"),
        ("priority", "integer"),
        ("lock", "text"),
        ("queueing_lock", "text"),
        ("args", "jsonb"),
        ("scheduled_at", "timestamp with time zone"),
    ]


async def test_job_is_there_once_committed(database: Database) -> None:
    await defer(database)

    assert await database.fetch_all(JOBS) == [
        ("q", "t", 0, "l", None, {"video_id": "'%s\\"}, "todo", None, 0)
    ]


async def test_job_of_a_failed_transaction_never_was(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        await defer(database, fails=True)

    assert await database.fetch_all(JOBS) == []


async def test_jobs_of_one_lock_wait_for_each_other(database: Database) -> None:
    await defer(database, "first")
    await defer(database, "second")
    fetched = "SELECT task_name FROM procrastinate_fetch_job_v2('{q}', %s)"
    worker = await database.fetch_one(
        "INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id"
    )
    assert worker is not None

    first = await database.fetch_one(fetched, (worker.id,))
    second = await database.fetch_one(fetched, (worker.id,))

    assert (first, second) == (("first",), (None,))


async def test_jobs_are_counted_by_status(database: Database) -> None:
    assert await jobs.count_by_status(database) == {}

    for _ in range(2):
        await defer(database)

    assert await jobs.count_by_status(database) == {"todo": 2}
