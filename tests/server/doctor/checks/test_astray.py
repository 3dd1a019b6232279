"""Requests that a proxy answered, or that came to the service under another address."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from multidict import CIMultiDict, CIMultiDictProxy

from server.doctor.checks.astray import astray
from server.doctor.checks.reach import examine_token
from server.doctor.client import Client, SeenReply
from server.doctor.installation import QUICK, Installation

OF_SERVICE = {"X-Request-ID": "1", "Content-Type": "application/problem+json"}
OF_HAPROXY = {"Via": "1.1 haproxy"}
OF_NGINX = {"Server": "nginx"}


@pytest.mark.parametrize(
    ("status", "headers", "code", "begins"),
    [
        pytest.param(404, OF_NGINX, "path-caught", "nginx", id="another location"),
        pytest.param(403, OF_NGINX, "path-caught", "nginx", id="a proxy's own rule"),
        pytest.param(301, OF_NGINX, "path-caught", "nginx", id="a proxy's redirection"),
        pytest.param(429, OF_NGINX, "proxy-limit", "nginx", id="a proxy's limit"),
        pytest.param(503, OF_NGINX, "proxy-limit", "nginx", id="nginx's limit"),
        pytest.param(503, OF_HAPROXY, "", "HAProxy", id="no node"),
        pytest.param(204, OF_NGINX, "path-caught", "nginx", id="a proxy's answer"),
        pytest.param(406, OF_SERVICE, "accept-changed", "the service", id="another Accept"),
        pytest.param(502, OF_NGINX, "", "nginx", id="a proxy that gets no answer"),
        pytest.param(404, OF_SERVICE, "path-changed", "the service", id="another address"),
        pytest.param(302, OF_SERVICE, "", "the service", id="the service's redirection"),
        pytest.param(500, OF_SERVICE, "", "the service", id="an error of the service"),
    ],
)
def test_who_answered_decides_the_fault(
    status: int, headers: dict[str, str], code: str, begins: str
) -> None:
    reply = SeenReply(status, CIMultiDictProxy(CIMultiDict(headers)), b"")

    found = astray(reply, "GET /", Installation(Client("http://courses.example", "", True), QUICK))

    assert found.code == code
    assert found.sentence.startswith(f"{begins} answered {status} to GET /")


@pytest.fixture
async def static_site() -> AsyncIterator[str]:
    """A site that answers each address itself."""
    async with TestServer(web.Application()) as server:
        yield str(server.make_url(""))


async def test_an_api_that_a_proxy_answers_itself_is_caught(static_site: str) -> None:
    async with Client(static_site, "token", True).opened() as client:
        found = await examine_token(Installation(client, QUICK))

    assert [one.code for one in found] == ["path-caught"]
