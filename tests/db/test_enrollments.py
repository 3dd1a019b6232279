"""Enrolments: changes that are recent enough to matter."""

from db import courses, enrollments
from db.pool import open_database

DAY_S = 86400.0


async def test_versions_are_returned_of_what_was_changed_lately(dsn: str) -> None:
    async with open_database(dsn, 1) as database, database.transaction() as transaction:
        await courses.put_course(transaction, "c1", "A course")
        for user_id in ("never", "promoted", "withdrawn", "long ago"):
            await enrollments.put(transaction, "c1", user_id, "student")
        await enrollments.put(transaction, "c1", "promoted", "instructor")
        await enrollments.withdraw(transaction, "c1", "withdrawn")
        await enrollments.withdraw(transaction, "c1", "long ago")
        await transaction.execute(
            "UPDATE enrollments SET updated_at = now() - interval '1 day 1 second'"
            " WHERE user_id = 'long ago'"
        )

        rows = await enrollments.list_changed_versions(transaction, DAY_S)
        assert sorted(rows) == [("c1", "promoted", 2, None), ("c1", "withdrawn", 2, None)]


async def test_versions_go_on_from_those_of_before_an_erasure(dsn: str) -> None:
    async with open_database(dsn, 1) as database, database.transaction() as transaction:
        await courses.put_course(transaction, "c1", "A course")
        await transaction.execute(
            "INSERT INTO enrollments (course_id, user_id, version) VALUES ('c1', 'erased-a', 7)"
        )
        again, _ = await enrollments.put(transaction, "c1", "ada", "student", "erased-a")
        new, _ = await enrollments.put(transaction, "c1", "bob", "student", "erased-b")

    assert (again.version, new.version) == (8, 1)
