"""A video that still stands in S3: what its viewers are answered until it is here."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import aiohttp
import pytest

from db import space
from events.takeover import s3_urls
from events.takeover.s3_urls import S3Sources
from events.takeover.switch_source import switch_source
from events.upkeep.survey import survey
from events.upkeep.trash import sweep
from handlers import keys
from tests.handlers.conftest import furnish
from tests.handlers.support.playing import playback, stream_of
from tests.handlers.support.watching import settled
from tests.programs.object_store import BUCKET, ObjectStore, object_store
from tests.service.moving import Moving

UNKNOWN = ("duration", "width", "height", "rotation", "container", "video_codec", "mime_type")
JOBS = "SELECT count(*) AS count FROM procrastinate_jobs WHERE status = 'todo'"


@pytest.fixture(scope="module")
def shared_store() -> Iterator[ObjectStore]:
    with object_store() as made:
        yield made


@pytest.fixture
def store(shared_store: ObjectStore, mp4: Path) -> ObjectStore:
    shared_store.reset()
    shared_store.put("a.mp4", mp4.read_bytes())
    return shared_store


@pytest.fixture
async def service(start_service: Any) -> Any:
    """With the one picture that a video needs to be ready."""
    service = await start_service(THUMBNAIL_SIZES="small:40")
    await furnish(service)
    return service


@pytest.fixture
def moving(store: ObjectStore) -> Moving:
    return Moving.of(store)


@pytest.fixture
async def video(service: Any, moving: Moving) -> Any:
    video_id = await moving.announce(service.app[keys.DATABASE])
    return (await service.ask("ada", "GET", f"videos/{video_id}")).json


@pytest.fixture
async def outside() -> AsyncIterator[aiohttp.ClientSession]:
    """A client that follows a redirect as a browser does."""
    async with aiohttp.ClientSession() as session:
        yield session


async def redirected(service: Any, who: str | None, path: str, method: str = "GET") -> Any:
    return await service.ask(who, method, path, allow_redirects=False)


async def taken_over(service: Any, video: Any, moving: Moving) -> None:
    """Fetched, entered and made ready, as the web process has heard."""
    await moving.take(service)
    await service.process(video["id"])
    await settled(service)


async def turned(service: Any, **how: Any) -> list[str]:
    modules = await switch_source(service.app[keys.DATABASE], **how)
    await settled(service)
    return modules


async def test_students_see_it_and_get_what_is_known(service: Any, video: Any) -> None:
    assert video["status"] == "ready"
    assert [video[name] for name in UNKNOWN] == [None] * len(UNKNOWN)
    assert (video["formats"], video["thumbnails"], video["size"]) == ([], {}, None)
    listed = (await service.ask("ada", "GET", "modules/m1/videos")).json["items"]
    course = (await service.ask("ada", "GET", "courses/c1")).json
    assert listed == [video]
    assert [one["id"] for one in course["modules"][0]["videos"]] == [video["id"]]


async def test_no_edge_stands_before_s3(start_service: Any, moving: Moving) -> None:
    """A redirect is nothing that an edge could keep."""
    service = await start_service(CDN_URL="https://cdn.example.org")
    await furnish(service)
    video_id = await moving.announce(service.app[keys.DATABASE])

    terms = await playback(service, {"id": str(video_id)})

    assert terms["stream_url"] == f"/play/{terms['grant']}/{video_id}/in-s3"


async def test_it_plays_from_s3_by_grant(
    service: Any, video: Any, mp4: Path, outside: aiohttp.ClientSession
) -> None:
    content = mp4.read_bytes()
    terms = await playback(service, video)
    (source,) = terms["sources"]
    assert source == {"url": terms["stream_url"], "type": "video/mp4"}
    assert source["url"] == f"/play/{terms['grant']}/{video['id']}/in-s3"
    assert (terms["duration"], terms["thumbnails"], terms["storyboard_url"]) == (None, {}, None)

    answer = await redirected(service, None, source["url"])
    assert (answer.status, answer.body) == (307, b"")
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    async with outside.get(service.url + source["url"]) as response:
        assert (response.status, await response.read()) == (200, content)
    ranged = {"Range": "bytes=100-299"}
    async with outside.get(service.url + source["url"], headers=ranged) as response:
        assert (response.status, await response.read()) == (206, content[100:300])
        assert response.headers["Content-Range"] == f"bytes 100-299/{len(content)}"
    async with outside.head(service.url + source["url"], allow_redirects=True) as response:
        assert (response.status, response.content_length) == (200, len(content))


async def test_the_address_in_s3_ends_with_the_grant_at_the_latest(
    start_service: Any, moving: Moving
) -> None:
    service = await start_service(GRANT_TTL="100s")
    for path, body in (
        ("courses/c1", {"title": "C"}),
        ("courses/c1/enrollments/ada", {"role": "student"}),
    ):
        await service.put(path, body)
    video_id = await moving.announce(service.app[keys.DATABASE])
    terms = await playback(service, {"id": video_id})
    answer = await redirected(service, None, terms["stream_url"])
    life_s = parse_qs(urlsplit(answer.headers["Location"]).query)["X-Amz-Expires"]
    assert 90 <= int(life_s[0]) <= 100


async def test_it_streams_and_downloads_by_bearer_token(
    service: Any, video: Any, mp4: Path, outside: aiohttp.ClientSession
) -> None:
    for path in (stream_of(video), f"/api/v1/videos/{video['id']}/download"):
        answer = await redirected(service, "ada", path)
        assert answer.status == 307
        async with outside.get(answer.headers["Location"]) as response:
            assert await response.read() == mp4.read_bytes()
    assert 'filename="a.mp4"' in response.headers["Content-Disposition"]


async def test_nobody_else_is_sent_there(service: Any, video: Any) -> None:
    terms = await playback(service, video)
    other = terms["stream_url"].replace(terms["grant"], terms["grant"][:-4] + "AAAA")
    assert (await redirected(service, None, other)).said == "401 invalid-token"
    path = f"videos/{video['id']}"
    assert (await redirected(service, "eve", stream_of(video))).said == "403 not-enrolled"
    assert (await service.ask("eve", "POST", f"{path}/playback", {})).said == "403 not-enrolled"
    assert (await service.ask("tess", "DELETE", "courses/c1/enrollments/ada")).status == 204
    assert await service.is_soon("403 not-enrolled", None, "GET", terms["stream_url"])


async def test_pictures_are_not_ready_and_captions_may_come(service: Any, video: Any) -> None:
    path = f"videos/{video['id']}"
    assert (await service.ask("ada", "GET", f"{path}/thumbnails/small")).said == "409 not-ready"
    assert (await service.ask("ada", "GET", f"{path}/storyboard.vtt")).said == "409 not-ready"
    cue = b"WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n"
    headers = {"Content-Type": "text/vtt"}
    answer = await service.ask("tess", "PUT", f"{path}/captions/en", data=cue, headers=headers)
    assert answer.status == 201
    assert [one["language"] for one in (await playback(service, video))["captions"]] == ["en"]


@pytest.mark.parametrize("how", ["object", "bucket"])
async def test_what_is_gone_from_s3_is_reported(
    service: Any, video: Any, store: ObjectStore, how: str
) -> None:
    await asyncio.to_thread(store.client.delete_object, Bucket=BUCKET, Key="a.mp4")
    if how == "bucket":
        await asyncio.to_thread(store.client.delete_bucket, Bucket=BUCKET)
    answer = await service.ask("ada", "POST", f"videos/{video['id']}/playback", {})
    assert answer.said == "409 failed"
    assert "S3" in answer.json["detail"]


@pytest.mark.parametrize("lack", ["credentials", "extra"])
async def test_a_server_that_cannot_sign_says_so_and_is_ready_all_the_same(
    service: Any, video: Any, monkeypatch: pytest.MonkeyPatch, lack: str
) -> None:
    if lack == "extra":
        monkeypatch.setattr(s3_urls, "PRESIGNING", "boto3_is_not_here")
    else:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
    for method, path in (("POST", f"videos/{video['id']}/playback"), ("GET", stream_of(video))):
        answer = await service.ask("ada", method, path, {} if method == "POST" else None)
        assert answer.said == "503 unavailable"
        assert "boto3" not in answer.json["detail"]
        assert "Retry-After" in answer.headers
    assert (await service.ask(None, "GET", "/readyz")).said == "200"
    monkeypatch.undo()
    if lack == "credentials":  # they are looked for again
        return
    assert (await redirected(service, "ada", stream_of(video))).status == 307


async def test_a_search_for_credentials_that_hangs_is_given_up(
    service: Any, video: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hanging(*_: object) -> None:
        asyncio.run_coroutine_threadsafe(held.wait(), loop).result(10)

    monkeypatch.setattr(s3_urls, "_open_client", hanging)
    executor = service.app[keys.S3_SOURCES]._executor
    monkeypatch.setitem(service.app._state, keys.S3_SOURCES, S3Sources(executor, timeout_s=0.05))
    try:
        assert (await redirected(service, "ada", stream_of(video))).said == "503 unavailable"
    finally:
        held.set()


async def test_what_was_watched_there_counts_once_the_duration_is_known(
    service: Any, video: Any, moving: Moving
) -> None:
    """Two seconds of film; half of what was reported lies behind its end."""
    terms = await playback(service, video)
    path = f"/play/{terms['grant']}/{video['id']}/progress"
    report = {"session_id": "s", "sequence": 0, "position": 4.0, "event": "progress"}
    answer = await service.ask(None, "POST", path, {**report, "watched": [[0, 4]]})
    assert answer.said == "200"
    assert (answer.json["watched_seconds"], answer.json["watched_ratio"]) == (4.0, 0.0)
    assert (answer.json["position"], answer.json["completed"]) == (4.0, False)
    assert (await playback(service, video))["resume_position"] == 4.0
    too_far = {**report, "sequence": 1, "position": 24 * 3600 + 2.0, "watched": []}
    assert (await service.ask(None, "POST", path, too_far)).said == "400 invalid-request"

    await taken_over(service, video, moving)
    state = (await service.ask("ada", "GET", f"videos/{video['id']}/progress")).json
    assert state["watched"] == [[0.0, 2.0]]
    assert (state["watched_ratio"], state["completed"], state["position"]) == (1.0, True, 4.0)
    told = "SELECT user_id, payload->>'session_id' FROM event_log WHERE type = %s"
    rows = await service.app[keys.DATABASE].fetch_all(told, ("playback.completed",))
    assert [tuple(row) for row in rows] == [("ada", "s")]
    late = {**report, "sequence": 2, "watched": [[0, 4]]}
    again = await service.ask(None, "POST", path, late)  # by a grant that knows no duration
    assert (again.said, again.json["watched_seconds"]) == ("200", 2.0)


async def test_it_plays_from_s3_until_it_is_ready_and_then_from_here(
    service: Any, video: Any, moving: Moving, mp4: Path, outside: aiohttp.ClientSession
) -> None:
    begun = await playback(service, video)
    await moving.take(service)
    await settled(service)
    assert (await service.ask("ada", "GET", f"videos/{video['id']}")).json["status"] == "ready"
    during = await playback(service, video)
    assert during["stream_url"].endswith("/in-s3")
    assert during["duration"] == 2.0
    await service.process(video["id"])
    await settled(service)
    after = await playback(service, video)
    assert after["stream_url"].endswith(".mp4")
    assert (await redirected(service, None, after["stream_url"])).status == 200
    assert (await redirected(service, "ada", stream_of(video))).status == 200
    # A viewer who began to play continues with the same bytes.
    async with outside.get(service.url + begun["stream_url"]) as response:
        assert await response.read() == mp4.read_bytes()
    await _goes_back_and_comes_again(service, video, after)


async def _goes_back_and_comes_again(service: Any, video: Any, local: Any) -> None:
    assert await turned(service, is_local=False) == ["m1"]
    assert await turned(service, is_local=False) == []
    assert (await redirected(service, "ada", stream_of(video))).status == 307
    old = await playback(service, video)
    assert old["stream_url"].endswith("/in-s3")
    assert (old["duration"], old["thumbnails"].keys()) == (2.0, local["thumbnails"].keys())
    assert (await service.ask(None, "GET", local["stream_url"])).status == 200  # it stays
    assert await turned(service, is_local=True, module_ids=["m1"]) == ["m1"]
    assert (await redirected(service, "ada", stream_of(video))).status == 200


async def test_a_video_that_cannot_be_made_here_goes_on_there_and_says_why(
    service: Any, video: Any, moving: Moving
) -> None:
    await moving.take(service)
    path = service.app[keys.STORAGE].asset("c1", UUID(video["id"]), "original.mp4")
    await asyncio.to_thread(path.write_bytes, b"no video any more")
    await service.process(video["id"])
    await settled(service)
    failed = (await service.ask("ada", "GET", f"videos/{video['id']}")).json
    assert (failed["status"], failed["failure"] is not None) == ("ready", True)
    assert (await playback(service, video))["stream_url"].endswith("/in-s3")


async def test_deleted_it_is_gone_and_restored_it_is_there_without_work(
    service: Any, video: Any, moving: Moving
) -> None:
    database, path = service.app[keys.DATABASE], f"videos/{video['id']}"
    terms = await playback(service, video)
    assert (await service.ask("tess", "DELETE", path)).status == 204
    assert (await service.ask("root", "GET", path)).said == "404 not-found"
    assert await service.is_soon("403 not-enrolled", None, "GET", terms["stream_url"])
    assert (await service.ask("tess", "POST", f"{path}/restore")).json["status"] == "ready"
    assert (await playback(service, video))["stream_url"].endswith("/in-s3")
    assert tuple(await database.fetch_one(JOBS)) == (0,)


async def test_the_trash_takes_it(service: Any, video: Any) -> None:
    database, storage = service.app[keys.DATABASE], service.app[keys.STORAGE]
    assert (await service.ask("tess", "DELETE", f"videos/{video['id']}")).status == 204
    assert await sweep(database, storage, 0.0) == [UUID(video["id"])]


async def test_it_takes_no_room_and_lacks_nothing(service: Any, video: Any, moving: Moving) -> None:
    database, storage = service.app[keys.DATABASE], service.app[keys.STORAGE]
    assert await space.read_used_bytes(database) == 0
    assert (await survey(database, storage)).findings == ()
    stray = storage.asset("c1", UUID(video["id"]), "original.mp4")
    await asyncio.to_thread(stray.parent.mkdir, parents=True)
    await asyncio.to_thread(stray.write_bytes, b"left by an import that was killed")
    assert [one.kind for one in (await survey(database, storage)).findings] == ["stray"]
    await moving.take(service)
    assert (await survey(database, storage)).findings == ()
