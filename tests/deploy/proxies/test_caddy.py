"""deploy/Caddyfile in the Caddy of Debian, in front of a running service."""

from collections.abc import Iterator

import pytest

from tests.deploy.conftest import Upstream
from tests.deploy.proxies.configured.debian_caddy import caddy_site, running_caddy
from tests.deploy.proxies.proxied import Proxy, ProxyChecks
from tests.harness.running import free_port


@pytest.fixture(scope="module")
def proxy(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    directory, port, gone_port = tmp_path_factory.mktemp("caddy"), free_port(), free_port()
    sites = [
        caddy_site(directory, port, upstream.port),
        caddy_site(directory, gone_port, free_port()),
    ]
    with running_caddy(directory, sites) as logs:
        yield Proxy(f"http://127.0.0.1:{port}", logs, upstream, f"http://127.0.0.1:{gone_port}")


class TestCaddy(ProxyChecks):
    """All that must hold through a proxy."""
