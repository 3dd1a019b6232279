"""deploy/nginx-nodes.conf in the nginx of Debian, on loopback ports."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.deploy.proxies.configured.debian_nginx import running_sites
from tests.deploy.proxies.configured.nginx_proxy import write_certificate
from tests.harness.running import ROOT, free_port

NGINX = (ROOT / "deploy" / "nginx-nodes.conf").read_text()


@contextmanager
def running_nginx_nodes(directory: Path, nodes: Sequence[int]) -> Iterator[str]:
    port, text = free_port(), NGINX
    write_certificate(directory)
    for old, new in (
        ("listen 80;", f"listen 127.0.0.1:{free_port()};"),
        ("listen 443 ssl http2 sndbuf=256k;", f"listen 127.0.0.1:{port} sndbuf=256k;"),
        ("/var/log/nginx/", f"{directory}/"),
        ("/etc/letsencrypt/live/courses.example.org/", f"{directory}/"),
        *((f"10.0.0.{number}:8080", f"127.0.0.1:{up}") for number, up in enumerate(nodes, 1)),
    ):
        assert old in text
        text = text.replace(old, new)
    (directory / "conf.d").mkdir()
    text = re.sub(r"^ *listen \[::\].*\n", "", text, flags=re.MULTILINE)
    (directory / "conf.d" / "coursestream.conf").write_text(text)
    with running_sites(directory):
        yield f"http://127.0.0.1:{port}"
