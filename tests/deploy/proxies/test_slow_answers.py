"""Changes whose answer takes long, through each balancer: waited for, and sent to one node."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.deploy.proxies.configured import debian_haproxy, nginx_nodes
from tests.deploy.proxies.configured.balancers import BALANCERS, Balancer, entered

FASTER = 100  # a second of the files is 10 ms here
WAITS = re.compile(r"(proxy_(?:read|next_upstream)_timeout|timeout server) (\d+)s")
VIDEO = "/api/v1/videos/00000000-0000-4000-8000-000000000007"
# Seconds in which the service answers, at the latest: for a turn, and for the work.
LEAST_S = {
    "PUT {video}/file": 300,
    "POST /api/v1/modules/m1/videos": 300,
    "PATCH /api/v1/uploads/one": 300,
    "PUT {video}/thumbnail": 120,
    "PUT {video}/captions/en": 120,
    "PUT {video}/chapters": 120,
}
BODY = bytes(100_000)  # more than comes with a head
MAX_WAIT_S = 60.0
CHECKS = ("/readyz", "/drainz")


class SilentNode:
    """Takes requests whole and never answers them; it is in good health."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            method, path, _ = head.split(" ", 2)
            if path in CHECKS:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                await writer.drain()
            else:
                self.asked[f"{method} {path}"] += 1
                await reader.read(-1)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def silent_nodes() -> AsyncIterator[tuple[list[int], list[SilentNode]]]:
    nodes = [SilentNode() for _ in range(3)]
    servers = [await asyncio.start_server(node.serve, "127.0.0.1", 0) for node in nodes]
    try:
        yield [server.sockets[0].getsockname()[1] for server in servers], nodes
    finally:
        for server in servers:
            server.close()


def faster(config: str) -> str:
    return WAITS.sub(lambda found: f"{found[1]} {int(found[2]) * 1000 // FASTER}ms", config)


@pytest.mark.parametrize("balancer", BALANCERS)
async def test_a_slow_change_is_waited_for_and_sent_once(
    balancer: Balancer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nginx_nodes, "NGINX", faster(nginx_nodes.NGINX))
    monkeypatch.setattr(debian_haproxy, "DEPLOYED", faster(debian_haproxy.DEPLOYED))
    changes = {each.format(video=VIDEO): least_s for each, least_s in LEAST_S.items()}
    async with (
        silent_nodes() as (ports, nodes),
        entered(balancer(tmp_path, ports)) as url,
        aiohttp.ClientSession(url, timeout=aiohttp.ClientTimeout(total=MAX_WAIT_S)) as session,
    ):
        answers = await asyncio.gather(*(change(session, each) for each in changes))

    asked = sum((node.asked for node in nodes), Counter[str]())
    assert asked == Counter(dict.fromkeys(changes, 1))
    for (status, waited_s), (each, least_s) in zip(answers, changes.items(), strict=True):
        assert (status, waited_s >= least_s / FASTER) == (504, True), f"{each}: {waited_s:.2f} s"


async def change(session: aiohttp.ClientSession, asked: str) -> tuple[int, float]:
    method, path = asked.split()
    began_s = time.monotonic()
    async with session.request(method, path, data=BODY) as response:
        return response.status, time.monotonic() - began_s
