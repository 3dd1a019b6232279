"""Readiness names what differs from the other machines: database, clock, secrets."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg2
import pytest

from db.postgres.server_state import read_server_state
from handlers import keys
from handlers.checks.own_storage import require_own_storage
from handlers.operating import health
from handlers.operating.health import judge_clock
from tests.handlers.support.outage import cut_connections
from tests.harness.waiting import wait_until

ASKED_AT = datetime(2026, 1, 1, tzinfo=UTC)
ANSWERED_AT = ASKED_AT + timedelta(seconds=0.4)
JOIN = """
INSERT INTO web_processes (id, host, secrets_sha256, started_at, seen_at)
VALUES (%s, 'b.example', %s, now() + make_interval(secs => %s), now() - make_interval(secs => %s))
"""
OTHERS = "0" * 64


@pytest.mark.parametrize(
    ("database_s", "check", "detail"),
    [
        pytest.param(0.2, "ok", None, id="between"),
        pytest.param(-0.9, "ok", None, id="a little behind"),
        pytest.param(1.3, "ok", None, id="a little ahead"),
        pytest.param(1.5, "ok", "1.1 s behind the database's", id="warning, we are behind"),
        pytest.param(-1.2, "ok", "1.2 s ahead of the database's", id="warning, we are ahead"),
        pytest.param(5.4, "wrong", "5.0 s behind the database's", id="limit, we are behind"),
        pytest.param(-5, "wrong", "5.0 s ahead of the database's", id="limit, we are ahead"),
        pytest.param(-3600, "wrong", "3600.0 s ahead of the database's", id="an hour"),
    ],
)
def test_clock(database_s: float, check: str, detail: str | None) -> None:
    details = {} if detail is None else {"clock": detail}
    database = ASKED_AT + timedelta(seconds=database_s)
    assert judge_clock(ASKED_AT, database, ANSWERED_AT) == (check, details)


async def test_all_checks_are_ok_of_a_lone_process(service: Any) -> None:
    ready = await service.ask(None, "GET", "/readyz")
    assert ready.status == 200
    assert ready.json["checks"] == dict.fromkeys(
        ("server", "database", "migrations", "clock", "secrets", "storage", "progress"), "ok"
    )
    assert ready.json["details"] == {}


@pytest.mark.parametrize(
    ("started_s", "silent_s", "check"),
    [
        pytest.param(-60, 0, "different", id="a process that has run for longer"),
        pytest.param(60, 0, "ok", id="a newcomer: it is not ready, we are"),
        pytest.param(-60, 31, "ok", id="a killed process"),
    ],
)
async def test_secrets_of_another_process(
    service: Any, started_s: float, silent_s: float, check: str
) -> None:
    other = (uuid4(), OTHERS, started_s, silent_s)
    await service.app[keys.DATABASE].fetch_all(JOIN, other)
    ready = await service.ask(None, "GET", "/readyz")
    assert ready.json["checks"]["secrets"] == check
    assert ready.status == (200 if check == "ok" else 503)
    assert ("b.example" in ready.json["details"].get("secrets", "")) == (check != "ok")


@pytest.mark.parametrize(
    ("others", "is_told"),
    [
        pytest.param(0, False, id="a machine alone"),
        pytest.param(1, True, id="two machines, no synchronous standby"),
    ],
)
async def test_database_that_may_lose_commits_is_told(
    service: Any, others: int, is_told: bool
) -> None:
    database = service.app[keys.DATABASE]
    [[ours]] = await database.fetch_all("SELECT secrets_sha256 FROM web_processes")
    for _ in range(others):
        await database.fetch_all(JOIN, (uuid4(), ours, 60, 0))

    ready = await service.ask(None, "GET", "/readyz")
    metrics = await service.ask("svc", "GET", "/metrics")

    assert ready.status == 200
    assert ("replication" in ready.json["details"]) == is_told
    line = f"coursestream_database_may_lose_commits {float(is_told)}"
    assert line in metrics.body.decode().splitlines()


async def test_checks_are_made_side_by_side(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A balancer that waits for 4 s is told which of several slow parts are not in order."""
    begun = asyncio.Barrier(3)

    def met(check: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def when_all_have_begun(*args: Any) -> Any:
            await begun.wait()
            return await check(*args)

        return when_all_have_begun

    monkeypatch.setattr(health, "CHECK_TIMEOUT_S", 1.0)
    monkeypatch.setattr(health, "read_server_state", met(read_server_state))
    monkeypatch.setattr(health, "require_own_storage", met(require_own_storage))
    persister = service.app[keys.PERSISTER]
    monkeypatch.setattr(type(persister), "can_store", met(type(persister).can_store))

    ready = await service.ask(None, "GET", "/readyz")
    assert (ready.status, set(ready.json["checks"].values())) == (200, {"ok"})


async def test_a_process_that_stops_leaves_no_row(service: Any) -> None:
    database = service.app[keys.DATABASE]
    assert len(await database.fetch_all("SELECT id FROM web_processes")) == 1
    await service.app[keys.MEMBERSHIP].stop()
    assert await database.fetch_all("SELECT id FROM web_processes") == []


async def test_a_database_that_takes_no_writes_is_not_ready(
    service: Any, cluster: Any, dsn: str
) -> None:
    name = psycopg2.extensions.parse_dsn(dsn)["dbname"]
    await service.app[keys.DATABASE].fetch_all(
        f"ALTER DATABASE {name} SET default_transaction_read_only = on"
    )
    await cut_connections(cluster, dsn)

    ready = await wait_until(
        lambda: service.ask(None, "GET", "/readyz"),
        lambda answer: answer.json["checks"]["database"] != "unavailable",
        within_s=10,
    )
    assert (ready.status, ready.json["checks"]["database"]) == (503, "read-only")
