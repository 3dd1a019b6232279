"""ACCEL_REDIRECT behind deploy/nginx.conf: nginx sends the bytes, the service decides all else."""

import asyncio
import contextlib
import os
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.deploy.conftest import Upstream, fast_directory
from tests.deploy.proxies.configured.nginx_proxy import running_nginx
from tests.deploy.proxies.ranged import SLICE, ask, range_fields, same
from tests.harness.running import free_port, stop
from tests.harness.serving import Serve, call, ready_video, served_from, write_large_mp4
from tests.harness.waiting import wait_until
from tests.harness.wire import WireAnswer, connected

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Of one connection, or made by whoever answers.
NOT_COMPARED = {"Date", "Server", "Connection", "X-Request-ID", "Cache-Control"}
ASKED_AT_ONCE = 8  # STREAMS_PER_USER, and limit_conn in deploy/nginx.conf


@dataclass(frozen=True)
class Accelerated:
    """nginx before a service that hands bytes over, and what the same service answered before."""

    url: str
    serve: Serve
    video: Any
    told: Any
    token: str
    expected: dict[tuple[str, ...], WireAnswer]

    @property
    def urls(self) -> list[str]:
        told, video = self.told, f"/api/v1/videos/{self.video['id']}"
        play = [told["stream_url"], told["storyboard_url"], *told["thumbnails"].values()]
        return [*play, f"{video}/stream", f"{video}/download", f"{video}/thumbnails/small"]

    async def ask(self, *asked: str) -> WireAnswer:
        return await through(self.url, self.token, *asked)


async def through(url: str, token: str, method: str, path: str, *fields: str) -> WireAnswer:
    return await ask(url, path, f"Authorization: Bearer {token}", *fields, method=method)


PRECONDITIONS = [
    ("If-None-Match: <etag>",),
    ('If-None-Match: "other"', "Range: bytes=0-9"),
    ("If-Modified-Since: <date>",),
    ("If-Modified-Since: Fri, 01 Jan 2010 00:00:00 GMT", "Range: bytes=0-9"),
    ('If-Match: "other"',),
    ("If-Match: <etag>", "Range: bytes=0-9"),
    ("If-Unmodified-Since: <date>",),
    ("If-Unmodified-Since: Fri, 01 Jan 2010 00:00:00 GMT",),
    ("If-Range: <etag>", "Range: bytes=5-9"),
    ("If-Range: <date>", "Range: bytes=5-9"),
    ("If-Range: <etag>", "Range: bytes=5-9,20-29"),
    ('If-Range: "other"', "Range: bytes=5-9"),
    ("If-Range: W/<etag>", "Range: bytes=5-9"),
]


def conversations(found: Accelerated, size: int, known: WireAnswer) -> list[tuple[str, ...]]:
    """Every request of these tests: method, path, fields."""
    stream = found.told["stream_url"]
    filled = [
        tuple(
            one.replace("<etag>", known.headers["ETag"]).replace(
                "<date>", known.headers["Last-Modified"]
            )
            for one in fields
        )
        for fields in PRECONDITIONS
    ]
    asked = [(stream, *fields) for fields in (*range_fields(size), *filled)]
    asked += [(url, *fields) for url in found.urls for fields in ((), ("Range: bytes=3-7",))]
    return [(method, *one) for one in asked for method in ("GET", "HEAD")]


@pytest.fixture(scope="module")
def serving(made_cluster: Path) -> Iterator[Serve]:
    with fast_directory() as directory, served_from(directory, made_cluster) as serve:
        yield serve


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def accelerated(
    serving: Serve, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Accelerated]:
    """Asked directly first, then again with the setting, behind nginx."""
    serving.settings |= {"LOG_LEVEL": "info", "STREAM_RATE_LIMIT": "1000000/second"}
    await asyncio.to_thread(serving.start)
    media = tmp_path_factory.mktemp("media")
    file = await asyncio.to_thread(write_large_mp4, media, os.urandom(SLICE))
    video = await ready_video(serving, file)
    async with serving.client("ada") as session:
        path = f"/api/v1/videos/{video['id']}/playback"
        told = await wait_until(
            lambda: call(session, "POST", path, json={}),
            lambda told: told["storyboard_url"],
            within_s=30,
        )
    found = Accelerated("", serving, video, told, serving.token("ada"), {})
    known = await through(serving.url, found.token, "GET", told["stream_url"])
    for asked in conversations(found, len(known.body), known):
        found.expected[asked] = await through(serving.url, found.token, *asked)
    await asyncio.to_thread(stop, serving.process)
    serving.settings["ACCEL_REDIRECT"] = "/internal/"
    await asyncio.to_thread(serving.start)
    upstream = Upstream(serving.port, serving.output, video["id"], file)
    storage = serving.data_dir / "storage"
    nginx = tmp_path_factory.mktemp("nginx")
    with running_nginx(upstream, nginx, free_port(), storage) as proxy:
        yield Accelerated(proxy.url, serving, video, told, found.token, found.expected)


async def test_every_answer_is_as_without_it(accelerated: Accelerated) -> None:
    for asked, direct in accelerated.expected.items():
        answer = await accelerated.ask(*asked)
        assert same(answer) == same(direct), asked
    assert len(accelerated.expected) > 180


