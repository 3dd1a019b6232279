"""deploy/nginx.conf in the nginx of Debian, in front of a running service."""

import re
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.conftest import Upstream, program
from tests.deploy.proxies.configured import nginx_nodes, nginx_proxy
from tests.deploy.proxies.configured.nginx_proxy import running_nginx
from tests.deploy.proxies.proxied import Proxy, ProxyChecks, UnbufferedChecks
from tests.harness.running import free_port


@pytest.fixture(scope="module")
def tls_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def proxy(
    upstream: Upstream, tls_port: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    with running_nginx(upstream, tmp_path_factory.mktemp("nginx"), tls_port) as proxy:
        yield proxy


class TestNginx(ProxyChecks, UnbufferedChecks):
    """All that must hold through a proxy."""

    def test_tls_offers_http2(self, proxy: Proxy, tls_port: int) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2", "http/1.1"])

        with (
            socket.create_connection(("127.0.0.1", tls_port), 10) as plain,
            context.wrap_socket(plain) as connection,
        ):
            assert connection.selected_alpn_protocol() == "h2"


@pytest.mark.parametrize("site", [nginx_proxy.DEPLOYED, nginx_nodes.NGINX], ids=["one", "several"])
def test_the_main_settings_in_the_head_of_the_file_fit_each_other(
    site: str, tmp_path: Path
) -> None:
    settings = re.findall(r"^#     (.+)$", site, re.MULTILINE)
    main = tmp_path / "nginx.conf"
    main.write_text("\n".join([f"pid {tmp_path}/pid;", "http {}", *settings]))

    found = subprocess.run(
        [program("nginx"), "-t", "-q", "-c", str(main), "-e", "stderr"],
        capture_output=True,
        text=True,
    )

    assert [setting.split()[0] for setting in settings] == ["worker_rlimit_nofile", "events"]
    # With too few descriptors nginx warns.
    assert (found.returncode, found.stderr) == (0, "")
