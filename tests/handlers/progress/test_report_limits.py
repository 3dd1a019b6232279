"""The limit on progress reports, over sockets, with and without the answers that are repeated."""

import json
import os
import random
import re
from typing import Any

import pytest
import pytest_asyncio

from db.errors import DatabaseTimeout
from events.log.emitter import Emitter
from events.reports import ReportReceived
from handlers import keys
from tests.handlers.conftest import Service, StartService
from tests.handlers.connection.shortcuts.test_report_shortcut import until_handed_over
from tests.handlers.progress.reporting import Reporter, said_by
from tests.handlers.support.watching import Course, Player, new_course, new_player, report
from tests.harness.wire import WireAnswer, connected
from tests.service.answers import comparable

pytestmark = pytest.mark.asyncio(loop_scope="module")

RATE = 2
DEPTH = 6 * RATE
POLICY = f'"reports";q={DEPTH};w=21600'
LIMITED = "429 rate-limited"
EVENTS = "SELECT count(*) AS count FROM event_log WHERE user_id = %s AND type LIKE 'playback.%%'"
TWIN_STEPS = 5_000 if os.environ.get("FULL") else 250


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["on", "off"])
async def strict(request: pytest.FixtureRequest, start_shared_service: StartService) -> Service:
    """Refills nothing while a test lasts."""
    service: Service = await start_shared_service(
        REPORT_RATE_LIMIT=f"{RATE}/hour", STREAM_REPLAY=request.param
    )
    return service


@pytest_asyncio.fixture(loop_scope="module")
async def course(strict: Service) -> Course:
    return await new_course(strict)


@pytest_asyncio.fixture(loop_scope="module")
async def player(course: Course) -> Player:
    return await new_player(course)


async def event_count(player: Player) -> int:
    row = await player.service.app[keys.DATABASE].fetch_one(EVENTS, (player.user_id,))
    assert row is not None
    return int(row.count)


async def test_one_too_many_changes_nothing_and_gets_a_retry_after(
    player: Player,
) -> None:
    for sequence in range(DEPTH):
        await player.say(sequence=sequence, position=sequence)
    refused = await player.post(sequence=DEPTH, position=29, watched=[[0, 29]])

    retry_after_s = int(refused.headers["Retry-After"])
    assert refused.said == LIMITED
    assert 1000 < retry_after_s <= 3600 / RATE
    assert refused.headers["RateLimit-Policy"] == POLICY
    assert refused.headers["RateLimit"] == f'"reports";r=0;t={retry_after_s}'
    kept = await player.get()
    assert (kept["position"], kept["watched_seconds"]) == (DEPTH - 1, 0)
    assert await event_count(player) == DEPTH


