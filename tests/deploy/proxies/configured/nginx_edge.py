"""deploy/edge.conf in the nginx of Debian, in front of a running service."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.deploy.proxies.configured.debian_nginx import running_sites
from tests.harness.running import ROOT, free_port
from tests.harness.serving import Serve

DEPLOYED = (ROOT / "deploy" / "edge.conf").read_text()
SECRET = "the origin's secret of thirty-two bytes"
KEY = "the edge's key of thirty-two bytes or more"


@dataclass(frozen=True)
class Edge:
    """A running nginx, the log of its requests with those to the origin, and the origin."""

    port: int
    directory: Path
    origin: Serve
    video: Any

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def lines(self) -> list[dict[str, str]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    @property
    def log(self) -> Path:
        return self.directory / "coursestream-edge.log"


@contextmanager
def running_edge(
    origin: Serve, video: Any, directory: Path, *, is_own: bool = False
) -> Iterator[Edge]:
    """An edge with an empty cache; `is_own`: it fetches in its own name, and checks signatures."""
    port = free_port()
    (directory / "conf.d").mkdir()
    (directory / "conf.d" / "edge.conf").write_text(
        _substituted(directory, port, origin.port, is_own=is_own)
    )
    # Subrequests are logged, so that a test can count what the origin is asked.
    with running_sites(directory, "sendfile on; log_subrequest on;"):
        yield Edge(port, directory, origin, video)


def _substituted(directory: Path, port: int, origin_port: int, *, is_own: bool) -> str:
    """Other ports and paths, no TLS; all else as it is deployed."""
    text = DEPLOYED
    for old, new in (
        ("courses.example.org:443", f"127.0.0.1:{origin_port}"),
        ("https://coursestream_origin", "http://coursestream_origin"),
        ("listen 443 ssl http2;", f"listen 127.0.0.1:{port};"),
        ("/var/log/nginx/", f"{directory}/"),
        ("/var/cache/nginx/", f"{directory}/"),
    ):
        assert old in text
        text = text.replace(old, new)
    if is_own:
        for value in (SECRET, KEY):
            text = text.replace('default "";', f'default "{value}";', 1)
    return re.sub(r"^ *(listen \[::\]|ssl_|proxy_ssl_).*\n", "", text, flags=re.MULTILINE)
