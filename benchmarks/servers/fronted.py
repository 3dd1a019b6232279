"""The product behind an nginx on the same core, as deploy/nginx.conf has it.

nginx proxies all bytes, or sends by itself what the product hands over.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from benchmarks.clients.load import Target
from benchmarks.servers import product
from benchmarks.servers.nginx import nginx
from benchmarks.servers.processes import Cores
from benchmarks.servers.product import Seed

INNER_PORTS = 200  # above the port of nginx
PREFIX = "/internal/"
HANDING_OVER: Mapping[str, str] = {"ACCEL_REDIRECT": PREFIX}

HTTP = """
sendfile on;
tcp_nopush on;
upstream coursestream {{ server 127.0.0.1:{inner_port}; keepalive 1024; }}
server {{
    listen 127.0.0.1:{port} backlog=4096;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_buffer_size 16k;
    proxy_buffers 16 64k;
    proxy_busy_buffers_size 128k;
    proxy_max_temp_file_size 0;
    location / {{ proxy_pass http://coursestream; }}
    location {prefix} {{
        internal;
        alias {storage}/;
        sendfile_max_chunk 2m;
        etag off;
        add_header ETag $upstream_http_etag;
        add_header X-Request-ID $upstream_http_x_request_id;
        add_header X-Content-Type-Options $upstream_http_x_content_type_options;
        add_header Referrer-Policy $upstream_http_referrer_policy;
    }}
}}
"""


@contextlib.contextmanager
def served(
    seeded: Seed, data_dir: Path, port: int, cores: Cores, settings: Mapping[str, str]
) -> Iterator[Target]:
    inner_port = port + INNER_PORTS
    storage = data_dir / "storage"
    http = HTTP.format(port=port, inner_port=inner_port, prefix=PREFIX, storage=storage)
    directory = data_dir.with_name(f"nginx-{port}")
    with (
        product.served(seeded, data_dir, inner_port, cores, settings, is_by_bearer=False) as inner,
        nginx(directory, http, port, cores.server) as workers,
    ):
        yield replace(inner, port=port, pids=(*inner.pids, *workers))
