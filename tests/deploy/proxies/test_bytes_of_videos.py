"""The addresses of a video's bytes, through each balancer: from one node, else from another."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from tests.deploy.proxies.configured import nginx_nodes
from tests.deploy.proxies.configured.balancers import BALANCERS, Balancer, entered

VIDEOS = [f"00000000-0000-4000-8000-00000000000{number}" for number in range(4)]
PATHS = (
    "/play/grant/{}/source-0123456789abcdef.mp4",
    "/api/v1/videos/{}/stream",
    "/api/v1/videos/{}/download",
    "/api/v1/videos/{}/thumbnails/640",
    "/api/v1/videos/{}/storyboard.vtt",
    "/media/{}/source-0123456789abcdef.mp4",
)
CHECKS = ("/readyz", "/drainz")
MAX_WAIT_S = 60.0


@dataclass
class Nodes:
    """Of each video, the node that is asked first never has the storage: it answers 503."""

    first: dict[str, int] = field(default_factory=dict)
    asked: list[tuple[str, int]] = field(default_factory=list)

    def status(self, path: str, number: int) -> int:
        if path in CHECKS:
            return 200
        self.asked.append((path, number))
        (video,) = (one for one in VIDEOS if one in path)
        return 503 if self.first.setdefault(video, number) == number else 200

    async def serve(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            status = self.status(head.split()[1], number)
            writer.write(f"HTTP/1.1 {status} -\r\nContent-Length: 0\r\n".encode())
            writer.write(b"Connection: close\r\n\r\n")
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def running(nodes: Nodes) -> AsyncIterator[list[int]]:
    servers = [
        await asyncio.start_server(partial(nodes.serve, number), "127.0.0.1", 0)
        for number in range(3)
    ]
    try:
        yield [server.sockets[0].getsockname()[1] for server in servers]
    finally:
        for server in servers:
            server.close()


@pytest.mark.parametrize("balancer", BALANCERS)
async def test_all_bytes_of_a_video_come_from_its_node_or_another(
    balancer: Balancer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Else nginx remembers the first failure, and asks that node nothing for 10 s.
    asks_always = nginx_nodes.NGINX.replace("max_fails=1", "max_fails=0")
    monkeypatch.setattr(nginx_nodes, "NGINX", asks_always)
    nodes, paths = Nodes(), [path.format(video) for video in VIDEOS for path in PATHS]
    async with (
        running(nodes) as ports,
        entered(balancer(tmp_path, ports)) as url,
        aiohttp.ClientSession(url, timeout=aiohttp.ClientTimeout(total=MAX_WAIT_S)) as session,
    ):
        statuses = {path: await status_of(session, path) for path in paths}

    assert statuses == dict.fromkeys(paths, 200)
    first_asked = {path: number for path, number in reversed(nodes.asked)}
    assert first_asked == {
        path: nodes.first[video] for video in VIDEOS for path in paths if video in path
    }


async def status_of(session: aiohttp.ClientSession, path: str) -> int:
    async with session.get(path) as response:
        return response.status
