"""The process that delivers webhooks is killed at each step: nothing is lost, nothing overtakes."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from itertools import cycle
from typing import Any

import aiohttp
import pytest

from server.commands.tokens import mint_token
from tests.faults.conftest import Killed
from tests.harness.running import SECRET
from tests.harness.waiting import wait_until
from tests.service.receiving import SECRET as HOOK_SECRET
from tests.service.receiving import Receiver, receiving

USERS = [f"user{n}" for n in range(6)]
CHANGES = 4  # of each user


async def enroll(session: aiohttp.ClientSession, roles: Sequence[str]) -> None:
    """Until the server dies."""
    for role in roles:
        for user_id in USERS:
            path = f"/api/v1/courses/c1/enrollments/{user_id}"
            with suppress(aiohttp.ClientError):
                async with session.put(path, json={"role": role}) as response:
                    assert response.status in (200, 201)


async def put_hook(session: aiohttp.ClientSession, receiver: Receiver) -> None:
    body = {"url": receiver.url, "types": ["enrollment.changed"], "secret": HOOK_SECRET}
    async with session.put("/api/v1/webhooks/w1", json=body) as response:
        assert response.status in (200, 201)


def events(servers: Killed) -> dict[str, list[str]]:
    found = defaultdict(list)
    for user_id, event_id in servers.rows("SELECT user_id, id FROM event_log ORDER BY id"):
        found[user_id].append(f"evt_{event_id}")
    return found


@pytest.mark.parametrize(
    "step",
    [
        pytest.param("db.delivery.deliveries:take:before#3", id="before events are taken"),
        pytest.param("db.delivery.deliveries:take:after#3", id="before the taking is committed"),
        pytest.param("events.delivery.outgoing:post:before#5", id="before an event is sent"),
        pytest.param("events.delivery.outgoing:post:after#5", id="after it was received"),
        pytest.param("db.delivery.deliveries:forget_delivered:after#5", id="before it is noted"),
    ],
)
async def test_a_killed_deliverer_loses_nothing(servers: Killed, step: str) -> None:
    headers = {"Authorization": f"Bearer {mint_token(SECRET, 'root', roles=['admin'])}"}
    url = f"http://127.0.0.1:{servers.port}"
    roles = [
        role for role, _ in zip(cycle(["student", "instructor"]), range(CHANGES), strict=False)
    ]
    async with receiving() as receiver, aiohttp.ClientSession(url, headers=headers) as session:
        await asyncio.to_thread(servers.start, step)
        await put_hook(session, receiver)
        await enroll(session, roles)
        await asyncio.to_thread(servers.wait_until_dead)
        await asyncio.to_thread(servers.start)
        await enroll(session, roles)
        expected = await asyncio.to_thread(events, servers)
        wanted = {one for ids in expected.values() for one in ids}
        await wait_until(lambda: set(receiver.ids), lambda seen: seen == wanted)

    for user_id, ids in expected.items():
        of_user = [one.id for one in receiver.accepted if user_of(one.message) == user_id]
        assert list(dict.fromkeys(of_user)) == ids


def user_of(message: Any) -> str:
    return str(message["data"]["user_id"])
