"""Deletion of a webhook: in rounds, by whoever is there, with all that belonged to it."""

import asyncio

import pytest

from db.delivery import deliveries, webhooks
from db.pool import Database
from events.delivery import removal
from events.delivery.removal import delete_webhook

ADD = """
INSERT INTO webhook_deliveries (webhook_id, event_id, type, course_id, user_id, occurred_at,
    payload, died_at)
SELECT %s, n, 'enrollment.changed', 'c1', 'u', now(), '{}', CASE WHEN n > 5 THEN now() END
FROM generate_series(1, 47) n RETURNING 1
"""
LEFT = "SELECT webhook_id, count(*) AS count FROM webhook_deliveries GROUP BY webhook_id"


@pytest.fixture(autouse=True)
async def _two_webhooks(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 5 deliveries that wait and 42 that were given up each."""
    monkeypatch.setattr(removal, "ROWS_AT_ONCE", 10)
    for webhook_id in ("w1", "w2"):
        async with database.transaction() as transaction:
            await webhooks.put(transaction, webhook_id, "webhook", "https://h/", ["x"], "s")
        await database.fetch_all(ADD, (webhook_id,))


async def left(database: Database) -> dict[str, int]:
    return dict(await database.fetch_all(LEFT))


async def test_what_was_given_up_goes_in_rounds(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = []
    delete_round = deliveries.delete_given_up

    async def count(*arguments: object) -> int:
        rounds.append(await delete_round(*arguments))  # type: ignore[arg-type]
        return rounds[-1]

    monkeypatch.setattr(deliveries, "delete_given_up", count)
    await delete_webhook(database, "w1")

    assert rounds == [10, 10, 10, 10, 2, 0]
    assert await left(database) == {"w2": 47}
    assert [one.id for one in await webhooks.list_all(database)] == ["w2"]


async def test_a_deletion_that_was_killed_is_repeated(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(webhooks, "delete", fail)
        with pytest.raises(ConnectionError):
            await delete_webhook(database, "w1")
    between = await left(database)
    await delete_webhook(database, "w1")

    assert between == {"w1": 5, "w2": 47}
    assert await left(database) == {"w2": 47}


async def test_two_may_delete_at_once(database: Database) -> None:
    await asyncio.gather(*(delete_webhook(database, "w1") for _ in range(4)))

    assert await left(database) == {"w2": 47}
