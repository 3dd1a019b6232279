"""deploy/edge.conf in the nginx of Debian, between viewers and a service that may die."""

import asyncio
import json
import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import aiohttp
import pytest
import pytest_asyncio

from handlers.access.signatures.cdn_signatures import SecureLink
from tests.deploy.conftest import fast_directory
from tests.deploy.proxies.configured.nginx_edge import KEY, SECRET, Edge, running_edge
from tests.deploy.proxies.ranged import BOUNDARIES, SLICE, ask, range_fields, same
from tests.harness.serving import Serve, call, ready_video, served_from, write_large_mp4
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.asyncio(loop_scope="module")

# nginx before 1.23 reads the first of two lines, and it takes a reversed range for unsatisfiable.
OTHERWISE = ("two lines make no list", "last before first")
FILLER_BYTES = 5 * SLICE + 12_345
VIEWERS, PIECE = 20, 2**18
WITHDRAWN_WITHIN_S = 5.8  # six seconds for a viewer, with the request that is refused
SECOND_BEGINS_S = 0.06  # longer than the pauses of `wait_until`
WEBVTT = b"WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n"


@pytest.fixture(scope="module")
def origin(made_cluster: Path) -> Iterator[Serve]:
    with fast_directory() as directory:
        settings = {
            "CDN_URL": "https://edge.example.org",
            "CDN_ORIGIN_SECRET": SECRET,
            "LOG_LEVEL": "info",
            "STREAM_RATE_LIMIT": "1000000/second",
        }
        with served_from(directory, made_cluster, **settings) as serve:
            serve.start()
            yield serve


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def video(origin: Serve, tmp_path_factory: pytest.TempPathFactory) -> Any:
    directory = tmp_path_factory.mktemp("media")
    file = await asyncio.to_thread(write_large_mp4, directory, os.urandom(FILLER_BYTES))
    found = await ready_video(origin, file)
    async with origin.client("root", "admin") as admin:
        for what in ("captions/en", "chapters"):
            path = f"/api/v1/videos/{found['id']}/{what}"
            await call(admin, "PUT", path, data=WEBVTT, headers={"Content-Type": "text/vtt"})
    return found


