"""The nginx of Debian with the sites of a test in its `conf.d`."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.deploy.conftest import program
from tests.harness.running import wait_for

# What Debian's own nginx.conf has around sites, as far as it matters.
AROUND = """
daemon off;
user root;
pid {directory}/nginx.pid;
error_log {directory}/main-error.log warn;
events {{ worker_connections 256; }}
http {{
    {fields}
    access_log {directory}/main-access.log;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    include {directory}/conf.d/*.conf;
}}
"""


@contextmanager
def running_sites(directory: Path, fields: str = "") -> Iterator[None]:
    """nginx with the sites in `directory`, and these fields for all of them."""
    main = directory / "nginx.conf"
    main.write_text(AROUND.format(directory=directory, fields=fields))
    process = subprocess.Popen(
        [program("nginx"), "-c", str(main), "-e", str(directory / "start.log")]
    )
    try:
        wait_for((directory / "nginx.pid").exists, "nginx", 10)
        yield
    finally:
        process.terminate()
        process.wait(10)
