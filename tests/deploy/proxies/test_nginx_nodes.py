"""deploy/nginx-nodes.conf in the nginx of Debian, in front of a running service."""

from collections.abc import Iterator

import pytest

from tests.deploy.conftest import Upstream
from tests.deploy.proxies.configured.nginx_nodes import running_nginx_nodes
from tests.deploy.proxies.proxied import Proxy, ProxyChecks, UnbufferedChecks
from tests.harness.running import free_port

LOGS = ("coursestream.log", "coursestream-error.log", "main-access.log", "main-error.log")


@pytest.fixture(scope="module")
def proxy(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    here, gone = (tmp_path_factory.mktemp(name) for name in ("here", "gone"))
    with (
        running_nginx_nodes(here, [upstream.port] * 3) as url,
        running_nginx_nodes(gone, [free_port()] * 3) as gone_url,
    ):
        logs = [directory / name for directory in (here, gone) for name in LOGS]
        yield Proxy(url, logs, upstream, gone_url)


class TestNginxNodes(ProxyChecks, UnbufferedChecks):
    """All that must hold through a proxy."""
