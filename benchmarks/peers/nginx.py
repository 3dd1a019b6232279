"""nginx as Debian ships it, serving files; alone, and asking an authorisation server first.

Its best for this work: one worker on one core, sendfile, tcp_nopush, descriptors kept open for
longer than a run, no access log, connections kept for as long as the generator wants. With
auth_request each range costs a subrequest over loopback, on connections that are kept, to a server
that only says 204: the same nginx, so that whoever really decides comes on top.
"""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from benchmarks.clients.load import Target
from benchmarks.servers.encrypted import Certificate
from benchmarks.servers.nginx import PROGRAM, nginx

AUTHORISATION_PORTS = 100  # above the port of the server that asks
ALONE = "root {files};"
WITH_AUTHORISATION = "root {files}; auth_request /authorised;"

TLS = "ssl; ssl_protocols TLSv1.3; ssl_certificate {own.chain}; ssl_certificate_key {own.key}"

HTTP = """
types {{ video/mp4 mp4; }}
sendfile on;
tcp_nopush on;
open_file_cache max=1000 inactive=1h;
open_file_cache_valid 1h;
upstream authorisation {{ server 127.0.0.1:{authorisation_port}; keepalive 1024; }}
server {{
    listen 127.0.0.1:{authorisation_port} backlog=4096;
    keepalive_requests 1000000000;
    return 204;
}}
server {{
    listen 127.0.0.1:{port} backlog=4096 {tls};
    location / {{ {location} }}
    location = /authorised {{
        internal;
        proxy_pass http://authorisation;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header X-Original-URI $request_uri;
        proxy_set_header Content-Length "";
        proxy_pass_request_body off;
    }}
}}
"""


def missing() -> str | None:
    return None if shutil.which(PROGRAM) else "nginx is not installed (Debian's package nginx)"


@contextlib.contextmanager
def served(
    files: Path,
    paths: tuple[tuple[str, int], ...],
    port: int,
    core: int,
    location: str,
    own: Certificate | None = None,
) -> Iterator[Target]:
    """The configuration for TLS with a certificate."""
    authorisation_port, root = port + AUTHORISATION_PORTS, location.format(files=files)
    tls = "" if own is None else TLS.format(own=own)
    http = HTTP.format(port=port, authorisation_port=authorisation_port, location=root, tls=tls)
    with nginx(files.with_name(f"nginx-{port}"), http, port, core) as pids:
        yield Target(port, paths, pids=pids)
