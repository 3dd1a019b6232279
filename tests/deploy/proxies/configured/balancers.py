"""The balancers of `deploy/` in front of the nodes of a test."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from tests.deploy.proxies.configured.debian_haproxy import running_haproxy
from tests.deploy.proxies.configured.nginx_nodes import running_nginx_nodes

Balancer = Callable[[Path, Sequence[int]], AbstractContextManager[str]]


@contextmanager
def behind_haproxy(directory: Path, ports: Sequence[int]) -> Iterator[str]:
    with running_haproxy(directory, ports) as haproxy:
        yield haproxy.url


BALANCERS = [
    pytest.param(running_nginx_nodes, id="nginx"),
    pytest.param(behind_haproxy, id="HAProxy"),
]


@asynccontextmanager
async def entered(balancer: AbstractContextManager[str]) -> AsyncIterator[str]:
    """Its address; it is waited for in a thread, since the nodes are in this one."""
    url = await asyncio.to_thread(balancer.__enter__)
    try:
        yield url
    finally:
        await asyncio.to_thread(balancer.__exit__, None, None, None)
