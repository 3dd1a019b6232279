"""Statements to a record store, held against the models of Ralph (OpenFUN), which others wrote."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest
from aiohttp import web
from ralph.models.xapi.base.statements import BaseXapiStatement
from ralph.models.xapi.video.statements import (
    VideoCompleted,
    VideoInitialized,
    VideoTerminated,
)

from db.delivery import webhooks
from db.delivery.watched_videos import WatchedFacts
from db.pool import Database
from events.delivery import statements
from events.delivery.courier import DeliverySettings
from events.delivery.deliverer import Deliverer
from events.delivery.record_store import (
    RecordStore,
    StatementCarrier,
    home_page_of,
    keep_subscribed,
)
from events.log.types import (
    PlaybackCompleted,
    PlaybackEvent,
    PlaybackProgressed,
    PlaybackStarted,
    PlaybackStopped,
)
from tests.harness.waiting import wait_until

USER, PASSWORD = "lrs", "secret"
AUTHORIZATION = aiohttp.encode_basic_auth(USER, PASSWORD)
HOME = "https://lms.example"
MODELS = {
    "initialized": VideoInitialized,
    "completed": VideoCompleted,
    "terminated": VideoTerminated,
}


def happened(
    kind: type[PlaybackEvent], video_id: UUID, user_id: str = "ada", ratio: float = 0.5
) -> PlaybackEvent:
    return kind(
        video_id=video_id,
        course_id="c1",
        user_id=user_id,
        occurred_at=datetime.now(UTC),
        position_s=12.5,
        watched_ratio=ratio,
        session_id="s1",
    )


@dataclass
class Store:
    """A record store as xAPI 1.0.3 describes it: each statement is taken once, a batch with a bad
    one not at all."""

    url: str = ""
    statements: dict[str, dict[str, Any]] = field(default_factory=dict)
    received: int = 0

    async def take(self, request: web.Request) -> web.Response:
        assert request.headers["X-Experience-API-Version"] == "1.0.3"
        assert request.headers["Authorization"] == AUTHORIZATION
        told = await request.json()
        if any(one["actor"]["account"]["name"] == "bad" for one in told):
            return web.Response(status=400)
        self.received += len(told)
        self.statements = {one["id"]: one for one in told} | self.statements
        return web.json_response([one["id"] for one in told])


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    store, app = Store(), web.Application()
    app.router.add_post("/xAPI/statements", store.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    store.url = f"http://127.0.0.1:{runner.addresses[0][1]}/xAPI"
    yield store
    await runner.cleanup()


@asynccontextmanager
async def telling(database: Database, dsn: str, endpoint: str) -> AsyncIterator[None]:
    store = RecordStore(endpoint, AUTHORIZATION, HOME)
    await keep_subscribed(database, store)
    carriers = {"xapi": StatementCarrier(database, store)}
    settings = DeliverySettings((0.05,) * 3, look_s=0.05)
    deliverer = Deliverer(database, dsn, carriers, settings, look_s=0.05)
    deliverer.start()
    try:
        yield
    finally:
        await deliverer.stop()


async def test_each_event_is_told_once_in_statements_of_the_profile(
    database: Database, dsn: str, library: Any, store: Store
) -> None:
    video_id = await library.video()
    async with telling(database, dsn, store.url):
        await library.append(
            happened(PlaybackStarted, video_id, ratio=0),
            *(happened(PlaybackProgressed, video_id, ratio=n / 100) for n in range(1, 91)),
            happened(PlaybackCompleted, video_id, ratio=0.9),
            happened(PlaybackStopped, video_id, ratio=0.95),
        )
        await told(database)
    first = dict(store.statements)
    async with database.transaction() as transaction:
        await transaction.execute("UPDATE webhooks SET position = 0")
    async with telling(database, dsn, store.url):
        await told(database)

    verbs = [one["verb"]["display"]["en-US"] for one in first.values()]
    assert sorted(verbs) == sorted(["initialized", *["progressed"] * 9, "completed", "terminated"])
    assert store.received == 2 * len(first)
    assert store.statements == first
    for one in first.values():
        model = MODELS.get(one["verb"]["display"]["en-US"], BaseXapiStatement)
        model.model_validate(one)


async def told(database: Database) -> None:
    await wait_until(
        lambda: database.fetch_all(
            "SELECT id FROM webhooks WHERE position = (SELECT max(id) FROM event_log)"
            " AND NOT EXISTS (SELECT FROM webhook_deliveries)"
        )
    )


async def test_one_bad_statement_does_not_hold_up_its_batch(
    database: Database, dsn: str, library: Any, store: Store
) -> None:
    videos = [await library.video() for _ in range(3)]
    async with telling(database, dsn, store.url):
        await library.append(
            *(
                happened(PlaybackStarted, video_id, user_id)
                for video_id, user_id in zip(videos, ("ada", "bad", "bob"), strict=True)
            )
        )
        await wait_until(
            lambda: webhooks.read_backlog(database, "xapi"), lambda seen: seen.dead == 1
        )

    objects = {one["object"]["id"] for one in store.statements.values()}
    assert objects == {f"urn:uuid:{videos[0]}", f"urn:uuid:{videos[2]}"}


async def test_without_a_store_nothing_waits_for_it(database: Database, library: Any) -> None:
    await keep_subscribed(database, RecordStore("https://lrs", "Bearer x", HOME))
    assert await webhooks.get(database, "xapi") is not None

    await keep_subscribed(database, None)

    assert await webhooks.get(database, "xapi") is None


def test_a_statement_follows_from_its_event() -> None:
    event = happened(PlaybackCompleted, uuid4())
    facts = WatchedFacts("A film", 30.0, ((0.0, 12.5), (20.0, 40.0)))

    first, again = (statements.build(7, event, facts, HOME) for _ in range(2))

    assert first == again
    assert first["id"] != statements.build(8, event, facts, HOME)["id"]
    assert first["result"]["duration"] == "PT32.50S"
    extensions = first["result"]["extensions"]
    assert extensions[f"{statements.EXTENSIONS}played-segments"] == "0[.]12.5[,]20[.]40"


def test_segments_late_in_a_long_film_are_exact_to_the_hundredth() -> None:
    assert statements.played_segments([(0.01, 10000.25), (86399.99, 86400.0)]) == (
        "0.01[.]10000.25[,]86399.99[.]86400"
    )


async def test_another_process_tells_a_tenth_as_the_same_statement(
    database: Database, dsn: str, library: Any, store: Store
) -> None:
    """It took over, and does not know what was told before; the person has seen more since."""
    video_id = await library.video()
    for ratio in (0.31, 0.34, 0.35):
        async with telling(database, dsn, store.url):
            await library.append(happened(PlaybackProgressed, video_id, ratio=ratio))
            await told(database)

    assert store.received == 3
    assert len(store.statements) == 1


def test_progress_of_others_and_of_other_tenths_is_another_statement() -> None:
    video_id = uuid4()
    events = [
        happened(PlaybackProgressed, video_id, "ada", ratio=0.31),
        happened(PlaybackProgressed, video_id, "ada", ratio=0.42),
        happened(PlaybackProgressed, video_id, "bob", ratio=0.31),
        happened(PlaybackProgressed, uuid4(), "ada", ratio=0.31),
    ]

    ids = {statements.build(7, one, statements.NO_FACTS, HOME)["id"] for one in events}

    assert len(ids) == len(events)


@pytest.mark.parametrize(
    ("issuer", "expected"),
    [
        pytest.param(None, "https://lrs.example:8443", id="none"),
        pytest.param("courses", "https://lrs.example:8443", id="no address"),
        pytest.param("https://lms.example/", "https://lms.example/", id="an address"),
    ],
)
def test_accounts_are_those_of_the_issuer(issuer: str | None, expected: str) -> None:
    assert home_page_of(issuer, "https://lrs.example:8443/xAPI") == expected