async def test_token_and_grant_take_from_the_same_bucket_whatever_is_said(
    player: Player, course: Course
) -> None:
    other = await new_player(course, player.user_id)  # of another video
    for sequence in range(DEPTH // 4):
        await player.say(sequence=sequence)
        assert (await player.put(sequence=sequence)).said == "200"
        assert (await other.post(position=-1)).said == "400 invalid-request"
        assert (await other.put(position=-1)).said == "400 invalid-request"

    said = {(await ask()).said for ask in (player.post, player.put, other.post, other.put)}

    assert said == {LIMITED}


async def test_others_are_not_concerned(player: Player, course: Course) -> None:
    for _ in range(DEPTH + 1):
        await player.post()

    await course.enroll(f"other-of-{course.id}")
    assert (await new_player(course, f"other-of-{course.id}")).user_id != player.user_id
    await (await new_player(course, course.instructor)).say()


async def test_services_are_free_of_it_and_admins_are_not(course: Course) -> None:
    service, admin = await new_player(course, "svc"), await new_player(course, "root")

    free = {(await service.post()).said for _ in range(DEPTH + 1)}
    for _ in range(DEPTH + 1):
        last = await admin.post()

    assert free == {"200"}
    assert last.said == LIMITED


async def test_connections_at_once_do_not_slip_through(player: Player) -> None:
    said = []
    async with connected(player.service.url) as one, connected(player.service.url) as two:
        for _ in range(DEPTH):
            for wire in (one, two):
                await Reporter(player, wire).send()
            said += [said_by(await one.answer()), said_by(await two.answer())]

    assert sorted(said) == ["200"] * DEPTH + [LIMITED] * DEPTH


async def test_a_strangers_report_is_refused_without_a_question_to_the_database(
    course: Course, player: Player
) -> None:
    stranger = Player(player.service, f"eve-of-{course.id}", player.video_id, player.playback)

    said = [(await stranger.put()).said for _ in range(DEPTH + 1)]

    assert said == ["403 not-enrolled"] * DEPTH + [LIMITED]


async def test_what_was_tried_and_failed_counts_once(
    start_shared_service: StartService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = await start_shared_service(REPORT_RATE_LIMIT=f"{RATE}/hour")
    async with connected(service.url) as wire:
        reporter = Reporter(await new_player(await new_course(service)), wire)
        for _ in range(DEPTH - 1):
            await reporter.say()
        received: list[ReportReceived] = []
        emitter = Emitter()
        emitter.subscribe_reports(received.append)
        monkeypatch.setattr(service.app[keys.REPORT_SHORTCUT], "_emitter", emitter)

        await reporter.send()
        await until_handed_over(received)
        received[0].outcome.set_exception(DatabaseTimeout())

        assert said_by(await wire.answer()) == "503 unavailable"
        assert said_by(await reporter.say()) == LIMITED


class Clock:
    """Stands in for the module `time` where the limits are asked."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


def new_each_time(answer: WireAnswer) -> Any:
    """Without the times of the commits."""
    version, status, fields, new, body = comparable(answer)
    return version, status, fields, new, re.sub(rb'_at":"[^"]*"', b"", body)


def bodies(rng: random.Random) -> bytes:
    """Yields bodies like a player's reports."""
    said = report(
        session_id=rng.choice("ab"),
        sequence=rng.randrange(60),
        position=rng.randrange(30),
        watched=[[0, rng.randrange(1, 30)]] * rng.randrange(3),
        event=rng.choice(["progress", "paused", "seeked"]),
    )
    text = json.dumps(said).encode()
    broken = [text[:-1], text.replace(b"0", b"-7"), b"[]", b"", text + b" " * 300_000]
    return rng.choices([text, rng.choice(broken)], [20, 1])[0]


async def test_by_the_shortcut_or_not_the_limit_says_the_same(
    start_shared_service: StartService, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, rng = Clock(), random.Random(12)
    monkeypatch.setattr("handlers.checks.request_limits.time", clock)
    monkeypatch.setattr("handlers.connection.shortcuts.report_shortcut.time", clock)
    on, off = [
        await start_shared_service(
            REPORT_RATE_LIMIT=f"{RATE}/second",
            STREAM_REPLAY=switch,
            SEEN_CLAIMS="believed",  # what counts depends on the time, which differs
        )
        for switch in ("on", "off")
    ]
    statuses: dict[int, int] = {}
    players = [await new_player(await new_course(service)) for service in (on, off)]
    async with connected(on.url) as first, connected(off.url) as second:
        twins = list(zip(players, (first, second), strict=True))
        for step in range(TWIN_STEPS):
            clock.now_s += rng.choice([0.0, 0.1, 0.4, 0.9])
            body, said = bodies(rng), []
            for player, wire in twins:
                target = f"POST {player.grant_path} HTTP/1.1"
                await wire.send(target, "Host: x", f"Content-Length: {len(body)}", body=body)
                said.append(new_each_time(await wire.answer("POST")))
            assert said[0] == said[1], f"step {step}"
            statuses[said[0][1]] = statuses.get(said[0][1], 0) + 1

    assert on.app[keys.REPORT_SHORTCUT].answered_count > statuses[200] / 2
    assert min(statuses.get(status, 0) for status in (200, 400, 429)) > 0, statuses
