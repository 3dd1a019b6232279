"""Copies of a person's id in events are found wherever the ids of the log are."""

from collections.abc import AsyncIterator

import pytest

from db.pool import Database, open_database
from db.privacy import personal_rows

ADD = """
INSERT INTO event_log (id, type, course_id, user_id, occurred_at, payload)
VALUES (%s, 'video.ready', 'c1', 'tess', now(), '{"video": {"uploaded_by": "tess"}}')
"""
UPLOADERS = "SELECT payload -> 'video' ->> 'uploaded_by' AS uploader FROM event_log ORDER BY id"


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    async with open_database(dsn, size=2) as opened:
        yield opened


async def test_ids_after_a_fail_over_cost_no_steps(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(personal_rows, "EVENTS_AT_ONCE", 2)
    async with database.transaction() as transaction:
        for event_id in (1, 2, 3, 10**12, 10**12 + 1):
            await transaction.execute(ADD, (event_id,))
    before = database.query_count

    await personal_rows.rename_in_copies(database, "tess", "erased-1")

    assert [row.uploader for row in await database.fetch_all(UPLOADERS)] == ["erased-1"] * 5
    assert database.query_count - before < 20
