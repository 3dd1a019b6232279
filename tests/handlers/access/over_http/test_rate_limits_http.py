"""The limits on playing, over sockets: who is refused, how, and for how long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from handlers import keys
from server.commands.tokens import mint_token
from tests.handlers.conftest import SECRET, Answer, Service, StartService, furnish
from tests.handlers.support.playing import enrolled, stream_of
from tests.handlers.support.playing import playback as playback_of
from tests.harness.wire import Wire, WireAnswer, connected

pytestmark = pytest.mark.asyncio(loop_scope="module")

ORIGIN = "https://lms.example"
RATE, STREAMS = 3, 2
POLICY = f'"requests";q={2 * RATE};w=7200, "streams";q={STREAMS};qu="concurrent-requests"'
LIMITED = "429 rate-limited"
SEEKS, SEEK_INTERVAL_S = 50, 0.05


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def strict(start_shared_service: StartService) -> Service:
    """Refills nothing while a test lasts."""
    service = await start_shared_service(
        STREAM_RATE_LIMIT=f"{RATE}/hour", STREAMS_PER_USER=str(STREAMS), CORS_ORIGINS=ORIGIN
    )
    await furnish(service)
    return service


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def usual(start_shared_service: StartService) -> Service:
    """With the limits that are the default."""
    service = await start_shared_service(STREAM_RATE_LIMIT="50/second")
    await furnish(service)
    return service


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def video(strict: Service, mp4: Path) -> Any:
    return await strict.ready_video(mp4)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def long_video(usual: Service, large_mp4: Path) -> Any:
    """One that takes a while to send to who reads slowly."""
    return await usual.ready_video(large_mp4)


async def spend(service: Service, who: str, video: Any, *, already: int = 0) -> Answer:
    """Asks as often as this user still may; returns the answer to one request more."""
    for _ in range(2 * RATE - already):
        assert (await service.ask(who, "HEAD", stream_of(video))).said == "200"
    return await service.ask(who, "GET", stream_of(video))


class TestRequests:
    async def test_one_too_many_gets_a_retry_after(self, strict: Service, video: Any) -> None:
        answer = await spend(strict, await enrolled(strict, "told"), video)

        retry_after_s = int(answer.headers["Retry-After"])
        assert answer.said == LIMITED
        assert 1000 < retry_after_s <= 3600 / RATE
        assert answer.headers["RateLimit-Policy"] == POLICY
        assert answer.headers["RateLimit"] == f'"requests";r=0;t={retry_after_s}'
        assert answer.json["detail"] == "You ask more often than you may."

    async def test_whatever_plays_takes_from_the_same_bucket(
        self, strict: Service, video: Any
    ) -> None:
        who = await enrolled(strict, "player")
        playback = await playback_of(strict, video, who)
        by_bearer = [stream_of(video), video["thumbnails"]["small"]]
        paths = [
            *((who, path) for path in (*by_bearer, f"/api/v1/videos/{video['id']}/download")),
            (None, playback["stream_url"]),
            (who, f"/api/v1/videos/{video['id']}/thumbnails/none"),
        ]
        grants = [f"videos/{video['id']}/playback", "events/grant"]

        first = [(await strict.ask(one, "GET", path)).said for one, path in paths]
        paths.append((None, playback["thumbnails"]["small"]))
        second = [(await strict.ask(one, "GET", path)).said for one, path in paths]
        third = [(await strict.ask(who, "POST", path, {})).said for path in grants]

        assert first == ["200"] * 4 + ["404 not-found"]
        assert second + third == [LIMITED] * 8

    async def test_what_does_not_play_is_free(self, strict: Service, video: Any) -> None:
        who = await enrolled(strict, "reporter")
        playback = await playback_of(strict, video, who)
        await spend(strict, who, video, already=1)
        report = {"session_id": "s", "sequence": 0, "position": 1, "watched": [], "event": "paused"}
        reported = playback["stream_url"].rsplit("/", 1)[0] + "/progress"

        said = [
            (await strict.ask(None, "POST", reported, report)).said,
            (await strict.ask(who, "GET", f"videos/{video['id']}")).said,
        ]

        assert said == ["200", "200"]

    async def test_others_are_not_concerned(self, strict: Service, video: Any) -> None:
        await spend(strict, await enrolled(strict, "greedy"), video)

        modest = await enrolled(strict, "modest")
        assert (await strict.ask(modest, "GET", stream_of(video))).said == "200"

    async def test_services_are_free_of_it_by_token_and_by_grant(
        self, strict: Service, video: Any
    ) -> None:
        playback = await playback_of(strict, video, "svc")
        said = {
            (await strict.ask(who, "HEAD", path)).said
            for who, path in (("svc", stream_of(video)), (None, playback["stream_url"]))
            for _ in range(2 * RATE + 1)
        }

        assert said == {"200"}

    async def test_admins_are_not(self, strict: Service, video: Any) -> None:
        assert (await spend(strict, "root", video)).said == LIMITED
        assert (await strict.ask("root", "GET", "courses")).said == "200"

    async def test_strangers_are_refused_without_a_question_to_the_database(
        self, strict: Service, video: Any
    ) -> None:
        for _ in range(2 * RATE):
            assert (await strict.ask("eve", "GET", stream_of(video))).said == "403 not-enrolled"

        assert (await strict.ask("eve", "GET", stream_of(video))).said == LIMITED

    async def test_pages_of_other_origins_may_read_what_it_says(
        self, strict: Service, video: Any
    ) -> None:
        who = await enrolled(strict, "page")
        await spend(strict, who, video)
        answer = await strict.ask(who, "GET", stream_of(video), headers={"Origin": ORIGIN})

        exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
        assert answer.said == LIMITED
        assert {"Retry-After", "RateLimit", "RateLimit-Policy"} <= set(exposed)

    async def test_answers_that_succeed_are_silent_about_it(
        self, strict: Service, video: Any
    ) -> None:
        answer = await strict.ask(await enrolled(strict, "fine"), "GET", stream_of(video))

        assert answer.said == "200"
        assert {"RateLimit", "RateLimit-Policy"}.isdisjoint(answer.headers)


@asynccontextmanager
async def streams(service: Service, path: str, who: str, count: int) -> AsyncIterator[list[Wire]]:
    """So many that run, their clients reading nothing."""
    async with AsyncExitStack() as stack:
        wires = [await stack.enter_async_context(connected(service.url)) for _ in range(count)]
        for wire in wires:
            await begin(wire, path, who)
        yield wires


async def begin(wire: Wire, path: str, who: str) -> None:
    await wire.send(*request(path, who))
    head = await wire.reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head


def request(path: str, who: str, *lines: str) -> tuple[str, ...]:
    token = mint_token(SECRET, who, roles=["service"] if who == "svc" else [])
    return (f"GET {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}", *lines)


async def asked(service: Service, path: str, who: str) -> WireAnswer:
    """The answer to one range."""
    async with connected(service.url) as wire:
        return await wire.ask(*request(path, who, "Range: bytes=0-9"))


class TestStreams:
    @pytest.fixture
    def few(self, usual: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
        """Two at once."""
        monkeypatch.setattr(usual.app[keys.PLAYING_LIMITS], "_streams", STREAMS)
        return usual

    async def test_one_too_many_is_refused_until_another_ends(
        self, few: Service, long_video: Any
    ) -> None:
        who, path = await enrolled(few, "watcher"), stream_of(long_video)
        playback = await playback_of(few, long_video, who)
        async with streams(few, path, who, STREAMS) as wires:
            refused = [
                await asked(few, path, who),
                await asked(few, f"/api/v1/videos/{long_video['id']}/download", who),
                await asked(few, playback["stream_url"], who),
            ]
            picture = await few.ask(None, "GET", playback["thumbnails"]["small"])
            wires[0].writer.transport.abort()
            answer = await until_admitted(few, path, who)

        assert [one.status for one in refused] == [429] * 3
        assert refused[0].headers["RateLimit"] == '"streams";r=0'
        assert picture.status == 200
        assert answer.status == 206

    async def test_services_may_have_more(self, few: Service, long_video: Any) -> None:
        path = stream_of(long_video)
        async with streams(few, path, "svc", STREAMS + 2):
            assert (await asked(few, path, "svc")).status == 206

    async def test_requests_that_come_together_do_not_slip_through(
        self, few: Service, long_video: Any
    ) -> None:
        who, path = await enrolled(few, "rusher"), stream_of(long_video)
        async with AsyncExitStack() as stack:
            wires = [await stack.enter_async_context(connected(few.url)) for _ in range(10)]
            await asyncio.gather(*(wire.send(*request(path, who)) for wire in wires))
            heads = await asyncio.gather(*(wire.reader.readuntil(b"\r\n\r\n") for wire in wires))

        said = sorted(head.split(b" ")[1] for head in heads)
        assert said == [b"200"] * STREAMS + [b"429"] * 8

    async def test_repeated_requests_that_come_together_do_not_slip_through(
        self, few: Service, long_video: Any
    ) -> None:
        who, path = await enrolled(few, "repeater"), stream_of(long_video)
        for _ in range(2):  # the first change of the log may forget what was just learnt
            await asked(few, path, who)
        async with AsyncExitStack() as stack:
            wires = [await stack.enter_async_context(connected(few.url)) for _ in range(10)]
            lines = request(path, who, "Range: bytes=0-")
            await asyncio.gather(*(wire.send(*lines) for wire in wires))
            said = sorted([(await wire.head()).status for wire in wires])

        assert said == [206] * STREAMS + [429] * 8

    async def test_a_seek_finds_the_place_of_the_connection_it_cut(
        self, few: Service, long_video: Any
    ) -> None:
        """Chromium cuts before it connects anew; both places are taken all the time."""
        who, path = await enrolled(few, "seeker"), stream_of(long_video)
        async with streams(few, path, who, STREAMS - 1):
            for _ in range(20):
                async with connected(few.url) as wire:
                    await begin(wire, path, who)


async def until_admitted(service: Service, path: str, who: str) -> WireAnswer:
    """At once means: before anybody could ask again."""
    async with asyncio.timeout(1.0):
        while (answer := await asked(service, path, who)).status == 429:
            pass
    return answer


async def test_a_scrubber_may_be_dragged(usual: Service, long_video: Any) -> None:
    """As Chromium does it: twenty seeks a second, in fours, each cutting the transfer before."""
    who = await enrolled(usual, "dragger")
    path = (await playback_of(usual, long_video, who))["stream_url"]
    statuses = []
    for seek in range(SEEKS):
        start = seek * long_video["size"] // SEEKS
        async with connected(usual.url) as wire:
            await wire.send(f"GET {path} HTTP/1.1", "Host: x", f"Range: bytes={start}-")
            head = await wire.reader.readuntil(b"\r\n\r\n")
            statuses.append(int(head.split(b" ")[1]))
            await wire.reader.read(2**16)
        if seek % 4 == 3:
            await asyncio.sleep(4 * SEEK_INTERVAL_S)

    assert statuses == [206] * SEEKS
