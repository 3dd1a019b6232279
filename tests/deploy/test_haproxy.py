"""deploy/haproxy.cfg in the HAProxy of Debian, in front of a running service."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.conftest import Upstream, program
from tests.deploy.debian_haproxy import TLS, running_haproxy, substituted
from tests.deploy.proxied import Proxy, ProxyChecks
from tests.programs.certificates import make_certificate
from tests.running import free_port


@pytest.fixture(scope="module")
def proxy(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    directory = tmp_path_factory.mktemp("haproxy")
    with (
        running_haproxy(directory / "here", [upstream.port]) as here,
        running_haproxy(directory / "gone", [free_port()]) as gone,
    ):
        yield Proxy(here.url, [here.log, gone.log], upstream, gone.url)


class TestHaproxy(ProxyChecks):
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
