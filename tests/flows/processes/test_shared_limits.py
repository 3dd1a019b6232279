"""The limits of a user over two nodes that share a Redis."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import pytest

from events.usage.board import LEASE_S
from tests.harness.serving import call, ready_video_of, report, write_large_mp4
from tests.harness.waiting import wait_until
from tests.harness.wire import connected
from tests.programs.redis_server import running_redis
from tests.service.several_nodes import Node, running_nodes

STREAMS = 2
REQUESTS = 40  # at once: twice the rate
SEEN_WITHIN_S = 5.0
TOTAL = re.compile(r'^coursestream_cluster_streams\{limit="(\w+)"\} (\S+)$', re.MULTILINE)


@pytest.fixture(scope="module")
def nodes(shared_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, ...]]:
    directory = tmp_path_factory.mktemp("shared")
    with (
        running_redis(directory) as redis,
        running_nodes(
            shared_dsn,
            directory,
            "ab",
            REDIS_URL=redis.url,
            MEDIA_WORKERS="1",
            STREAMS_PER_USER=str(STREAMS),
            SSE_PER_USER=str(STREAMS),
            STREAM_RATE_LIMIT=f"{REQUESTS // 2}/hour",
        ) as nodes,
    ):
        yield nodes


@pytest.fixture(scope="module")
def video(nodes: tuple[Node, ...], tmp_path_factory: pytest.TempPathFactory) -> Any:
    film = write_large_mp4(tmp_path_factory.mktemp("film"))

    async def publish() -> Any:
        async with nodes[0].client("root", "admin") as admin:
            return await ready_video_of(admin, film)

    return asyncio.run(publish())


async def test_streams_at_once_hold_over_nodes(nodes: tuple[Node, ...], video: Any) -> None:
    here, there = nodes
    path = f"/api/v1/videos/{video['id']}/stream"
    async with there.client("ada") as ada:
        async with AsyncExitStack() as watching:
            for _ in range(STREAMS):
                await watching.enter_async_context(stalled(here, "ada", path))
            await until_known(there, STREAMS)
            assert await answer_of(ada, path) == (429, '"streams";r=0')
            assert await totals(here) == await totals(there)
        await until_known(there, 0)
        assert await answer_of(ada, path) == (206, "")


async def test_event_streams_hold_over_nodes(nodes: tuple[Node, ...]) -> None:
    here, there = nodes
    path = "/api/v1/events"
    async with here.client("eve") as eve, there.client("eve") as elsewhere:
        async with AsyncExitStack() as listening:
            for _ in range(STREAMS):
                stream = await listening.enter_async_context(eve.get(path))
                assert stream.status == 200
            await wait_until(
                lambda: status_of(elsewhere, path),
                lambda status: status == 429,
                within_s=SEEN_WITHIN_S,
            )
        await wait_until(
            lambda: status_of(elsewhere, path), lambda status: status == 200, within_s=SEEN_WITHIN_S
        )


async def test_requests_taken_on_one_node_are_missing_on_the_other(
    nodes: tuple[Node, ...], video: Any
) -> None:
    here, there = nodes
    path = f"/api/v1/videos/{video['id']}/stream"
    async with here.client("root", "admin") as one, there.client("root", "admin") as other:
        for _ in range(REQUESTS):
            assert (await answer_of(one, path))[0] in (206, 429)

        refused = await wait_until(
            lambda: answer_of(other, path), lambda seen: seen[0] == 429, within_s=SEEN_WITHIN_S
        )

    assert refused[1].startswith('"requests";r=0')


async def test_watchers_are_the_same_figure_on_every_node(
    nodes: tuple[Node, ...], video: Any
) -> None:
    """Two viewers play by different nodes, one stops."""
    paths = [f"/api/v1/analytics/{one}" for one in ("courses/c1", f"videos/{video['id']}")]
    async with AsyncExitStack() as sessions:
        viewers = [
            await sessions.enter_async_context(node.client(who, "admin"))
            for node, who in zip(nodes, ("ann", "bob"), strict=True)
        ]
        admins = [
            await sessions.enter_async_context(node.client("root", "admin")) for node in nodes
        ]

        async def figures() -> set[int]:
            return {
                (await call(one, "GET", path))["active_now"] for one in admins for path in paths
            }

        playbacks = [
            await call(one, "POST", f"/api/v1/videos/{video['id']}/playback", json={})
            for one in viewers
        ]
        for one, playback in zip(viewers, playbacks, strict=True):
            await report(one, playback, video, 1.0)
        await wait_until(figures, lambda seen: seen == {2}, within_s=SEEN_WITHIN_S)

        stopped = {**playbacks[0], "next_sequence": playbacks[0]["next_sequence"] + 1}
        await report(viewers[0], stopped, video, 2.0, event="stopped")
        await wait_until(figures, lambda seen: seen == {1}, within_s=SEEN_WITHIN_S)


async def test_what_ran_on_a_node_that_was_killed_is_given_back(
    nodes: tuple[Node, ...], video: Any
) -> None:
    here, there = nodes
    path = f"/api/v1/videos/{video['id']}/stream"
    async with there.client("ada") as ada, AsyncExitStack() as watching:
        for _ in range(STREAMS):
            await watching.enter_async_context(stalled(here, "ada", path))
        await until_known(there, STREAMS)

        await asyncio.to_thread(here.end)

        await until_known(there, 0, within_s=LEASE_S + 2.0)
        assert await answer_of(ada, path) == (206, "")


@asynccontextmanager
async def stalled(node: Node, user_id: str, path: str) -> AsyncIterator[None]:
    """A transfer whose client reads its head and no more."""
    token = node.token(user_id)
    async with connected(node.url, buffer_bytes=2**12, receive_buffer_bytes=2**12) as wire:
        await wire.send(f"GET {path} HTTP/1.1", "Host: h", f"Authorization: Bearer {token}")
        assert (await wire.head()).status == 200
        yield


async def until_known(node: Node, streams: int, within_s: float = SEEN_WITHIN_S) -> None:
    """Asked of the metrics, since refused requests are taken from a limit, too."""
    await wait_until(
        lambda: totals(node), lambda seen: seen["streams"] == streams, within_s=within_s
    )


async def answer_of(session: aiohttp.ClientSession, path: str) -> tuple[int, str]:
    """Status and the state of the limit."""
    async with session.get(path, headers={"Range": "bytes=0-1"}) as response:
        return response.status, response.headers.get("RateLimit", "")


async def status_of(session: aiohttp.ClientSession, path: str) -> int:
    async with session.get(path) as response:
        return response.status


async def totals(node: Node) -> dict[str, float]:
    async with node.client("root", "admin") as admin, admin.get("/metrics") as response:
        return {name: float(count) for name, count in TOTAL.findall(await response.text())}
