"""deploy/haproxy.cfg in the HAProxy of Debian, in front of a running service."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.deploy.conftest import Upstream, program
from tests.deploy.proxies.configured.debian_haproxy import TLS, running_haproxy, substituted
from tests.deploy.proxies.proxied import Proxy, ProxyChecks, UnbufferedChecks
from tests.harness.running import free_port
from tests.programs.certificates import make_certificate


@pytest.fixture(scope="module")
def proxy(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    directory = tmp_path_factory.mktemp("haproxy")
    with (
        running_haproxy(directory / "here", [upstream.port]) as here,
        running_haproxy(directory / "gone", [free_port()]) as gone,
    ):
        yield Proxy(here.url, [here.log, gone.log], upstream, gone.url)


class TestHaproxy(ProxyChecks, UnbufferedChecks):
    """All that must hold through a proxy."""


def test_haproxy_accepts_the_file_with_its_certificate(tmp_path: Path) -> None:
    made = make_certificate(tmp_path)
    pem = tmp_path / "certificate.pem"
    pem.write_bytes(made.certificate.read_bytes() + made.key.read_bytes())
    here = TLS.replace("/etc/haproxy/certificate.pem", str(pem)).replace(":443", "127.0.0.1:443")
    config = tmp_path / "haproxy.cfg"
    config.write_text(substituted(tmp_path, 0, [1, 2, 3], {"bind 127.0.0.1:0": here}))

    found = subprocess.run(
        [program("haproxy"), "-c", "-q", "-f", str(config)], capture_output=True, text=True
    )

    assert (found.returncode, found.stderr) == (0, "")


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        pytest.param(b"", b"", id="opened ahead"),
        pytest.param(
            b"GET / HTTP/1.1\r\n", b"HTTP/1.1 408 Request Time-out\r\n", id="half a request"
        ),
    ],
)
def test_a_connection_that_asks_for_nothing_is_not_answered(
    tmp_path: Path, sent: bytes, answer: bytes
) -> None:
    hasty = {"timeout http-request 10s": "timeout http-request 100ms"}
    with running_haproxy(tmp_path, [free_port()], hasty) as haproxy:
        found = urlsplit(haproxy.url)
        with socket.create_connection((found.hostname, found.port), 10) as connection:
            connection.sendall(sent)
            assert connection.makefile("rb").readline() == answer
