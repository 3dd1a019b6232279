"""Client addresses behind trusted proxies; other senders are not trusted."""

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs

from events.metrics import Metrics
from handlers import keys
from server.web import middlewares
from server.web.proxies import PROXIES, TrustedProxies

TRUSTED = TrustedProxies(["10.0.0.0/8", "fd00::/8", "192.0.2.7/32"])


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        pytest.param("203.0.113.5", [], "203.0.113.5", id="nobody between"),
        pytest.param("203.0.113.5", ["198.51.100.1"], "203.0.113.5", id="a stranger claims"),
        pytest.param("10.1.1.1", ["198.51.100.1"], "198.51.100.1", id="our proxy tells"),
        pytest.param("10.1.1.1", [], "10.1.1.1", id="our proxy says nothing"),
        pytest.param("10.1.1.1", [""], "10.1.1.1", id="our proxy says it is empty"),
        pytest.param(
            "10.1.1.1", ["6.6.6.6, 198.51.100.1"], "198.51.100.1", id="what the client invented"
        ),
        pytest.param(
            "10.1.1.1", ["198.51.100.1, 192.0.2.7"], "198.51.100.1", id="two proxies of ours"
        ),
        pytest.param(
            "10.1.1.1", ["6.6.6.6", "198.51.100.1,10.2.2.2"], "198.51.100.1", id="two lines"
        ),
        pytest.param("10.1.1.1", ["10.3.3.3, 10.2.2.2"], "10.3.3.3", id="all of them ours"),
        pytest.param("10.1.1.1", ["6.6.6.6, unknown"], "10.1.1.1", id="no address"),
        pytest.param("10.1.1.1", ["a\tb\x1b[0m"], "10.1.1.1", id="no address for a log"),
        pytest.param("10.1.1.1", ["6.6.6.6, unknown, 10.2.2.2"], "10.2.2.2", id="known so far"),
        pytest.param("fd00::1", ["2001:db8::1"], "2001:db8::1", id="IPv6"),
        pytest.param("::ffff:10.1.1.1", ["198.51.100.1"], "198.51.100.1", id="IPv4 in IPv6"),
        pytest.param("2001:db8::2", ["198.51.100.1"], "2001:db8::2", id="an IPv6 stranger"),
        pytest.param("no address", ["198.51.100.1"], "no address", id="a peer without address"),
    ],
)
def test_client_is_the_nearest_that_is_no_proxy_of_ours(
    peer: str, forwarded_for: list[str], client: str
) -> None:
    assert TRUSTED.client(peer, forwarded_for) == client


async def answer(request: web.Request) -> web.Response:
    return web.json_response({"scheme": request.scheme, "host": request.host})


CLAIMS = {
    "X-Forwarded-For": "198.51.100.1",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.example",
    "Forwarded": "for=198.51.100.2;proto=https",
}


@pytest.mark.parametrize(
    ("trusted", "client"),
    [
        pytest.param(["127.0.0.0/8"], "198.51.100.1", id="a trusted proxy"),
        pytest.param(["10.0.0.0/8"], "127.0.0.1", id="another network"),
        pytest.param(None, "127.0.0.1", id="nobody is trusted"),
    ],
)
async def test_log_names_the_client_and_nothing_else_is_believed(
    trusted: list[str] | None, client: str
) -> None:
    app = web.Application(middlewares=[middlewares.observe])
    app[PROXIES] = TrustedProxies(trusted)
    app[keys.METRICS] = Metrics()
    app.router.add_put("/", answer)
    with capture_logs() as lines:
        async with (
            TestServer(app) as server,
            aiohttp.ClientSession() as session,
            session.put(server.make_url("/"), headers=CLAIMS) as response,
        ):
            seen = await response.json()
            address = server.make_url("/")

    assert [line["client"] for line in lines] == [client]
    assert seen == {"scheme": "http", "host": f"{address.host}:{address.port}"}


@pytest.mark.parametrize(
    ("proxies", "peer", "is_trusted"),
    [
        pytest.param(TRUSTED, "10.1.1.1", True, id="ours"),
        pytest.param(TRUSTED, "::ffff:10.1.1.1", True, id="ours, IPv4 in IPv6"),
        pytest.param(TRUSTED, "203.0.113.5", False, id="a stranger"),
        pytest.param(TRUSTED, "", False, id="a socket without an address"),
        pytest.param(TrustedProxies(None), "10.1.1.1", False, id="no proxies"),
    ],
)
def test_a_proxy_is_trusted_by_its_address(
    proxies: TrustedProxies, peer: str, is_trusted: bool
) -> None:
    assert proxies.trusts(peer) is is_trusted
