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

from benchmarks.load import Target
from benchmarks.processes import children, pinned, running, wait_for_port, wait_until

PROGRAM = "nginx"
AUTHORISATION_PORTS = 100  # above the port of the server that asks
ALONE = "root {files};"
WITH_AUTHORISATION = "root {files}; auth_request /authorised;"

CONFIGURATION = """
daemon off;
user root;
worker_processes 1;
worker_rlimit_nofile 65536;
pid {directory}/nginx.pid;
error_log {directory}/nginx.log error;
events {{ worker_connections 16384; }}
http {{
    types {{ video/mp4 mp4; }}
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    open_file_cache max=1000 inactive=1h;
    open_file_cache_valid 1h;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    upstream authorisation {{ server 127.0.0.1:{authorisation_port}; keepalive 1024; }}
    server {{
        listen 127.0.0.1:{authorisation_port} backlog=4096;
        keepalive_requests 1000000000;
        return 204;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
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
}}
"""


def missing() -> str | None:
    return None if shutil.which(PROGRAM) else "nginx is not installed (Debian's package nginx)"


@contextlib.contextmanager
def served(
    files: Path, paths: tuple[tuple[str, int], ...], port: int, core: int, location: str
) -> Iterator[Target]:
    directory = files.with_name(f"nginx-{port}")
    directory.mkdir()
    configuration, log = directory / "nginx.conf", directory / "output"
    configuration.write_text(
        CONFIGURATION.format(
            directory=directory,
            port=port,
            authorisation_port=port + AUTHORISATION_PORTS,
            location=location.format(files=files),
        )
    )
    with running(pinned(core, [PROGRAM, "-p", directory, "-c", configuration]), log) as process:
        wait_for_port(process, port, log)
        wait_until(lambda: children(process.pid), process, log)
        yield Target(port, paths, pids=tuple(children(process.pid)))