async def test_every_field_is_as_without_it(accelerated: Accelerated) -> None:
    asked = [one for one in accelerated.expected if one[0] == "GET" and "," not in one[-1]]
    compared = 0
    for one in asked:
        direct, answer = accelerated.expected[one], await accelerated.ask(*one)
        if direct.status in (200, 206) and "boundary" not in direct.headers["Content-Type"]:
            ours, theirs = [
                sorted((k.title(), v) for k, v in a.headers.items() if k not in NOT_COMPARED)
                for a in (answer, direct)
            ]
            assert ours == theirs, one
            assert answer.headers["Cache-Control"].startswith("private, ")
            assert len(answer.headers["X-Request-ID"]) == 32
            compared += 1
    assert compared > 40


async def test_the_service_itself_sends_no_byte_of_a_plain_range(accelerated: Accelerated) -> None:
    path = accelerated.told["stream_url"]

    for _ in range(4):  # nor when it is repeated
        answer = await ask(accelerated.serve.url, path, "Range: bytes=0-999")
        assert (answer.status, answer.body) == (200, b"")
        asset = path.rpartition("/")[2]
        where = f"/internal/courses/c1/{accelerated.video['id']}/{asset}"
        assert answer.headers["X-Accel-Redirect"] == where
        assert answer.headers["X-Accel-Viewer"] == "ada"
    behind = await accelerated.ask("GET", path, "Range: bytes=0-999")
    assert not [name for name in behind.headers if name.startswith("X-Accel")]


async def test_services_and_pictures_count_for_no_streams(accelerated: Accelerated) -> None:
    service = accelerated.serve.token("svc", "service")
    url = accelerated.serve.url
    video = f"/api/v1/videos/{accelerated.video['id']}"

    by_service = await through(url, service, "GET", f"{video}/stream")
    picture = await through(url, accelerated.token, "GET", f"{video}/thumbnails/small")

    for answer in (by_service, picture):
        assert "X-Accel-Redirect" in answer.headers
        assert "X-Accel-Viewer" not in answer.headers


async def test_nobody_reaches_the_files_without_the_service(accelerated: Accelerated) -> None:
    asset = accelerated.told["stream_url"].rpartition("/")[2]
    video = accelerated.video["id"]

    for path in (f"/internal/courses/c1/{video}/{asset}", "/internal/", "/internal/../internal/x"):
        assert (await accelerated.ask("GET", path)).status == 404
    forged = "X-Accel-Redirect: /internal/.coursestream"
    assert (await accelerated.ask("GET", "/healthz", forged)).body != b""


@contextlib.asynccontextmanager
async def slow_reader(url: str, path: str) -> AsyncIterator[int]:
    async with connected(url, receive_buffer_bytes=4096, buffer_bytes=4096) as wire:
        await wire.send(f"GET {path} HTTP/1.1", "Host: x")
        yield (await wire.head()).status


async def test_streams_at_once_are_limited_by_nginx(
    accelerated: Accelerated, tmp_path: Path
) -> None:
    file = await asyncio.to_thread(write_large_mp4, tmp_path)
    video = await ready_video(accelerated.serve, file)
    async with accelerated.serve.client("ada") as session:
        told = await call(session, "POST", f"/api/v1/videos/{video['id']}/playback", json={})
    path = told["stream_url"]
    async with contextlib.AsyncExitStack() as stack:
        readers = [slow_reader(accelerated.url, path) for _ in range(ASKED_AT_ONCE + 1)]
        statuses = [await stack.enter_async_context(one) for one in readers]

    assert statuses == [200] * ASKED_AT_ONCE + [429]


async def test_a_withdrawn_viewer_is_refused(accelerated: Accelerated) -> None:
    serve, video = accelerated.serve, accelerated.video
    async with serve.client("root", "admin") as admin, serve.client("leaver") as leaver:
        enrolment = "/api/v1/courses/c1/enrollments/leaver"
        await call(admin, "PUT", enrolment, json={"role": "student"})
        path = f"/api/v1/videos/{video['id']}/playback"
        url = (await call(leaver, "POST", path, json={}))["stream_url"]
        for _ in range(3):
            assert (await ask(accelerated.url, url, "Range: bytes=0-9")).status == 206
        await admin.delete(enrolment)

    await wait_until(
        lambda: ask(accelerated.url, url, "Range: bytes=0-9"),
        lambda answer: answer.status == 403,
        within_s=5,
    )


async def test_the_start_says_what_is_not_seen(accelerated: Accelerated) -> None:
    log = await asyncio.to_thread(accelerated.serve.log)

    assert re.search(r"ACCEL_REDIRECT: nginx sends the bytes .* missing in bytes_served", log)


async def test_a_file_that_lost_bytes_is_503(accelerated: Accelerated) -> None:
    """Stands last: it breaks the file."""
    asset = accelerated.told["stream_url"].rpartition("/")[2]
    (file,) = (accelerated.serve.data_dir / "storage").rglob(asset)
    await asyncio.to_thread(os.truncate, file, 1000)

    answer = await wait_until(
        lambda: accelerated.ask("GET", accelerated.told["stream_url"]),
        lambda answer: answer.status != 200,
        within_s=15,
    )

    assert answer.status == 503
