"""deploy/Caddyfile in the Caddy of Debian, in front of a running service."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.deploy.conftest import Upstream, program
from tests.deploy.proxies.proxied import Proxy, ProxyChecks
from tests.harness.running import ROOT, free_port, wait_for

DEPLOYED = (ROOT / "deploy" / "Caddyfile").read_text()
SITE = "courses.example.org {"


@pytest.fixture(scope="module")
def proxy(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    caddy, directory = program("caddy"), tmp_path_factory.mktemp("caddy")
    port, gone_port = free_port(), free_port()
    here = _substituted(str(directory), port, upstream.port)
    gone = _substituted(str(directory), gone_port, free_port())
    # A second site beside the first, of the same file.
    config = directory / "Caddyfile"
    config.write_text(here + gone[gone.index(f"http://127.0.0.1:{gone_port} {{") :])
    output = directory / "output"
    with output.open("ab") as file:
        process = subprocess.Popen(
            [caddy, "run", "--config", str(config), "--adapter", "caddyfile"],
            stdout=file,
            stderr=subprocess.STDOUT,
            env={"HOME": str(directory), "CADDY_ADMIN": f"unix/{directory}/admin"},
        )
    try:
        wait_for(lambda: "serving initial configuration" in output.read_text(), "Caddy", 20)
        logs = [directory / "coursestream.log", output]
        yield Proxy(f"http://127.0.0.1:{port}", logs, upstream, f"http://127.0.0.1:{gone_port}")
    finally:
        process.terminate()
        process.wait(10)


def _substituted(directory: str, port: int, upstream_port: int) -> str:
    """Other ports and paths, no certificate; all else as it is deployed."""
    text = DEPLOYED
    for old, new in (
        (SITE, f"http://127.0.0.1:{port} {{"),
        ("127.0.0.1:8080", f"127.0.0.1:{upstream_port}"),
        ("/var/log/caddy/", f"{directory}/"),
    ):
        assert old in text
        text = text.replace(old, new)
    return text


class TestCaddy(ProxyChecks):
    """All that must hold through a proxy."""
