"""Nodes that are killed, hang or stop behind the HAProxy and the nginx of `deploy/`.

The players' ranges go to one node, by the video; that one fails.
"""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from server.commands.tokens import mint_token
from tests.deploy.proxies.configured.debian_haproxy import running_haproxy
from tests.deploy.proxies.configured.nginx_nodes import running_nginx_nodes
from tests.faults.conftest import url_of
from tests.harness.running import SECRET, free_port, start, stop, wait_for
from tests.harness.serving import call, ready_video_of, write_large_mp4
from tests.nodes.players import Audience, attended
from tests.service.several_nodes import Node, running_nodes

# The longest wait for a range: the time in which a balancer finds out that a node hangs.
WITHIN_S = {"HAProxy": 2.0, "nginx": 3.0}
FILM_BYTES = 4 * 2**20
pytestmark = pytest.mark.alone


@dataclass
class Cluster:
    """Three nodes and a film that is ready; `file` is what they serve of it."""

    nodes: tuple[Node, ...]
    dsn: str
    storage: Path
    video_id: str
    path: str
    events_path: str
    file: bytes

    def revive(self) -> None:
        for node in self.nodes:
            if node.process.poll() is not None:
                node.start_on(self.dsn, self.storage, **node.settings)

    def ranges_served(self) -> list[int]:
        """The number of ranges of the film that each node has logged."""
        shown = f"/{self.video_id}/source-"
        lines = [node.log().splitlines() for node in self.nodes]
        return [sum(shown in one and '"status": 206' in one for one in each) for each in lines]

    def busiest_since(self, before: list[int]) -> Node:
        gained = [now - then for now, then in zip(self.ranges_served(), before, strict=True)]
        # HAProxy gives others what is above a share and a half: one of three nodes has half of all.
        assert max(gained) >= sum(gained) / 2, f"the video has no node of its own: {gained}"
        return self.nodes[gained.index(max(gained))]

    def audience(self, url: str) -> Audience:
        token = mint_token(SECRET, "root", roles=("admin",))
        return Audience(
            url,
            self.path,
            self.file,
            self.events_path,
            f"/api/v1/videos/{self.video_id}",
            {"Authorization": f"Bearer {token}"},
        )


@pytest.fixture(scope="module")
def cluster(shared_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    directory = tmp_path_factory.mktemp("nodes")
    film = write_large_mp4(directory, random.Random(1).randbytes(FILM_BYTES))
    settings = {"LOG_LEVEL": "debug", "LOG_FORMAT": "json", "STREAM_RATE_LIMIT": "1000/second"}
    with running_nodes(shared_dsn, directory, "abc", **settings) as nodes:
        storage = directory / "storage"
        with media_worker(shared_dsn, directory):
            told = asyncio.run(_publish(nodes[0], film))
        yield Cluster(nodes, shared_dsn, storage, *told)


@contextmanager
def media_worker(dsn: str, directory: Path) -> Iterator[None]:
    process = start(
        *(directory / "worker", directory / "worker.log", free_port(), "worker"),
        DATABASE_URL=url_of(dsn),
        STORAGE_PATH=str(directory / "storage"),
        STORAGE_RESERVE="0",
    )
    try:
        yield
    finally:
        stop(process)


async def _publish(node: Node, film: Path) -> tuple[str, str, str, bytes]:
    async with node.client("root", "admin") as admin:
        video = await ready_video_of(admin, film)
        told = await call(admin, "POST", f"/api/v1/videos/{video['id']}/playback", json={})
        async with admin.get(told["stream_url"]) as response:
            return video["id"], told["stream_url"], told["events_url"], await response.read()


@pytest.fixture(params=list(WITHIN_S))
def balancer(
    request: pytest.FixtureRequest, cluster: Cluster, tmp_path: Path
) -> Iterator[tuple[str, str]]:
    """Name and address of a fresh one: it knows nothing of earlier faults."""
    cluster.revive()
    ports = [node.port for node in cluster.nodes]
    if request.param == "HAProxy":
        with running_haproxy(tmp_path / "haproxy", ports) as haproxy:
            yield request.param, haproxy.url
    else:
        with running_nginx_nodes(tmp_path, ports) as url:
            yield request.param, url


async def kill(node: Node, audience: Audience) -> None:
    node.process.kill()
    await asyncio.to_thread(node.process.wait)
    await audience.until_more(ranges=40)


async def hang(node: Node, audience: Audience) -> None:
    with node.hanging():
        await audience.until_more(ranges=40)


async def drain(node: Node, audience: Audience) -> None:
    node.process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(node.process.wait, 60) == 0
    await audience.until_more(ranges=40)


@pytest.mark.parametrize("fault", [kill, hang, drain], ids=["killed", "hung", "drained"])
async def test_a_node_fails_and_nobody_notices(
    fault: Callable[[Node, Audience], Awaitable[None]],
    balancer: tuple[str, str],
    cluster: Cluster,
) -> None:
    name, url = balancer
    before = await asyncio.to_thread(cluster.ranges_served)

    async with attended(cluster.audience(url)) as audience:
        victim = await asyncio.to_thread(cluster.busiest_since, before)
        await fault(victim, audience)

    assert audience.wrong == []
    assert audience.ended_for_good == []
    assert audience.longest_wait_s < WITHIN_S[name]
    for heard in audience.heard:
        ids = [event_id for event_id, _ in heard]
        assert ids == sorted(set(ids))
        times = [audience.times_heard(title, heard) for title in audience.sent]
        assert max(times) == 1, "a request was done twice, or an event came twice"


def test_haproxy_hears_that_a_node_leaves_before_it_is_gone(
    cluster: Cluster, tmp_path: Path
) -> None:
    """Its checks have a connection each, which a closed listener refuses: a failure, to it."""
    cluster.revive()
    with running_haproxy(tmp_path / "haproxy", [node.port for node in cluster.nodes]) as haproxy:

        def node() -> dict[str, str]:
            return haproxy.servers("alive")["node1"]

        wait_for(lambda: node()["check_status"] == "L7OK", "a check", 10)
        cluster.nodes[0].process.send_signal(signal.SIGTERM)
        left = wait_for(lambda: (state := node()["status"]) != "UP" and state, "its leaving", 10)
        assert cluster.nodes[0].process.wait(60) == 0

    assert left == "NOLB"  # no load balancing: what runs goes on
