"""Pressing play: one statement for each viewer, and nothing old, whatever is cached where."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from handlers import keys
from tests.handlers.conftest import StartService, furnish
from tests.handlers.support.playing import playback, stream_of
from tests.handlers.uploads.test_replacement import put_file
from tests.harness.waiting import wait_until
from tests.programs.redis_server import RedisServer, running_redis

BUSY_S = 4.0
CUES = b"WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nHello\n"


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


class Statements:
    """Those sent on behalf of requests; what runs in the background has no request id."""

    def __init__(self, service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        database = service.app[keys.DATABASE]
        self._run, self.sent = database.run, []
        monkeypatch.setattr(database, "run", self._record)

    async def _record(self, connection: Any, sql: str, parameters: Any = ()) -> Any:
        if "request_id" in structlog.contextvars.get_contextvars():
            self.sent.append(sql)
        return await self._run(connection, sql, parameters)


@pytest.fixture
async def two(
    start_service: StartService, redis_server: RedisServer, mp4: Path
) -> tuple[Any, Any, Any]:
    """Two processes that share a Redis, and a ready video; the second knows nothing of it."""
    here = await start_service(REDIS_URL=redis_server.url)
    await furnish(here)
    video = await here.ready_video(mp4)
    there = await start_service(REDIS_URL=redis_server.url)
    return here, there, video


def facts_of(service: Any) -> Any:
    return service.app[keys.VIDEO_FACTS]


async def until_shelved(service: Any, video: Any) -> None:
    """Patient with a busy machine, unlike the product."""
    facts = facts_of(service)
    await wait_until(lambda: facts._shelf.get(_id(service, video)), bool)


def _id(service: Any, video: Any) -> Any:
    return next(one for one in service.app[keys.CATALOG]._remembered if str(one) == video["id"])


@pytest.mark.asyncio(loop_scope="module")
async def test_each_viewer_costs_one_statement(
    shared_service: Any, video: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await playback(shared_service, video)
    statements = Statements(shared_service, monkeypatch)

    for who in ("ada", "tess", "root"):
        await playback(shared_service, video, who)

    are_of_enrollments = ["enrollments" in sql for sql in statements.sent]
    assert are_of_enrollments == [True] * 3, "\n".join(statements.sent)


async def test_a_process_that_has_just_started_finds_the_facts_in_redis(
    two: tuple[Any, Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there, video = two
    expected = await playback(here, video)
    await until_shelved(here, video)
    statements = Statements(there, monkeypatch)

    told = await playback(there, video)

    assert len(statements.sent) == 1
    assert facts_of(there).read_counts == {"shelf": 1, "database": 0}
    assert [source["type"] for source in told["sources"]] == [
        source["type"] for source in expected["sources"]
    ]


async def test_a_process_that_hears_no_events_says_nothing_old(
    two: tuple[Any, Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its memory and Redis both have the facts from before."""
    here, there, video = two
    await playback(here, video)
    await until_shelved(here, video)
    assert (await playback(there, video))["captions"] == []
    monkeypatch.setattr(there.app[keys.CATALOG], "forget", lambda *_: None)
    monkeypatch.setattr(there.app[keys.ACCESS], "apply", lambda *_: None)

    path = f"videos/{video['id']}/captions/de"
    put = await here.ask("tess", "PUT", path, data=CUES, headers={"Content-Type": "text/vtt"})
    assert put.status in (200, 201), put.body
    assert len((await playback(there, video))["captions"]) == 1

    await here.ask("root", "DELETE", "courses/c1/enrollments/ada")
    path = f"videos/{video['id']}/playback"
    assert (await there.ask("ada", "POST", path, {})).said == "403 not-enrolled"

    await here.ask("tess", "DELETE", f"videos/{video['id']}")
    assert (await there.ask("tess", "POST", path, {})).said == "403 not-enrolled"
    assert (await there.ask("root", "POST", path, {})).said == "404 not-found"


async def film_shown_by(service: Any, video: Any) -> tuple[str, str]:
    """The film that pressing play gives, and the one in the course's outline."""
    sources = (await playback(service, video))["sources"]
    course = (await service.ask("ada", "GET", "courses/c1")).json
    [shown] = course["modules"][0]["videos"]
    return sources[0]["url"].rpartition("/")[2], shown["sha256"]


async def test_a_replaced_film_is_what_every_process_gives_at_once(
    two: tuple[Any, Any, Any], monkeypatch: pytest.MonkeyPatch, webm: Path
) -> None:
    """Redis and both memories are hot with the film before, and the second hears no events."""
    here, there, video = two
    before = await film_shown_by(here, video)
    await until_shelved(here, video)
    shelf = here.app[keys.OUTLINES]._shelf
    await wait_until(lambda: shelf.get("c1"), bool)
    assert (await film_shown_by(there, video))[1] == before[1] == video["sha256"]
    assert there.app[keys.OUTLINES].read_counts == {"shelf": 1, "database": 0}
    monkeypatch.setattr(there.app[keys.CATALOG], "forget", lambda *_: None)

    await put_file(here, video, webm.read_bytes())
    await here.process(video["id"])  # returns with the commit of the switch

    name, digest = await film_shown_by(there, video)
    assert name.endswith(".webm")
    assert digest not in ("", None, video["sha256"])
    assert (await film_shown_by(here, video)) == (name, digest)


async def test_a_process_that_hears_of_a_replaced_film_streams_it_within_a_second(
    two: tuple[Any, Any, Any], webm: Path
) -> None:
    """By bearer token no statement tells the version: the log does."""
    here, there, video = two
    await film_shown_by(here, video)
    await film_shown_by(there, video)

    async def etag() -> str:
        return str((await there.ask("ada", "HEAD", stream_of(video))).headers["ETag"])

    assert await etag() == f'"{video["sha256"][:16]}"'
    await put_file(here, video, webm.read_bytes())
    await here.process(video["id"])

    _, digest = await film_shown_by(here, video)
    # A second, and what a busy machine takes for asking.
    await wait_until(etag, lambda told: told == f'"{digest[:16]}"', within_s=1.0 + BUSY_S)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_course_costs_its_viewers_two_statements(
    shared_service: Any, video: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its version with its title, and the viewer's own progress."""
    for who in ("ada", "tess", "root"):
        await shared_service.ask(who, "GET", "courses/c1")
    statements = Statements(shared_service, monkeypatch)

    for who in ("ada", "tess", "root"):
        assert (await shared_service.ask(who, "GET", "courses/c1")).said == "200"

    kinds = ["outline" if "outline_versions" in sql else "progress" for sql in statements.sent]
    assert kinds == ["outline", "progress"] * 3