@pytest.fixture(scope="module")
def edge(origin: Serve, video: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    with running_edge(origin, video, tmp_path_factory.mktemp("edge")) as edge:
        yield edge


@pytest.fixture(scope="module")
def own_edge(origin: Serve, video: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    with running_edge(origin, video, tmp_path_factory.mktemp("own"), is_own=True) as edge:
        yield edge


async def played(edge: Edge, who: str = "ada") -> Any:
    """The playback answer with its media as paths, which edge and origin have alike."""
    async with edge.origin.client("root", "admin") as admin:
        enrolment = f"/api/v1/courses/c1/enrollments/{who}"
        await call(admin, "PUT", enrolment, json={"role": "student"})
    async with edge.origin.client(who) as session:
        path = f"/api/v1/videos/{edge.video['id']}/playback"
        told = await call(session, "POST", path, json={})
    text = json.dumps(told).replace("https://edge.example.org", "")
    return json.loads(text)


def signed(edge: Edge, expires_s: int | None = None, key: str = KEY) -> str:
    ends = int(time.time()) + 600 if expires_s is None else expires_s
    return SecureLink(key).sign(UUID(edge.video["id"]), ends).path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def content(edge: Edge) -> bytes:
    return (await ask(edge.origin.url, (await played(edge))["stream_url"])).body


@pytest.mark.parametrize("which", ["edge", "own_edge"])
async def test_every_range_is_as_from_the_service(
    request: pytest.FixtureRequest, content: bytes, which: str
) -> None:
    edge: Edge = request.getfixturevalue(which)
    path = (await played(edge))["stream_url"]
    asked = range_fields(len(content), OTHERWISE)

    for fields in asked:
        for method in ("GET", "HEAD"):
            direct = await ask(edge.origin.url, path, *fields, method=method)
            through = await ask(edge.url, path, *fields, method=method)
            assert same(through) == same(direct), (method, fields[0][:60])
    assert len(asked) > 65


async def test_preconditions_are_as_from_the_service(edge: Edge, content: bytes) -> None:
    path = (await played(edge))["stream_url"]
    known = (await ask(edge.origin.url, path, method="HEAD")).headers
    for fields, status in (
        ([f"If-None-Match: {known['ETag']}"], 304),
        (['If-None-Match: "other"', "Range: bytes=0-9"], 206),
        ([f"If-Modified-Since: {known['Last-Modified']}"], 304),
        (["If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT"], 304),
        (['If-Match: "other"'], 412),
        ([f"If-Match: {known['ETag']}", "Range: bytes=0-9"], 206),
        (["If-Unmodified-Since: Fri, 01 Jan 2010 00:00:00 GMT"], 412),
        ([f"If-Range: {known['ETag']}", "Range: bytes=5-9"], 206),
        ([f"If-Range: {known['Last-Modified']}", "Range: bytes=5-9"], 206),
        (['If-Range: "other"', "Range: bytes=5-9"], 200),
    ):
        direct, through = [await ask(url, path, *fields) for url in (edge.origin.url, edge.url)]
        assert (direct.status, through.status) == (status, status), fields
        assert status >= 300 or through.body == direct.body


async def test_a_viewer_gets_the_headers_of_the_service(edge: Edge) -> None:
    """Above all the lifetime of the own grant, not of the one that filled the cache."""
    path = (await played(edge))["stream_url"]

    for _ in range(2):
        direct, through = [
            await ask(url, path, "Range: bytes=0-9") for url in (edge.origin.url, edge.url)
        ]
        for name in ("Referrer-Policy", "X-Content-Type-Options"):
            assert through.headers.getall(name) == direct.headers.getall(name)
        ages = [
            int(answer.headers["Cache-Control"].removeprefix("private, max-age="))
            for answer in (direct, through)
        ]
        assert 0 <= ages[1] - ages[0] <= 6
        assert len(through.headers["X-Request-ID"]) == 32
        assert through.headers["Access-Control-Allow-Origin"] == "*"
        assert "Content-Range" in through.headers["Access-Control-Expose-Headers"]


async def test_a_range_past_the_end_is_no_reason_to_send_fields_twice(
    edge: Edge, content: bytes
) -> None:
    path = (await played(edge))["stream_url"]

    for first in (len(content), 2 * len(content)):  # found by nginx, and by the service
        answer = await ask(edge.url, path, f"Range: bytes={first}-")
        assert answer.status == 416
        for name in ("Access-Control-Allow-Origin", "Cache-Control", "Content-Range"):
            assert len(answer.headers.getall(name)) == 1


@pytest.mark.parametrize("which", ["edge", "own_edge"])
async def test_pictures_captions_and_storyboards_pass(
    request: pytest.FixtureRequest, which: str
) -> None:
    edge: Edge = request.getfixturevalue(which)
    told = await played(edge)
    base = told["stream_url"].rpartition("/")[0]
    cues = await ask(edge.url, told["storyboard_url"])
    sheets = [f"{base}/{name}" for name in re.findall(r"storyboard-\w+\.jpg", cues.body.decode())]
    urls = [*told["thumbnails"].values(), told["storyboard_url"], told["chapters_url"], *sheets[:1]]
    urls += [caption["url"] for caption in told["captions"]]

    for url in urls:
        for _ in range(2):
            direct, through = [await ask(one, url) for one in (edge.origin.url, edge.url)]
            assert same(through) == same(direct)
            assert through.status == 200
    assert len(urls) == 7


async def test_captions_change_within_seconds(edge: Edge) -> None:
    url = (await played(edge))["captions"][0]["url"]
    assert b"Hello" in (await ask(edge.url, url)).body
    async with edge.origin.client("root", "admin") as admin:
        path = f"/api/v1/videos/{edge.video['id']}/captions/en"
        changed = WEBVTT.replace(b"Hello", b"Good day")
        await call(admin, "PUT", path, data=changed, headers={"Content-Type": "text/vtt"})

    await wait_until(
        lambda: ask(edge.url, url), lambda answer: b"Good day" in answer.body, within_s=8
    )
    assert (await ask(edge.url, url)).headers["Cache-Control"] == "private, no-cache"


class TestSecureLink:
    async def test_a_signature_opens_its_video(self, own_edge: Edge, content: bytes) -> None:
        asset = (await played(own_edge))["stream_url"].rpartition("/")[2]
        path = signed(own_edge) + asset

        for fields in ([], *([f"Range: {one}"] for one in BOUNDARIES)):
            direct = await ask(own_edge.origin.url, (await played(own_edge))["stream_url"], *fields)
            assert same(await ask(own_edge.url, path, *fields)) == same(direct)
        several = await ask(own_edge.url, path, "Range: bytes=0-9,20-29")
        assert (several.status, several.body) == (200, content)
        head = await ask(own_edge.url, path, "Range: bytes=0-9", method="HEAD")
        assert (head.status, head.headers["Content-Length"]) == (200, str(len(content)))
        assert head.headers["Cache-Control"] == "private, max-age=900"

    async def test_captions_and_chapters_pass(self, own_edge: Edge) -> None:
        for name in ("captions/en", "chapters"):
            answer = await ask(own_edge.url, signed(own_edge) + name)
            assert (answer.status, answer.headers["Cache-Control"]) == (200, "private, no-cache")

    async def test_nothing_else_does(self, own_edge: Edge) -> None:
        asset = (await played(own_edge))["stream_url"].rpartition("/")[2]
        ends = int(time.time()) + 600
        for path in (
            signed(own_edge, int(time.time()) - 1),
            signed(own_edge, key="another key of thirty-two bytes or more"),
            signed(own_edge, ends).replace(str(ends), str(ends + 1)),
            signed(own_edge).replace(own_edge.video["id"], str(UUID(int=1))),
        ):
            for name in (asset, "captions/en"):
                answer = await ask(own_edge.url, path + name)
                assert answer.status == 403
                assert answer.headers["Cache-Control"] == "no-store"

    async def test_without_a_key_there_are_no_signatures(self, edge: Edge) -> None:
        """An empty key would be anybody's."""
        asset = (await played(edge))["stream_url"].rpartition("/")[2]

        for name in (asset, "chapters"):
            assert (await ask(edge.url, signed(edge, key="") + name)).status == 404


async def test_the_api_is_not_at_the_edge(edge: Edge) -> None:
    told = await played(edge)
    for path in ("/api/v1/courses", told["events_url"], f"/media/{edge.video['id']}/x", "/healthz"):
        assert (await ask(edge.url, path)).status == 404
    assert (
        await ask(edge.url, told["stream_url"], "Content-Length: 0", method="POST")
    ).status == 405


async def test_pages_elsewhere_may_ask(edge: Edge) -> None:
    path = (await played(edge))["stream_url"]

    answer = await ask(edge.url, path, "Origin: https://x.example", method="OPTIONS")

    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Range" in answer.headers["Access-Control-Allow-Headers"]


async def sent_bytes(origin: Serve) -> int:
    """Bytes of bodies that the origin has sent, by its own account."""
    async with origin.client("svc", "service") as session, session.get("/metrics") as response:
        text = await response.text()
    found = re.findall(r"^coursestream_sent_bytes\S* ([\d.e+]+)$", text, re.MULTILINE)
    return int(sum(map(float, found)))


async def watch(edge: Edge, path: str, content: bytes) -> int:
    """Plays the whole video range by range; returns the requests."""
    async with aiohttp.ClientSession(edge.url) as session:
        for start in range(0, len(content), PIECE):
            asked = {"Range": f"bytes={start}-{start + PIECE - 1}"}
            async with session.get(path, headers=asked) as response:
                assert response.status == 206
                assert await response.read() == content[start : start + PIECE]
    return -(-len(content) // PIECE)


async def test_a_hall_costs_the_origin_one_copy(
    origin: Serve, video: Any, content: bytes, tmp_path: Path
) -> None:
    with running_edge(origin, video, tmp_path) as edge:
        paths = [(await played(edge, f"v{n}"))["stream_url"] for n in range(VIEWERS)]
        before = await sent_bytes(origin)

        await asyncio.gather(*(watch(edge, path, content) for path in paths))

        fetched = await sent_bytes(origin) - before
        lines = [line for line in edge.lines() if line["range"] and line["cache"]]
    media = [line for line in lines if line["path"].startswith("/play/")]
    cache = Counter(line["cache"] for line in media)
    assert fetched <= 1.05 * len(content)
    assert cache["HIT"] / cache.total() >= 0.95, cache
    assert len(paths) * len(content) / fetched > 19


async def test_what_players_say_is_in_no_key_and_no_log(
    origin: Serve, video: Any, tmp_path: Path
) -> None:
    with running_edge(origin, video, tmp_path, is_own=True) as edge:
        granted = (await played(edge))["stream_url"]
        for path in (granted, signed(edge) + granted.rpartition("/")[2]):
            plain = await ask(edge.url, path, "Range: bytes=3-8")
            for number in range(4):
                said = quote(f'bl={number}00,ot=v,sid="marked-{number}"', safe="")
                query = await ask(edge.url, f"{path}?CMCD={said}", "Range: bytes=3-8")
                session = f'CMCD-Session: sid="marked-{number}"'
                fields = await ask(edge.url, path, session, "Range: bytes=3-8")
                assert same(query) == same(fields) == same(plain)

        asset = granted.rpartition("/")[2]
        media = [line for line in edge.lines() if line["path"].endswith(asset)]
        cache = Counter(line["cache"] for line in media)
        assert (cache["MISS"], cache["HIT"]) == (1, 17)
        assert "marked" not in edge.log.read_text() + origin.log()


async def test_withdrawal_reaches_the_edge_within_six_seconds(edge: Edge) -> None:
    leaving, staying = await played(edge, "leaver"), await played(edge, "stayer")
    assert (await ask(edge.url, staying["stream_url"], "Range: bytes=0-9")).status == 206
    # nginx counts whole seconds: what it keeps from the beginning of one on, it keeps longest.
    await wait_until(lambda: time.time() % 1 < SECOND_BEGINS_S)
    assert (await ask(edge.url, leaving["stream_url"], "Range: bytes=0-9")).status == 206
    async with edge.origin.client("root", "admin") as admin:
        await admin.delete("/api/v1/courses/c1/enrollments/leaver")
    withdrawn_s = time.monotonic()

    refused = await wait_until(
        lambda: ask(edge.url, leaving["stream_url"], "Range: bytes=0-9"),
        lambda answer: answer.status != 206,
        within_s=WITHDRAWN_WITHIN_S,
    )

    assert (refused.status, time.monotonic() - withdrawn_s < WITHDRAWN_WITHIN_S) == (403, True)
    assert (await ask(edge.url, staying["stream_url"], "Range: bytes=0-9")).status == 206


async def test_a_bad_grant_is_401(edge: Edge) -> None:
    path = re.sub("/play/[^/]+", "/play/a.b.c", (await played(edge))["stream_url"])

    for fields in ((), ("Range: bytes=0-9",), ("Range: bytes=0-1,5-9",)):
        answer = await ask(edge.url, path, *fields)
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


async def test_no_grant_is_in_a_log(edge: Edge) -> None:
    told = await played(edge)
    for path in (told["stream_url"], f"/play/{told['grant']}", f"//play/{told['grant']}/x"):
        await ask(edge.url, path)

    written = "".join(path.read_text() for path in edge.directory.glob("*.log"))
    assert told["grant"] not in written
    assert "/play/***/" in written


class Watching:
    """Viewers that play on and on, and count what was refused them."""

    def __init__(self, edge: Edge, paths: list[str], content: bytes) -> None:
        self._edge, self._paths, self._content = edge, paths, content
        self.rounds = 0
        self.failures: list[object] = []

    async def until_stopped(self) -> None:
        await asyncio.gather(*(self._watch(path) for path in self._paths))

    async def _watch(self, path: str) -> None:
        while True:
            try:
                await watch(self._edge, path, self._content)
            except (AssertionError, aiohttp.ClientError) as exc:
                self.failures.append(exc)
            self.rounds += 1


async def test_viewers_go_on_while_the_origin_dies_and_comes_back(
    edge: Edge, content: bytes
) -> None:
    """Stands last: it kills the service."""
    origin, paths = edge.origin, [(await played(edge, f"s{n}"))["stream_url"] for n in range(3)]
    for path in paths:
        await watch(edge, path, content)
    watching = Watching(edge, paths, content)
    task = asyncio.create_task(watching.until_stopped())
    try:
        origin.process.kill()
        await asyncio.to_thread(origin.process.wait)
        killed_s, before = time.monotonic(), watching.rounds
        # Longer than an answer about a grant is believed while the origin is there.
        await wait_until(lambda: time.monotonic() - killed_s > 7, within_s=10)
        await wait_until(lambda: watching.rounds > before + 5, within_s=30)
        strange = re.sub("/play/[^/]+", "/play/d.e.f", paths[0])
        unknown = await ask(edge.url, strange)
        await asyncio.to_thread(origin.start)
        back = watching.rounds
        await wait_until(lambda: watching.rounds > back + 5, within_s=30)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    assert watching.failures == []
    assert (unknown.status, unknown.headers["Retry-After"]) == (503, "2")
