"""Couriers over a real database, to real receivers."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest

from db.advisory_locks import AdvisoryLock
from db.delivery import deliveries, webhooks
from db.delivery.webhooks import Webhook
from db.errors import DatabaseFull
from db.pool import Database, Queries, Row
from events.delivery import courier
from events.delivery.bodies import event_id_of, message_id
from events.delivery.carriers import SECRET_PLACE, WebhookCarrier
from events.delivery.courier import DeliverySettings
from events.delivery.deliverer import Deliverer
from events.log.retention import Retention
from events.log.types import EnrollmentChanged, PlaybackCompleted, VideoReady
from events.privacy.seal import Seal
from tests.harness.waiting import wait_until
from tests.service.receiving import SECRET, receiving

SEAL = Seal("a secret of at least thirty-two bytes")
TYPES = ["enrollment.changed", "playback.completed", "video.ready"]
QUICK_S = (0.05, 0.05)
HOLDERS = """
SELECT pid FROM pg_locks JOIN pg_database d ON d.oid = database
WHERE locktype = 'advisory' AND objid = %s AND granted AND d.datname = current_database()
"""


def changed(user_id: str, role: str | None = "student") -> EnrollmentChanged:
    return EnrollmentChanged(
        course_id="c1", user_id=user_id, occurred_at=datetime.now(UTC), role=role, version=1
    )


def ready(video_id: UUID) -> VideoReady:
    return VideoReady(
        video_id=video_id,
        course_id="c1",
        user_id="tess",
        occurred_at=datetime.now(UTC),
        video={"title": "Ä film"},
    )


def completed(video_id: UUID, user_id: str) -> PlaybackCompleted:
    return PlaybackCompleted(
        video_id=video_id,
        course_id="c1",
        user_id=user_id,
        occurred_at=datetime.now(UTC),
        position_s=1.0,
        watched_ratio=0.9,
        session_id="s",
    )


@asynccontextmanager
async def delivering(
    database: Database, dsn: str, pauses_s: tuple[float, ...] = QUICK_S, private: bool = True
) -> AsyncIterator[Deliverer]:
    settings = DeliverySettings(pauses_s, look_s=0.05)
    carriers = {"webhook": WebhookCarrier(SEAL, may_call_private=private)}
    deliverer = Deliverer(database, dsn, carriers, settings, look_s=0.05)
    deliverer.start()
    try:
        yield deliverer
    finally:
        await deliverer.stop()


Hook = Callable[..., Any]


@pytest.fixture
def hook(database: Database, library: Any) -> Hook:
    async def make(url: str, types: list[str] = TYPES, name: str = "h1") -> None:
        sealed = SEAL.seal(SECRET, SECRET_PLACE)
        async with database.transaction() as transaction:
            await webhooks.put(transaction, name, "webhook", url, types, sealed)

    return make


async def dead_of(database: Database, name: str = "h1") -> list[Any]:
    return await deliveries.list_dead(database, name, after_id=0, limit=9)


async def test_events_after_the_webhook_was_made_arrive_signed_and_in_order(
    database: Database, dsn: str, library: Any, hook: Hook
) -> None:
    await library.append(changed("before"))
    async with receiving() as receiver:
        await hook(receiver.url)
        async with delivering(database, dsn):
            video_id = uuid4()
            ids = await library.append(changed("ada"), ready(video_id), changed("ada", None))
            await wait_until(lambda: len(receiver.accepted), lambda count: count == 3)

    assert sorted(receiver.ids) == sorted(message_id(one) for one in ids)
    of_ada = [one for one in receiver.accepted if one.type == "enrollment.changed"]
    assert [one.message["data"]["role"] for one in of_ada] == ["student", None]
    (film,) = [one.message for one in receiver.accepted if one.type == "video.ready"]
    assert film["data"]["title"] == "Ä film"
    assert film["data"]["video_id"] == str(video_id)
    assert film["timestamp"] == film["data"]["occurred_at"]


async def test_only_the_wanted_types_are_sent(
    database: Database, dsn: str, library: Any, hook: Hook
) -> None:
    async with receiving() as receiver:
        await hook(receiver.url, ["playback.completed"])
        async with delivering(database, dsn):
            await library.append(changed("ada"), completed(uuid4(), "ada"))
            await wait_until(lambda: receiver.accepted)
            backlog = await wait_until(
                lambda: webhooks.read_backlog(database, "h1"), lambda seen: seen.waiting == 0
            )

    assert [one.type for one in receiver.accepted] == ["playback.completed"]
    assert backlog == webhooks.Backlog(0, 0)


async def test_a_failed_event_is_sent_again_and_only_those_behind_it_wait(
    database: Database, dsn: str, library: Any, hook: Hook
) -> None:
    refusals = {"ada": 2}

    def status_of(message: Any) -> int:
        user_id = message["data"]["user_id"]
        refusals[user_id] = refusals.get(user_id, 0) - 1
        return 500 if refusals[user_id] >= 0 else 200

    async with receiving(status_of=status_of) as receiver:
        await hook(receiver.url)
        async with delivering(database, dsn, (0.2, 0.2)):
            ids = await library.append(changed("ada"), changed("ada", None), changed("bob"))
            await wait_until(lambda: len(receiver.accepted), lambda count: count == 3)

    assert receiver.ids == [message_id(ids[2]), message_id(ids[0]), message_id(ids[1])]
    assert [one.id for one in receiver.refused] == [message_id(ids[0])] * 2


@pytest.mark.parametrize(
    ("note", "status"), [("note_failure", 500), ("forget_delivered", 204)], ids=["failed", "done"]
)
async def test_an_outcome_that_cannot_be_noted_is_no_reason_to_send_without_a_pause(
    database: Database,
    dsn: str,
    library: Any,
    hook: Hook,
    monkeypatch: pytest.MonkeyPatch,
    note: str,
    status: int,
) -> None:
    came_s: list[float] = []

    def status_of(_: Any) -> int:
        came_s.append(time.monotonic())
        return status

    async def refuse(*_: Any, **__: Any) -> None:
        raise DatabaseFull

    monkeypatch.setattr(deliveries, note, refuse)
    monkeypatch.setattr(courier, "AFTER_FAULT_S", 0.5)
    async with receiving(status_of=status_of) as receiver:
        await hook(receiver.url)
        async with delivering(database, dsn):
            await library.append(changed("ada"))
            await wait_until(lambda: len(came_s), lambda count: count >= 3)

    assert all(later_s - sooner_s >= 0.5 for sooner_s, later_s in pairwise(came_s))


async def test_what_is_refused_to_the_end_is_kept_and_can_be_sent_again(
    database: Database, dsn: str, library: Any, hook: Hook
) -> None:
    async with receiving(status_of=lambda message: 503) as receiver:
        await hook(receiver.url)
        async with delivering(database, dsn):
            (event_id, second) = await library.append(changed("ada"), changed("ada", None))
            await wait_until(
                lambda: webhooks.read_backlog(database, "h1"), lambda seen: seen.dead == 2
            )
            dead = await deliveries.list_dead(database, "h1", after_id=0, limit=10)
            receiver.status_of = lambda message: 204
            async with database.transaction() as transaction:
                assert await deliveries.resend(transaction, "h1", [event_id], 10) == 1
            await wait_until(lambda: receiver.accepted)

    assert [(row.id, row.failure, row.attempts) for row in dead] == [
        (event_id, "status 503", 3),
        (second, "status 503", 3),
    ]
    assert receiver.ids == [message_id(event_id)]
    assert (await webhooks.read_backlog(database, "h1")).dead == 1


async def test_a_slow_receiver_delays_no_other(
    database: Database, dsn: str, library: Any, hook: Hook
) -> None:
    async with receiving(open_for=asyncio.Event()) as slow, receiving() as quick:
        await hook(slow.url, name="a-slow")
        await hook(quick.url, name="b-quick")
        async with delivering(database, dsn):
            await library.append(*(changed(f"user{n}") for n in range(40)))
            await wait_until(lambda: len(quick.accepted), lambda count: count == 40)
            assert not slow.accepted
            slow.open_for.set()
            await wait_until(lambda: len(slow.accepted), lambda count: count == 40)


async def test_what_is_delivered_while_the_waiting_are_read_is_not_sent_again(
    database: Database, dsn: str, library: Any, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, read = asyncio.Event(), deliveries.list_waiting

    async def read_slowly(queries: Queries, webhook_id: str, limit: int) -> list[Row]:
        rows = await read(queries, webhook_id, limit)
        [courier] = deliverer._couriers.values()
        if courier._sending:
            held.set()
            await wait_until(lambda: len(courier._sending), lambda count: not count)
        return rows

    async with receiving(open_for=held) as receiver:
        await hook(receiver.url)
        monkeypatch.setattr(deliveries, "list_waiting", read_slowly)
        async with delivering(database, dsn) as deliverer:
            ids = [await library.append(changed("ada")) for _ in range(3)]
            await wait_until(lambda: len(receiver.ids), lambda count: count >= 3)

    assert receiver.ids == [message_id(one) for [one] in ids]


async def test_one_deliverer_of_several_delivers_and_another_takes_over(
    database: Database, dsn: str, library: Any, hook: Hook
) -> None:
    async with receiving() as receiver:
        await hook(receiver.url)
        async with delivering(database, dsn) as first:
            await wait_until(lambda: first.is_owner)
            async with delivering(database, dsn) as second:
                ids = await library.append(*(changed(f"user{n}") for n in range(20)))
                await wait_until(lambda: len(receiver.accepted), lambda count: count == 20)
                assert not second.is_owner
                await first.stop()
                await wait_until(lambda: second.is_owner)
                ids += await library.append(changed("late"))
                await wait_until(lambda: len(receiver.accepted), lambda count: count == 21)

    assert sorted(receiver.ids) == sorted(message_id(one) for one in ids)


async def test_who_has_nothing_to_deliver_takes_no_connection_of_the_pool(
    database: Database, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, read = 0, webhooks.list_all

    async def count(queries: Queries) -> list[Webhook]:
        nonlocal looks
        looks += 1
        return await read(queries)

    monkeypatch.setattr(webhooks, "list_all", count)
    async with delivering(database, dsn):
        before = database.query_count
        await wait_until(lambda: looks, lambda count: count > 2)

    assert database.query_count == before


async def test_who_loses_the_connection_of_the_lock_delivers_again_only_with_another(
    database: Database, dsn: str, library: Any, hook: Hook
) -> None:
    async def holders() -> list[int]:
        return [row.pid for row in await database.fetch_all(HOLDERS, (AdvisoryLock.DELIVERY,))]

    async with receiving() as receiver:
        await hook(receiver.url)
        async with delivering(database, dsn) as first, delivering(database, dsn) as second:
            await wait_until(lambda: first.is_owner or second.is_owner)
            [lost] = await holders()
            await database.fetch_all("SELECT pg_terminate_backend(%s)", (lost,))
            await wait_until(holders, lambda pids: pids not in ([], [lost]))
            await wait_until(lambda: first.is_owner is not second.is_owner)
            ids = await library.append(changed("ada"), changed("bob"))
            await wait_until(lambda: len(receiver.accepted), lambda count: count == 2)
            assert len(await holders()) == 1

    assert sorted(receiver.ids) == sorted(message_id(one) for one in ids)


async def test_a_private_address_is_called_only_where_that_is_allowed(
    database: Database, dsn: str, library: Any, hook: Hook
) -> None:
    async with receiving() as receiver:
        await hook(receiver.url)
        await hook(receiver.url.replace("127.0.0.1", "localhost"), name="by-name")
        async with delivering(database, dsn, private=False):
            await library.append(changed("ada"))
            for name in ("h1", "by-name"):
                (row,) = await wait_until(partial(dead_of, database, name))
                assert row.failure == "it has a private address (WEBHOOK_PRIVATE)"

    assert not receiver.accepted
    assert not receiver.refused


async def test_a_redirection_is_not_followed(
    database: Database, dsn: str, library: Any, hook: Hook
) -> None:
    async with receiving() as target:
        moved = {"Location": target.url}
        async with receiving(status_of=lambda message: 307, headers=moved) as receiver:
            await hook(receiver.url)
            async with delivering(database, dsn):
                await library.append(changed("ada"))
                (row,) = await wait_until(partial(dead_of, database))

    assert row.failure == "status 307"
    assert not target.accepted


async def test_a_receiver_that_is_away_gets_everything_when_it_is_back(
    database: Database, dsn: str, library: Any, hook: Hook
) -> None:
    async with receiving() as gone:
        url = gone.url
    await hook(url)
    async with delivering(database, dsn, (0.1,) * 200):
        ids = await library.append(*(changed("ada", role) for role in ("student", None) * 5))
        await wait_until(
            lambda: deliveries.list_waiting(database, "h1", 1),
            lambda rows: rows and rows[0].attempts,
        )
        async with receiving() as receiver:
            async with database.transaction() as transaction:
                await webhooks.put(transaction, "h1", "webhook", receiver.url, TYPES, None)
            await wait_until(lambda: len(receiver.accepted), lambda count: count == len(ids))

    assert receiver.ids == [message_id(one) for one in ids]


async def test_what_the_log_drops_before_it_was_taken_becomes_a_dead_letter(
    database: Database, library: Any, hook: Hook
) -> None:
    await hook("http://127.0.0.1:9/")
    now = datetime.now(UTC)
    old = now - timedelta(days=8)
    retention = Retention(database, 7 * 86400, 86400.0, 90 * 86400)
    await retention.add_partitions(old)
    ids = await library.append(changed("ada"), completed(uuid4(), "ada"), changed("bob"))
    async with database.transaction() as transaction:
        await transaction.execute(
            "UPDATE event_log SET recorded_at = %s WHERE id = ANY(%s)", (old, ids[:2])
        )

    await retention.drop_days(now)

    dead = await deliveries.list_dead(database, "h1", after_id=0, limit=9)
    assert [row.id for row in dead] == ids[:2]
    assert {row.failure for row in dead} == {deliveries.PASSED}
    async with database.transaction() as transaction:
        assert await deliveries.take(transaction, "h1", 10) == 1  # the one that is left


async def test_dead_letters_go_after_a_month(database: Database, library: Any, hook: Hook) -> None:
    await hook("http://127.0.0.1:9/")
    (event_id,) = await library.append(changed("ada"))
    async with database.transaction() as transaction:
        await deliveries.take(transaction, "h1", 10)
        await deliveries.note_failure(
            transaction, "h1", event_id, attempts=0, failure="status 500", pause_s=None
        )
    retention = Retention(database, 7 * 86400, 86400.0, 90 * 86400)

    await retention.delete_dead_letters(datetime.now(UTC) + timedelta(days=29))
    assert await deliveries.list_dead(database, "h1", after_id=0, limit=9)
    await retention.delete_dead_letters(datetime.now(UTC) + timedelta(days=31))
    assert not await deliveries.list_dead(database, "h1", after_id=0, limit=9)


async def test_no_more_is_taken_than_may_wait(
    database: Database, library: Any, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "MOST_WAITING", 2)
    await hook("http://127.0.0.1:9/")
    await library.append(*(changed(f"user{n}") for n in range(3)))

    taken = []
    for _ in range(3):
        async with database.transaction() as transaction:
            taken.append(await deliveries.take(transaction, "h1", 1))

    assert taken == [1, 1, 0]


def test_message_ids_are_read_back() -> None:
    assert event_id_of(message_id(7)) == 7
    assert event_id_of("7") is None
    assert event_id_of("evt_x") is None
